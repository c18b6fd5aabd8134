//! Before something dangerous: whoever acts proves once more who they are, unless they just did.
//!
//! A session in an open browser, or one whose cookie was taken, is then not enough to make another
//! administrator, a token or a rule. Nothing typed is lost: the page that asks carries the form's own fields,
//! and is sent where the form was going, with the proof beside them.

use askama::Template;
use axum::{
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use model::principal::Via;
use store::{Ceremony, LoginAttempt, PasskeyError, RelyingParty, Secret};

use crate::{
    App, assets,
    csrf::Fields,
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, scripted},
    wording::{counted, sentence},
};

/// Forms that ask, by their path; `*` stands for one segment.
pub const PAGES: &[(&str, &str)] = &[
    ("/access/enrolments", "make an enrolment link"),
    ("/access/kiosks", "make a wall display"),
    ("/access/users/*/role", "change a role"),
    ("/access/users/*/reset", "reset an account"),
    ("/access/users/*/remove", "remove a user"),
    (
        "/access/users/*/break-glass",
        "say which account works without a provider",
    ),
    ("/access/roles", "define a role"),
    ("/access/roles/*/remove", "remove a role"),
    ("/access/rules", "change who may come from where"),
    ("/access/rules/confirm", "let the rules stand"),
    ("/access/secrets", "keep or remove a webhook's secret"),
    ("/account/tokens", "make a token"),
    ("/settings/ca", "replace or revoke certificates"),
    ("/settings/policy", "change an instance's rules"),
    ("/settings/routes", "allow a route"),
    ("/deployments/*/emergency", "apply without a review"),
];

/// Calls of the API that ask, when a browser's session sends them: method and path below `/api/v1`.
pub const CALLS: &[(&str, &str)] = &[
    ("POST", "/users"),
    ("PUT", "/users/*/role"),
    ("PUT", "/users/*/password"),
    ("PUT", "/users/*/mail"),
    ("POST", "/users/*/reset"),
    ("DELETE", "/users/*"),
    ("POST", "/users/import"),
    ("PUT", "/users/*/break-glass"),
    ("PUT", "/roles/*"),
    ("DELETE", "/roles/*"),
    ("POST", "/ca/rotate"),
    ("POST", "/ca/cancel"),
    ("POST", "/ca/revoke"),
    ("POST", "/enrolments"),
    ("POST", "/tokens"),
    ("POST", "/kiosks"),
    ("PUT", "/access/rules"),
    ("PUT", "/access/secrets/*"),
    ("DELETE", "/access/secrets/*"),
    ("POST", "/access/rules/confirm"),
    ("PUT", "/instances/*/policy"),
    ("POST", "/instances/*/allowed-routes"),
    ("POST", "/deployments/*/emergency-apply"),
];

/// The fields of the proof, taken off before the form is read.
const PROOF: [&str; 4] = ["proof-password", "proof-code", "ceremony", "answer"];

/// Asks for a factor.
#[derive(Template)]
#[template(path = "account/step_up.html")]
struct StepUpPage {
    shell: Shell,
    script: &'static str,
    /// Where the form was going.
    action: String,
    what: &'static str,
    minutes: String,
    /// What the form carried.
    fields: Vec<(String, String)>,
    asks_password: bool,
    asks_code: bool,
    /// Who else knows who they are; none for a local account.
    provider: Option<String>,
    asked: Option<Ceremony>,
    error: Option<String>,
}

fn fits(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => return false,
        }
    }
}

/// What a form to this path does, if it is dangerous.
fn danger(path: &str) -> Option<&'static str> {
    let mut all = PAGES.iter();
    all.find(|(pattern, _)| fits(pattern, path)).map(|it| it.1)
}

/// Refuses a dangerous call of the API by a browser's session that has not proved itself lately. A token
/// is held to its scopes, and the control socket to who can open it.
pub(crate) fn call(
    app: &App,
    via: &Via,
    proven: Option<model::clock::Timestamp>,
    method: &Method,
    path: &str,
) -> Result<(), Problem> {
    let is_session = matches!(via, Via::ConsoleSession { .. });
    let mut all = CALLS.iter();
    let is_dangerous = all.any(|(verb, pattern)| *verb == method.as_str() && fits(pattern, path));
    if !is_session || !is_dangerous || proven.is_some_and(|at| app.is_recent(at)) {
        return Ok(());
    }
    let why = "prove once more who you are: open the console and do it there, or send an access \
               token with the scope for it";
    Err(Problem::new(StatusCode::FORBIDDEN, "step-up-required", why))
}

/// Lets a form through, or asks. What proves is taken off `fields`.
pub(crate) async fn form(
    app: &App,
    by: &mut SignedIn,
    path: &str,
    fields: &mut Fields,
) -> Result<(), PageError> {
    let Some(what) = danger(path) else {
        return Ok(());
    };
    let proof = fields.take(&PROOF);
    if app.is_recent(by.proven_at) {
        return Ok(());
    }
    let error = match proven(app, by, &proof).await? {
        Ok(factor) => {
            let secret = app.store.prove_session(&by.caller.actor(), factor).await?;
            by.proven_at = app.store.clock().now();
            by.renewed.leave(secret);
            return Ok(());
        }
        Err(error) => error,
    };
    let asked = ask(app, by, path, what, fields, error).await?;
    Err(PageError::Answered(Box::new(asked)))
}

/// With what somebody proved who they are; or why not, if they tried.
async fn proven(
    app: &App,
    by: &SignedIn,
    proof: &Fields,
) -> Result<Result<&'static str, Option<String>>, PageError> {
    let (user, session) = (by.caller.principal.user, by.session);
    if !proof.get("answer").is_empty() {
        let rp = RelyingParty::of(&app.addresses.console_origin)?;
        let (token, answer) = (proof.get("ceremony"), proof.get("answer"));
        let checked = app
            .store
            .check_passkey_proof(&rp, user, session, token, answer);
        return match checked.await {
            Ok(()) => Ok(Ok("passkey")),
            Err(PasskeyError::Store(error)) => Err(error.into()),
            Err(error) => Ok(Err(Some(sentence(&error.to_string())))),
        };
    }
    let password = proof.raw("proof-password");
    if password.is_empty() {
        return Ok(Err(None));
    }
    if !takes_password(app, by).await? {
        // Else a password and a recovery code would go round what the role signs in with.
        let why = "Your account proves itself with a passkey here: touch yours.";
        return Ok(Err(Some(why.to_owned())));
    }
    let password = Secret::new(password.as_bytes().to_vec());
    let code = Some(proof.get("proof-code")).filter(|code| !code.is_empty());
    let (name, address) = (&by.caller.principal.name, by.caller.address);
    let confirmed = app.store.confirm_identity(name, &password, code, address);
    Ok(Err(Some(match confirmed.await? {
        LoginAttempt::Accepted(user) if user.has_second_factor => {
            return Ok(Ok("password and code"));
        }
        LoginAttempt::Accepted(_) => return Ok(Ok("password")),
        LoginAttempt::NeedsCode(_) => {
            "A code is needed too: one from your authenticator, or a recovery code.".to_owned()
        }
        LoginAttempt::Wrong | LoginAttempt::NeedsPasskey(_) => {
            "Password or code is wrong.".to_owned()
        }
        LoginAttempt::Limited {
            retry_after_seconds,
        } => format!("Too many attempts. Try again in {retry_after_seconds} seconds."),
    })))
}

/// Whether a password is something this person signs in with here.
async fn takes_password(app: &App, by: &SignedIn) -> Result<bool, PageError> {
    let principal = &by.caller.principal;
    let user = app.store.user(principal.user).await?;
    Ok(user.provider.is_none() && !app.passkey_required.contains(&principal.role))
}

async fn ask(
    app: &App,
    by: &SignedIn,
    path: &str,
    what: &'static str,
    fields: &Fields,
    error: Option<String>,
) -> Result<Response, PageError> {
    let user = app.store.user(by.caller.principal.user).await?;
    let asked = match RelyingParty::of(&app.addresses.console_origin) {
        Ok(rp) => {
            app.store
                .begin_passkey_proof(&rp, user.id, by.session)
                .await?
        }
        // By an address there are no passkeys; the password still proves.
        Err(_) => None,
    };
    let minutes = usize::try_from(app.terms.proof_seconds / 60).unwrap_or(1);
    let page = StepUpPage {
        shell: Shell::new(app, by, "account", "Is it you?").await?,
        script: assets::script_path(),
        action: path.to_owned(),
        what,
        minutes: counted(minutes.max(1), "minute"),
        fields: {
            let fields = fields.all_but("csrf").into_iter();
            fields.filter(|(name, _)| name != "username").collect()
        },
        asks_password: takes_password(app, by).await?,
        provider: user.provider,
        asks_code: user.has_second_factor,
        asked,
        error,
    };
    let mut response = scripted(&page)?.into_response();
    *response.status_mut() = StatusCode::FORBIDDEN;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_covers_one_segment_and_no_more() {
        assert!(danger("/access/users/3/role").is_some());
        for mild in [
            "/access/users//role",
            "/access/users/3/4/role",
            "/access/users/3",
            "/access/sessions/3/revoke",
            "/account/password",
        ] {
            assert_eq!(danger(mild), None, "{mild}");
        }
    }
}
