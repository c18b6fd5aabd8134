//! One's own account.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::{
    access::{Permission, Scope},
    mail::MailWishes,
};
use store::{AccessToken, Session, SessionKind};

use crate::{
    App,
    pages::Asked,
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, name_of},
};

#[derive(Template)]
#[template(path = "account/show.html")]
pub(super) struct AccountPage {
    shell: Shell,
    has_second_factor: bool,
    /// The provider that stands for them; none: a local account.
    provider: Option<String>,
    codes_left: u32,
    passkeys: u32,
    sessions: Vec<SessionLine>,
    tokens: Vec<TokenLine>,
    scopes: [Scope; 5],
    pub(super) made: Option<String>,
    pub(super) password_error: Option<String>,
    pub(super) factor_error: Option<String>,
    pub(super) mail: MailForm,
    pub(super) token_error: Option<String>,
    back: &'static str,
    with_user: bool,
}

/// Where one gets mails, and which.
pub(super) struct MailForm {
    pub(super) address: String,
    pub(super) wishes: MailWishes,
    /// Whether a mail server is configured.
    is_sent: bool,
    decides: bool,
    administers: bool,
    pub(super) error: Option<String>,
}

/// A session in a list.
pub(crate) struct SessionLine {
    pub(crate) id: i64,
    pub(crate) user: String,
    pub(crate) kind: &'static str,
    pub(crate) opened: Moment,
    pub(crate) seen: Moment,
    pub(crate) address: String,
    pub(crate) agent: String,
    pub(crate) is_this: bool,
}

impl SessionLine {
    pub(crate) fn new(session: &Session, by: &SignedIn, shell: &Shell) -> Self {
        Self {
            id: session.id.0,
            user: session.user_name.to_string(),
            kind: match session.kind {
                SessionKind::Gate => "editor",
                SessionKind::Console => "console",
            },
            opened: shell.moment(session.created_at),
            seen: shell.moment(session.last_seen_at),
            address: session
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            agent: browser(&session.agent),
            is_this: session.id == by.session,
        }
    }
}

/// The browser's name out of its long introduction.
fn browser(agent: &str) -> String {
    let known = [
        ("Edg/", "Edge"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    match known.into_iter().find(|(mark, _)| agent.contains(mark)) {
        Some((_, name)) => name.to_owned(),
        None => name_of(&agent.chars().take(40).collect::<String>()),
    }
}

/// A token in a list.
pub(crate) struct TokenLine {
    pub(crate) id: i64,
    pub(crate) label: String,
    pub(crate) user: String,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) expires: Moment,
    pub(crate) used: Option<Moment>,
}

impl TokenLine {
    pub(crate) fn new(token: &AccessToken, shell: &Shell) -> Self {
        Self {
            id: token.id.0,
            label: name_of(&token.label),
            user: token.user_name.to_string(),
            scopes: token.scopes.clone(),
            expires: shell.moment(token.expires_at),
            used: token.last_used_at.map(|at| shell.moment(at)),
        }
    }
}

fn notice(done: Option<&String>) -> Option<&'static str> {
    match done.map(String::as_str) {
        Some("password") => Some("Your password was changed. Your other sessions have ended."),
        Some("weak") => Some(
            "Your password came with you from Node-RED and is too weak here. Choose another now; \
             until then nothing else is open to you.",
        ),
        Some("mail") => Some("Noted. Mails go where you said."),
        Some("revoked") => Some("Revoked. Live connections close within a second."),
        _ => None,
    }
}

/// `GET /account`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    let mut page = build(&app, &by).await?;
    page.shell = page.shell.with_notice(notice(asked.get("done")));
    render(&page)
}

pub(super) async fn build(app: &App, by: &SignedIn) -> Result<AccountPage, PageError> {
    let shell = Shell::new(app, by, "account", "Account").await?;
    let own = Some(by.caller.principal.user);
    let user = app.store.user(by.caller.principal.user).await?;
    let sessions = app.store.sessions(own).await?;
    let tokens = app.store.tokens(own).await?;
    Ok(AccountPage {
        has_second_factor: user.has_second_factor,
        provider: user.provider.clone(),
        codes_left: user.recovery_codes_left,
        passkeys: user.passkeys,
        sessions: sessions
            .iter()
            .map(|s| SessionLine::new(s, by, &shell))
            .collect(),
        tokens: tokens
            .iter()
            .map(|token| TokenLine::new(token, &shell))
            .collect(),
        scopes: Scope::ALL,
        mail: MailForm {
            address: user.mail.map(String::from).unwrap_or_default(),
            wishes: user.mail_wishes,
            is_sent: app.post.is_some(),
            decides: by.may(Permission::Decide),
            administers: by.may(Permission::Administer),
            error: None,
        },
        made: None,
        password_error: None,
        factor_error: None,
        token_error: None,
        back: "/account",
        with_user: false,
        shell,
    })
}
