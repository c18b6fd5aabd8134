//! One's own account.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::{
    access::{Permission, Scope},
    clock::Timestamp,
    mail::MailWishes,
    rules::{AccessRules, Source},
};
use store::{AccessToken, Passkey, Session, SessionKind, User};

use crate::{
    App,
    device::device,
    pages::Asked,
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, Pill, counted, name_of},
};

#[derive(Template)]
#[template(path = "account/show.html")]
pub(super) struct AccountPage {
    shell: Shell,
    has_second_factor: bool,
    factors: Vec<FactorLine>,
    /// The provider that stands for them; none: a local account.
    provider: Option<String>,
    sessions: Vec<SessionLine>,
    tokens: Vec<TokenLine>,
    scopes: [Scope; 5],
    pub(super) made: Option<String>,
    pub(super) password_error: Option<String>,
    pub(super) factor_error: Option<String>,
    pub(super) mail: MailForm,
    pub(super) token_error: Option<String>,
    /// What the form for a token held.
    pub(super) token: TokenForm,
    /// The named networks, to choose from.
    networks: Vec<String>,
    back: &'static str,
    with_user: bool,
}

/// What was typed for a token that could not be made.
#[derive(Default)]
pub(super) struct TokenForm {
    pub(super) label: String,
    pub(super) scopes: Vec<Scope>,
    pub(super) days: Option<i64>,
    pub(super) networks: String,
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
    /// The named network that address is in; empty: none.
    pub(crate) network: String,
    pub(crate) device: String,
    pub(crate) is_this: bool,
}

impl SessionLine {
    pub(crate) fn new(
        session: &Session,
        by: &SignedIn,
        shell: &Shell,
        rules: &AccessRules,
    ) -> Self {
        let network = session
            .address
            .and_then(|address| rules.network_of(address));
        Self {
            network: network.map(ToString::to_string).unwrap_or_default(),
            id: session.id.0,
            user: session.user_name.to_string(),
            kind: match session.kind {
                SessionKind::Gate => "editor",
                SessionKind::Console => "console",
                SessionKind::Kiosk => "wall display",
            },
            opened: shell.moment(session.created_at),
            seen: shell.moment(session.last_seen_at),
            address: session
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            device: device(&session.agent),
            is_this: session.id == by.session,
        }
    }
}

/// A token in a list.
pub(crate) struct TokenLine {
    pub(crate) id: i64,
    pub(crate) label: String,
    pub(crate) user: String,
    pub(crate) scopes: Vec<Scope>,
    /// From where it may be used; empty: from anywhere.
    pub(crate) networks: String,
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
            networks: in_words(&token.networks),
            expires: shell.moment(token.expires_at),
            used: token.last_used_at.map(|at| shell.moment(at)),
        }
    }
}

/// One of the things somebody signs in with.
struct FactorLine {
    what: String,
    state: Pill,
    detail: String,
    used: Option<Moment>,
    /// Where it is renewed.
    way: &'static str,
    way_words: &'static str,
}

/// All that somebody signs in with, in one list.
fn factors(user: &User, passkeys: &[Passkey], shell: &Shell) -> Vec<FactorLine> {
    let moment = |at: Option<Timestamp>| at.map(|at| shell.moment(at));
    let (on, off) = (
        || Pill::new("good", "check", "on"),
        || Pill::new("quiet", "dot", "none"),
    );
    let codes_left = user.recovery_codes_left;
    let own = vec![
        FactorLine {
            what: "Password".to_owned(),
            state: on(),
            detail: String::new(),
            used: moment(user.password_used_at),
            way: "#password-title",
            way_words: "Change",
        },
        FactorLine {
            what: "Codes of an authenticator app".to_owned(),
            state: if user.has_codes { on() } else { off() },
            detail: String::new(),
            used: moment(user.codes_used_at),
            way: "#factor-title",
            way_words: if user.has_codes { "Renew" } else { "Set up" },
        },
        FactorLine {
            what: "Recovery codes".to_owned(),
            state: match codes_left {
                0 => off(),
                1..3 => Pill::new("warn", "triangle", "few"),
                _ => on(),
            },
            detail: counted(usize::try_from(codes_left).unwrap_or(0), "code") + " left",
            used: moment(user.recovery_used_at),
            way: "#factor-title",
            way_words: "Renew",
        },
    ];
    // A provider keeps these for whoever signs in by it.
    let mut lines = if user.provider.is_none() {
        own
    } else {
        Vec::new()
    };
    lines.extend(passkeys.iter().map(|key| FactorLine {
        what: format!("Passkey “{}”", name_of(&key.name)),
        state: on(),
        detail: String::new(),
        used: moment(key.last_used_at),
        way: "/account/passkeys",
        way_words: "Rename or remove",
    }));
    lines
}

/// Networks as a list in words; empty for anywhere.
pub(crate) fn in_words(networks: &[Source]) -> String {
    let words: Vec<_> = networks.iter().map(ToString::to_string).collect();
    words.join(", ")
}

fn notice(done: Option<&String>) -> Option<&'static str> {
    match done.map(String::as_str) {
        Some("password") => Some("Your password was changed. Your other sessions have ended."),
        Some("weak") => Some(
            "Your password came with you from Node-RED and is too weak here. Choose another now; \
             until then nothing else is open to you.",
        ),
        Some("mail") => Some("Noted. Mails go where you said."),
        Some("others") => {
            Some("Your other sessions have ended. Live connections close within a second.")
        }
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
    let passkeys = app.store.passkeys(user.id).await?;
    let rules = app.store.access_rules().await?.rules;
    let sessions = app.store.sessions(own).await?;
    let tokens = app.store.tokens(own).await?;
    Ok(AccountPage {
        has_second_factor: user.has_second_factor,
        factors: factors(&user, &passkeys, &shell),
        provider: user.provider.clone(),
        sessions: sessions
            .iter()
            .map(|s| SessionLine::new(s, by, &shell, &rules))
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
        token: TokenForm::default(),
        networks: rules.networks.keys().map(ToString::to_string).collect(),
        back: "/account",
        with_user: false,
        shell,
    })
}
