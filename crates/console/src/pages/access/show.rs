//! People: users, their roles, live sessions, tokens, enrolment links.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::{
    access::{Permission, Role},
    rules::AccessRules,
};
use store::{Kiosk, SessionKind};

use crate::{
    App,
    device::device,
    grants,
    pages::{
        Asked,
        account::show::{SessionLine, TokenLine, in_words},
    },
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, name_of},
};

#[derive(Template)]
#[template(path = "access/show.html")]
pub(super) struct AccessPage {
    shell: Shell,
    users: Vec<UserLine>,
    sessions: Vec<SessionLine>,
    tokens: Vec<TokenLine>,
    roles: Vec<Role>,
    kiosks: Vec<KioskLine>,
    pub(super) kiosk: KioskForm,
    pub(super) link: Option<String>,
    pub(super) enrol_error: Option<String>,
    back: &'static str,
    with_user: bool,
    /// Providers are configured, and no local account is kept for the day they do not answer.
    lacks_break_glass: bool,
}

struct UserLine {
    id: i64,
    name: String,
    role: Role,
    has_second_factor: bool,
    provider: Option<String>,
    is_break_glass: bool,
    codes_left: u32,
    created: Moment,
    last_login: Option<Moment>,
    is_self: bool,
}

/// A wall display in a list.
struct KioskLine {
    id: i64,
    name: String,
    user: String,
    opens: String,
    networks: String,
    /// Where it hangs, once it was opened.
    place: String,
    used: Option<Moment>,
    ends: Option<Moment>,
}

impl KioskLine {
    fn new(kiosk: &Kiosk, shell: &Shell, rules: &AccessRules) -> Self {
        let address = kiosk.address.map(|address| {
            let network = rules.network_of(address);
            let network = network.map(|it| format!(" ({it})")).unwrap_or_default();
            format!("{address}{network}")
        });
        let device = kiosk.agent.as_deref().map(device);
        let place = device.into_iter().chain(address);
        Self {
            id: kiosk.id.0,
            name: name_of(&kiosk.name),
            user: kiosk.user_name.to_string(),
            opens: format!("{}{}", kiosk.instance, kiosk.path),
            networks: in_words(&kiosk.networks),
            place: place.collect::<Vec<_>>().join(", "),
            used: kiosk.last_seen_at.map(|at| shell.moment(at)),
            ends: kiosk
                .expires_at
                .or(kiosk.link_until)
                .map(|at| shell.moment(at)),
        }
    }
}

/// The form for a wall display.
pub(super) struct KioskForm {
    pub(super) name: String,
    pub(super) instance: String,
    pub(super) path: String,
    pub(super) networks: String,
    pub(super) days: i64,
    pub(super) error: Option<String>,
}

fn notice(done: Option<&String>) -> Option<&'static str> {
    match done.map(String::as_str) {
        Some("role") => {
            Some("The role was changed. The sessions of before have ended; they sign in anew.")
        }
        Some("break-glass") => Some("Noted. Its next sign-in is an alarm."),
        Some("no-break-glass") => Some("Noted. It is an account like any other."),
        Some("removed") => Some("The user was removed, with all sessions and tokens."),
        Some("revoked") => Some("Revoked. Live connections close within a second."),
        _ => None,
    }
}

/// `GET /access`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    let mut page = build(&app, &by).await?;
    page.shell = page.shell.with_notice(notice(asked.get("done")));
    render(&page)
}

pub(super) async fn build(app: &App, by: &SignedIn) -> Result<AccessPage, PageError> {
    by.caller.require(Permission::Administer)?;
    let shell = Shell::new(app, by, "access", "Access").await?;
    let users = app.store.users().await?;
    let lines = users.into_iter().map(|user| UserLine {
        id: user.id.0,
        name: name_of(user.name.as_str()),
        role: user.role,
        has_second_factor: user.has_second_factor,
        provider: user.provider,
        is_break_glass: user.is_break_glass,
        codes_left: user.recovery_codes_left,
        created: shell.moment(user.created_at),
        last_login: user.last_login_at.map(|at| shell.moment(at)),
        is_self: user.id == by.caller.principal.user,
    });
    let users: Vec<UserLine> = lines.collect();
    let lacks_break_glass = !super::super::sign_in::show::offered(app).is_empty()
        && !users.iter().any(|it| it.is_break_glass);
    let rules = app.store.access_rules().await?.rules;
    let kiosks = app.store.kiosks().await?;
    let sessions = app.store.sessions(None).await?;
    let tokens = app.store.tokens(None).await?;
    Ok(AccessPage {
        users,
        sessions: sessions
            .iter()
            .filter(|s| s.kind != SessionKind::Kiosk)
            .map(|s| SessionLine::new(s, by, &shell, &rules))
            .collect(),
        tokens: tokens
            .iter()
            .map(|token| TokenLine::new(token, &shell))
            .collect(),
        roles: grants::all(app).await?,
        kiosks: kiosks
            .iter()
            .map(|it| KioskLine::new(it, &shell, &rules))
            .collect(),
        kiosk: KioskForm {
            name: String::new(),
            instance: String::new(),
            path: "/".to_owned(),
            networks: String::new(),
            days: app.terms.kiosk_seconds / 86_400,
            error: None,
        },
        link: None,
        enrol_error: None,
        back: "/access",
        with_user: true,
        lacks_break_glass,
        shell,
    })
}
