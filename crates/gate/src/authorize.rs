//! May they? Pure: a class and a principal in, a permit or a refusal out.

use http::{HeaderMap, Method, header};
use model::{
    access::{Permission, Role, may},
    principal::{Principal, Via},
    rules::{Bounds, By, Decision, SignedBy, Verdict},
};

use crate::route::{Class, Effect, View};

/// That this one request may go on. Made only by [`authorize`]; `forward` takes nothing else.
#[derive(Debug)]
pub struct Permit {
    class: Class,
    principal: Option<Principal>,
    bounds: Bounds,
    signed_by: Option<SignedBy>,
    rule: Option<usize>,
    _made_here: (),
}

impl Permit {
    /// The place of the rule that let it in, from 1.
    pub(crate) fn rule(&self) -> Option<usize> {
        self.rule
    }

    /// How much the rule that let it in gives one asker.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// How the request must be signed besides.
    pub(crate) fn signed_by(&self) -> Option<&SignedBy> {
        self.signed_by.as_ref()
    }

    /// What was asked for.
    pub fn class(&self) -> &Class {
        &self.class
    }

    /// Who asked; none on a public path.
    pub fn principal(&self) -> Option<&Principal> {
        self.principal.as_ref()
    }
}

/// Why a request does not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is logged in.
    #[error("log in first")]
    NotIdentified,
    /// The role, the token's scopes or the kind of session do not cover it.
    #[error("{name} ({role}) may not do this; ask an administrator for a role that may")]
    NotAllowed {
        /// Who.
        name: String,
        /// With which role.
        role: Role,
    },
    /// Nobody may.
    #[error("{0}")]
    Never(&'static str),
    /// The rules who may come from where do not let it in.
    #[error("{}; an administrator can change who may come from where in the console", by_rule(.0))]
    ByRule(By),
    /// A rule lets in devices by their certificate, and none that fits was shown.
    #[error(
        "{}", no_certificate(.0)
    )]
    NoCertificate(By),
    /// A route of a node that nobody allowed yet.
    #[error(
        "no rule knows this address; an administrator can allow it for this instance in the console"
    )]
    Unknown,
    /// Another site's page sent it.
    #[error("the request came from another site's page")]
    CrossSite,
}

fn no_certificate(by: &By) -> String {
    format!(
        "{by} lets in only what shows a client certificate that fits, and this connection showed \
         none; give the client its certificate and key, or look whether it ran out or was revoked"
    )
}

fn by_rule(by: &By) -> String {
    match by {
        By::Rule(place) => format!("rule {place} does not let you in from where you are"),
        By::PublicPath(_) | By::Default => "you are not let in from where you are".to_owned(),
    }
}

/// Decides. `decision`: who may come at all, by the installation's rules.
pub fn authorize(
    class: Class,
    principal: Option<&Principal>,
    decision: &Decision,
) -> Result<Permit, Refusal> {
    if let Class::Never(reason) = class {
        return Err(Refusal::Never(reason));
    }
    if decision.verdict == Verdict::Refused {
        return Err(Refusal::ByRule(decision.by.clone()));
    }
    if decision.verdict == Verdict::NoCertificate {
        return Err(Refusal::NoCertificate(decision.by.clone()));
    }
    let is_public = decision.verdict == Verdict::Open;
    let is_open =
        matches!(class, Class::Own(_) | Class::Login(_)) || (is_public && class == Class::Endpoint);
    let permit = |class| Permit {
        class,
        principal: principal.cloned(),
        bounds: decision.bounds,
        signed_by: decision.signed_by.clone(),
        rule: match decision.by {
            By::Rule(place) => Some(place),
            By::PublicPath(_) | By::Default => None,
        },
        _made_here: (),
    };
    if is_open {
        return Ok(permit(class));
    }
    let known = principal.ok_or(Refusal::NotIdentified)?;
    if class == Class::Unknown {
        return Err(Refusal::Unknown);
    }
    if holds(&class, known) {
        Ok(permit(class))
    } else {
        Err(Refusal::NotAllowed {
            name: known.name.to_string(),
            role: known.role,
        })
    }
}

fn holds(class: &Class, principal: &Principal) -> bool {
    let may = |permission| may(principal, permission);
    match class {
        Class::Page | Class::Asset | Class::Comms => may(Permission::ReadRuntime),
        Class::Read(view) => match view {
            View::Plain | View::Catalogue | View::Settings | View::EditorTexts | View::Plugins => {
                may(Permission::ReadRuntime)
            }
            // Values in clear, secrets among them.
            View::Context => may(Permission::Trigger),
            View::Credentials => may(Permission::Propose),
            // Memory, environment and paths of the machine. By role: no session of the editor's
            // origin holds `Administer`.
            View::Diagnostics => {
                may(Permission::ReadRuntime) && principal.role.permits(Permission::Administer)
            }
        },
        Class::Change(_) | Class::UnknownRead | Class::Allowed => may(Permission::Propose),
        Class::Effect(
            Effect::Inject(_) | Effect::Debug(_) | Effect::DebugMany | Effect::Context,
        ) => may(Permission::Trigger),
        Class::Write(write) => match write {
            crate::route::Write::UserSettings => may(Permission::ReadRuntime),
            crate::route::Write::Library => may(Permission::Propose),
        },
        Class::Endpoint => may(Permission::UseEndpoints),
        // By token alone: a script of the editor's page has its victim's session, and no use for
        // everything that ever ran.
        Class::History => may(Permission::ReadQueue) && matches!(principal.via, Via::Token { .. }),
        Class::Own(_) | Class::Login(_) => true,
        Class::Unknown | Class::Never(_) => false,
    }
}

/// Whether a browser's session may be used for this request: not when another site's page sent it.
///
/// A bearer token is never sent by a browser on its own, so a request that carries one passes.
pub fn same_site(
    method: &Method,
    is_upgrade: bool,
    headers: &HeaderMap,
    principal: Option<&Principal>,
    public_origin: &str,
) -> Result<(), Refusal> {
    let by_token = principal.is_some_and(|principal| matches!(principal.via, Via::Token { .. }));
    let is_safe = matches!(*method, Method::GET | Method::HEAD) && !is_upgrade;
    if principal.is_none() || by_token || is_safe {
        return Ok(());
    }
    let only = |name: header::HeaderName| {
        let mut values = headers.get_all(name).iter();
        let first = values.next();
        if values.next().is_some() {
            Some("twice")
        } else {
            first.map(|v| v.to_str().unwrap_or(""))
        }
    };
    // Every browser sends Origin with these; a client without a browser uses a token.
    if only(header::ORIGIN) != Some(public_origin) {
        return Err(Refusal::CrossSite);
    }
    match only(header::HeaderName::from_static("sec-fetch-site")) {
        None | Some("same-origin") => Ok(()),
        // `none` is a person's own navigation, which sends no foreign page's request.
        Some("none") if !is_upgrade => Ok(()),
        Some(_) => Err(Refusal::CrossSite),
    }
}

#[cfg(test)]
mod tests {
    use model::{
        access::Scope,
        id::{SessionId, TokenId, UserId},
    };

    use super::*;
    use crate::route::{Change, Own, Write};

    fn person(role: Role, via: Via) -> Principal {
        Principal {
            user: UserId(1),
            name: "ann".parse().unwrap(),
            role,
            via,
        }
    }

    fn session(role: Role) -> Principal {
        person(
            role,
            Via::GateSession {
                session: SessionId(1),
            },
        )
    }

    #[test]
    fn each_class_needs_its_role() {
        use Role::{Administrator, Auditor, Editor, Reviewer, Viewer};
        let rows: [(Class, &[Role]); 12] = [
            (
                Class::Page,
                &[Viewer, Editor, Reviewer, Administrator, Auditor],
            ),
            (
                Class::Comms,
                &[Viewer, Editor, Reviewer, Administrator, Auditor],
            ),
            (
                Class::Read(View::Plain),
                &[Viewer, Editor, Reviewer, Administrator, Auditor],
            ),
            (
                Class::Read(View::Context),
                &[Editor, Reviewer, Administrator],
            ),
            (
                Class::Read(View::Credentials),
                &[Editor, Reviewer, Administrator],
            ),
            (Class::Read(View::Diagnostics), &[Administrator]),
            (
                Class::Change(Change::Flows),
                &[Editor, Reviewer, Administrator],
            ),
            (
                Class::Effect(Effect::DebugMany),
                &[Editor, Reviewer, Administrator],
            ),
            (
                Class::Write(Write::Library),
                &[Editor, Reviewer, Administrator],
            ),
            (Class::UnknownRead, &[Editor, Reviewer, Administrator]),
            (Class::Endpoint, &[Viewer, Editor, Reviewer, Administrator]),
            (Class::Unknown, &[]),
        ];
        for (class, allowed) in rows {
            for role in Role::ALL {
                let permit = authorize(class.clone(), Some(&session(role)), &by(Verdict::Open));
                let expected = allowed.contains(&role) || class == Class::Endpoint;
                assert_eq!(permit.is_ok(), expected, "{class:?} {role}");
            }
            let anonymous = authorize(class.clone(), None, &by(Verdict::LogIn));
            assert_eq!(anonymous.unwrap_err(), Refusal::NotIdentified, "{class:?}");
        }
        assert!(authorize(Class::Endpoint, None, &by(Verdict::Open)).is_ok());
        assert!(
            authorize(Class::Page, None, &by(Verdict::Open)).is_err(),
            "the editor is never public"
        );
        let admin = session(Administrator);
        assert!(authorize(Class::Never("x"), Some(&admin), &by(Verdict::Open)).is_err());
        for class in [Class::Page, Class::Endpoint, Class::Own(Own::Enter)] {
            let refused = authorize(class.clone(), Some(&admin), &by(Verdict::Refused));
            assert_eq!(
                refused.unwrap_err(),
                Refusal::ByRule(By::Default),
                "{class:?}"
            );
        }
    }

    fn by(verdict: Verdict) -> Decision {
        Decision {
            verdict,
            by: By::Default,
            signed_by: None,
            bounds: Bounds::default(),
        }
    }

    #[test]
    fn another_sites_page_cannot_use_a_session() {
        let ann = session(Role::Editor);
        let origin = "https://localhost:8443";
        let check = |method: Method, is_upgrade, pairs: &[(&'static str, &'static str)]| {
            let headers = pairs
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect();
            same_site(&method, is_upgrade, &headers, Some(&ann), origin).is_ok()
        };
        assert!(check(
            Method::POST,
            false,
            &[("origin", origin), ("sec-fetch-site", "same-origin")]
        ));
        assert!(check(Method::POST, false, &[("origin", origin)]));
        assert!(!check(Method::POST, false, &[]));
        assert!(!check(Method::POST, false, &[("origin", "null")]));
        assert!(!check(
            Method::POST,
            false,
            &[("origin", "https://localhost:9443")]
        ));
        assert!(!check(
            Method::POST,
            false,
            &[("origin", origin), ("sec-fetch-site", "same-site")]
        ));
        assert!(!check(
            Method::GET,
            true,
            &[("origin", "https://evil.example")]
        ));
        assert!(!check(Method::GET, true, &[]));
        assert!(check(Method::GET, true, &[("origin", origin)]));
        assert!(check(
            Method::GET,
            false,
            &[("sec-fetch-site", "cross-site")]
        ));
    }

    #[test]
    fn a_token_needs_no_origin() {
        let token = Via::Token {
            token: TokenId(1),
            scopes: vec![Scope::Propose],
        };
        let ann = person(Role::Editor, token);
        let result = same_site(
            &Method::POST,
            false,
            &HeaderMap::new(),
            Some(&ann),
            "https://x",
        );
        assert!(result.is_ok());
    }
}
