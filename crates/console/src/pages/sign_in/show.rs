//! The sign-in form, and the way from a console session into a gate.

use std::fmt::Write as _;

use askama::Template;
use axum::{
    extract::{Query, Request, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use model::id::InstanceId;
use store::{Ceremony, RelyingParty};

use crate::{
    App, Offered, assets,
    csrf::Fields,
    pages::Asked,
    problem::{PageError, Problem},
    session::{self, SignedIn, lacks_passkey, needs_password},
    shell::{page as render, scripted},
    wording::sentence,
};

/// Where somebody was going when they were asked to sign in.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Destination {
    /// A gate: its instance's name or its origin.
    pub(crate) gate: String,
    /// What the gate gave the browser, to know it again.
    pub(crate) state: String,
    /// The gate's own note of where to go on; it keeps it itself, we only carry it.
    pub(crate) to: String,
    /// A page of the console.
    pub(crate) next: String,
}

impl Destination {
    fn of_query(asked: &std::collections::HashMap<String, String>) -> Self {
        let get = |name: &str| asked.get(name).cloned().unwrap_or_default();
        Self {
            gate: get("gate"),
            state: get("state"),
            to: get("to"),
            next: get("next"),
        }
        .bounded()
    }

    pub(crate) fn of_form(fields: &Fields) -> Self {
        let get = |name: &str| fields.get(name).to_owned();
        Self {
            gate: get("gate"),
            state: get("state"),
            to: get("to"),
            next: get("next"),
        }
        .bounded()
    }

    fn bounded(mut self) -> Self {
        for field in [
            &mut self.gate,
            &mut self.state,
            &mut self.to,
            &mut self.next,
        ] {
            if field.len() > 2_000 {
                field.clear();
            }
        }
        self
    }

    /// The page of the console to go to. Only a path of our own: never another site.
    pub(crate) fn next_path(&self) -> &str {
        let is_own = self.next.starts_with('/')
            && !self.next.starts_with("//")
            && !self.next.starts_with("/sign-")
            && self
                .next
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'\\');
        if is_own { &self.next } else { "/" }
    }

    fn query(&self) -> String {
        let pairs = [
            ("gate", &self.gate),
            ("state", &self.state),
            ("to", &self.to),
            ("next", &self.next),
        ];
        let mut text = String::new();
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            let between = if text.is_empty() { "" } else { "&" };
            // Writing to a string cannot fail.
            write!(text, "{between}{name}={}", percent_encoded(value)).ok();
        }
        text
    }

    /// The gate that was named, if it is one of ours: its instance and its origin.
    fn known_gate<'a>(&self, app: &'a App) -> Option<&'a (InstanceId, String)> {
        let mut gates = app.addresses.gates.iter();
        gates.find(|(id, origin)| id.as_str() == self.gate || *origin == self.gate)
    }
}

/// The text as it may stand in a query.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                write!(out, "%{byte:02X}").ok();
            }
        }
    }
    out
}

/// The form.
#[derive(Template)]
#[template(path = "sign_in/form.html")]
pub(crate) struct FormPage {
    pub(crate) style: &'static str,
    pub(crate) to: Destination,
    pub(crate) name: String,
    pub(crate) error: Option<String>,
    pub(crate) needs_code: bool,
    pub(crate) script: &'static str,
    /// The question for a passkey.
    pub(crate) asked: Option<Ceremony>,
    /// It follows a right password.
    pub(crate) is_half_way: bool,
    /// Why no passkey is asked for.
    pub(crate) not_offered: Option<String>,
    /// By whom one can sign in beside.
    pub(crate) providers: Vec<Offered>,
}

impl FormPage {
    /// The form, with the question for a passkey alone where this console has a host name.
    pub(crate) fn new(app: &App, to: Destination) -> Self {
        let style = assets::style_path();
        let rp = RelyingParty::of(&app.addresses.console_origin);
        let asked = rp.and_then(|rp| app.store.begin_passkey_sign_in(&rp));
        let (asked, not_offered) = match asked {
            Ok(asked) => (Some(asked), None),
            Err(error) => (None, Some(sentence(&error.to_string()))),
        };
        Self {
            script: assets::script_path(),
            asked,
            is_half_way: false,
            not_offered,
            providers: offered(app),
            style,
            to,
            name: String::new(),
            error: None,
            needs_code: false,
        }
    }
}

/// By whom one can sign in.
pub(crate) fn offered(app: &App) -> Vec<Offered> {
    app.providers
        .as_ref()
        .map(|it| it.offered())
        .unwrap_or_default()
}

/// A page that leads on by itself.
#[derive(Template)]
#[template(path = "sign_in/onward.html")]
pub(super) struct OnwardPage<'a> {
    pub(super) style: &'static str,
    pub(super) title: &'a str,
    pub(super) address: String,
    pub(super) words: &'a str,
}

/// `GET /sign-in`.
pub(crate) async fn page(
    State(app): State<App>,
    Query(asked): Asked,
    request: Request,
) -> Result<Response, PageError> {
    let to = Destination::of_query(&asked);
    let (parts, _) = request.into_parts();
    if let Some(by) = session::signed_in(&parts, &app).await? {
        return onward(&app, &by, &to).await;
    }
    // Our cookie is `SameSite=Strict`: a click on another site (the gate's included) comes
    // without it. One step on our own site brings it.
    let site = parts
        .headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    if matches!(site, Some("same-origin" | "none")) {
        return scripted(&FormPage::new(&app, to));
    }
    let address = format!("/sign-in/continue?{}", to.query());
    let words = "Go on";
    Ok(render(&OnwardPage {
        style: assets::style_path(),
        title: "One moment",
        address,
        words,
    })?
    .into_response())
}

/// `GET /sign-in/continue`: the same, one step later, with our cookie if there is one.
pub(crate) async fn proceed(
    State(app): State<App>,
    Query(asked): Asked,
    request: Request,
) -> Result<Response, PageError> {
    let to = Destination::of_query(&asked);
    let (parts, _) = request.into_parts();
    match session::signed_in(&parts, &app).await? {
        Some(by) => onward(&app, &by, &to).await,
        None => scripted(&FormPage::new(&app, to)),
    }
}

/// Where somebody signed in goes: into the gate they came from, or to a page of ours.
async fn onward(app: &App, by: &SignedIn, to: &Destination) -> Result<Response, PageError> {
    if lacks_passkey(app, &by.caller.principal).await? {
        return Err(PageError::NeedsPasskey);
    }
    if needs_password(app, &by.caller.principal).await? {
        return Err(PageError::NeedsPassword);
    }
    if to.gate.is_empty() {
        return Ok(Redirect::to(to.next_path()).into_response());
    }
    let sessions = app.store.sessions(Some(by.caller.principal.user)).await?;
    let session = sessions
        .into_iter()
        .find(|session| session.id == by.session);
    let session = session.ok_or(PageError::SignIn {
        next: String::new(),
    })?;
    Ok(into_gate(app, &session, to)?.into_response())
}

/// A page that takes the browser into a gate. A page and not a redirect: `form-action 'self'`
/// would stop a form's redirect to another origin.
pub(crate) fn into_gate(
    app: &App,
    session: &store::Session,
    to: &Destination,
) -> Result<Html<String>, PageError> {
    let Some((instance, origin)) = to.known_gate(app) else {
        return Err(Problem::not_found("such gate").into());
    };
    let is_state = (1..=200).contains(&to.state.len())
        && to
            .state
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !is_state {
        let why = "the address is incomplete; open the editor again and sign in from there";
        return Err(Problem::bad_form(why).into());
    }
    let code = app.store.issue_entry_code(session, &to.state);
    let code = percent_encoded(&code);
    let mut address = format!("{origin}/.redkeep/enter?code={code}&state={}", to.state);
    if !to.to.is_empty() {
        write!(address, "&to={}", percent_encoded(&to.to)).ok();
    }
    let words = format!("Open {instance}");
    let style = assets::style_path();
    render(&OnwardPage {
        style,
        title: "You are signed in",
        address,
        words: &words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_never_leaves_the_console() {
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "",
            "/sign-out",
        ] {
            let to = Destination {
                next: bad.to_owned(),
                ..Destination::default()
            };
            assert_eq!(to.next_path(), "/", "{bad:?}");
        }
        let to = Destination {
            next: "/deployments/12".to_owned(),
            ..Destination::default()
        };
        assert_eq!(to.next_path(), "/deployments/12");
    }
}
