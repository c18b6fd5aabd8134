//! One's passkeys: listed, added, renamed, removed. Adding and removing ask for the password and a
//! present code, or a sign-in with a passkey a moment ago.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use model::id::PasskeyId;
use store::{Bound, Ceremony, Passkey, PasskeyError, RelyingParty, StoreError};

use super::factor::{done, not_confirmed};
use crate::{
    App, assets,
    csrf::{Fields, Posted},
    pages::Asked,
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, page as render, scripted},
    wording::{Moment, name_of, sentence},
};

#[derive(Template)]
#[template(path = "account/passkeys.html")]
struct KeysPage {
    shell: Shell,
    keys: Vec<KeyLine>,
    has_keys: bool,
    /// A password is asked for: they do not sign in by a provider.
    is_local: bool,
    /// A code is asked for: there is a second factor, and no passkey signed in a moment ago.
    asks_code: bool,
    error: Option<String>,
    not_offered: Option<String>,
    /// Why this person needs one.
    required: Option<String>,
}

struct KeyLine {
    id: i64,
    name: String,
    added: Moment,
    used: Option<Moment>,
    kind: &'static str,
}

impl KeyLine {
    fn new(key: &Passkey, shell: &Shell) -> Self {
        Self {
            id: key.id.0,
            name: name_of(&key.name),
            added: shell.moment(key.created_at),
            used: key.last_used_at.map(|at| shell.moment(at)),
            kind: match (key.is_verifying, key.is_synced) {
                (true, true) => "verifies you; kept on several devices",
                (true, false) => "verifies you",
                (false, true) => "touch alone; kept on several devices",
                (false, false) => "touch alone: signs in after a password",
            },
        }
    }
}

/// The button that asks the browser.
#[derive(Template)]
#[template(path = "account/passkey_new.html")]
struct NewPage {
    shell: Shell,
    script: &'static str,
    name: String,
    asked: Ceremony,
}

/// `GET /account/passkeys`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Response, PageError> {
    let notice = match asked.get("done").map(String::as_str) {
        Some("added") => Some("The passkey is added. Sign in with it next time."),
        Some("renamed") => Some("Renamed."),
        Some("removed") => Some("The passkey is removed. Your other sessions have ended."),
        _ => None,
    };
    let mut page = build(&app, &by, None).await?;
    page.shell = page.shell.with_notice(notice);
    Ok(render(&page)?.into_response())
}

async fn build(app: &App, by: &SignedIn, error: Option<String>) -> Result<KeysPage, PageError> {
    let principal = &by.caller.principal;
    let user = app.store.user(principal.user).await?;
    let keys = app.store.passkeys(principal.user).await?;
    let shell = Shell::new(app, by, "account", "Passkeys").await?;
    let not_offered = RelyingParty::of(&app.addresses.console_origin).err();
    let is_required = keys.is_empty()
        && user.provider.is_none()
        && app.passkey_required.iter().any(|it| it.is(&principal.role));
    Ok(KeysPage {
        has_keys: !keys.is_empty(),
        keys: keys.iter().map(|key| KeyLine::new(key, &shell)).collect(),
        asks_code: user.has_second_factor
            && user.provider.is_none()
            && !app.store.is_fresh(by.session),
        is_local: user.provider.is_none(),
        error,
        not_offered: not_offered.map(|why| sentence(&why.to_string())),
        required: is_required.then(|| {
            format!(
                "Whoever is {} signs in with a passkey here. Add yours now; until then nothing \
                 else is open to you.",
                principal.role
            )
        }),
        shell,
    })
}

async fn again(app: &App, by: &SignedIn, why: &str) -> Result<Response, PageError> {
    let page = build(app, by, Some(sentence(why))).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

/// `POST /account/passkeys/begin`: `name`, `present`, `code`.
pub(crate) async fn begin(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    if let Some(why) = not_confirmed(&app, &by, &fields).await? {
        return again(&app, &by, &why).await;
    }
    let rp = RelyingParty::of(&app.addresses.console_origin)?;
    let (name, bound) = (&by.caller.principal.name, Bound::Session(by.session));
    let asked = app.store.begin_passkey(&rp, name, bound).await?;
    let name = name_of(fields.get("name")).chars().take(60).collect();
    scripted(&NewPage {
        shell: Shell::new(&app, &by, "account", "New passkey").await?,
        script: assets::script_path(),
        name,
        asked,
    })
}

/// `POST /account/passkeys/add`: `name`, `ceremony`, `answer`. The question was asked of this
/// session after it was confirmed.
pub(crate) async fn add(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let rp = RelyingParty::of(&app.addresses.console_origin)?;
    let (asked, answer) = (fields.get("ceremony"), fields.get("answer"));
    let bound = Bound::Session(by.session);
    let name = fields.get("name");
    let added = match app.store.finish_passkey(&rp, bound, asked, answer, name) {
        Ok(new) => {
            let (user, actor) = (by.caller.principal.user, by.caller.actor());
            let added = app.store.add_passkey(&new, user, &actor).await;
            if added.is_ok() {
                by.renew(&app).await?;
            }
            added
        }
        Err(PasskeyError::Store(error)) => Err(error),
        Err(error) => return again(&app, &by, &error.to_string()).await,
    };
    match added {
        Ok(codes) if codes.is_empty() => {
            Ok(Redirect::to("/account/passkeys?done=added").into_response())
        }
        Ok(codes) => done(&app, &by, codes, true).await,
        Err(error @ (StoreError::Conflict(_) | StoreError::Exists(_))) => {
            again(&app, &by, &error.to_string()).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /account/passkeys/{id}/rename`: `name`.
pub(crate) async fn rename(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let (user, actor) = (by.caller.principal.user, by.caller.actor());
    let name = fields.get("name");
    let renamed = app.store.rename_passkey(user, number(&id)?, name, &actor);
    answer(&app, &by, renamed.await, "renamed").await
}

/// `POST /account/passkeys/{id}/remove`: `present`, `code`.
pub(crate) async fn remove(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = number(&id)?;
    if let Some(why) = refused(&app, &by, &fields).await? {
        return again(&app, &by, &why).await;
    }
    let (user, actor) = (by.caller.principal.user, by.caller.actor());
    let removed = app.store.remove_passkey(user, id, &actor).await;
    answer(&app, &by, removed, "removed").await
}

/// Why a passkey may not be removed by this request.
async fn refused(app: &App, by: &SignedIn, fields: &Fields) -> Result<Option<String>, PageError> {
    let principal = &by.caller.principal;
    let is_required = app.passkey_required.iter().any(|it| it.is(&principal.role));
    if is_required && app.store.passkeys(principal.user).await?.len() <= 1 {
        let why = "your role signs in with a passkey here, and this is your last one; add another \
                   first";
        return Ok(Some(why.to_owned()));
    }
    not_confirmed(app, by, fields).await
}

async fn answer(
    app: &App,
    by: &SignedIn,
    result: Result<(), StoreError>,
    word: &str,
) -> Result<Response, PageError> {
    match result {
        Ok(()) => Ok(Redirect::to(&format!("/account/passkeys?done={word}")).into_response()),
        Err(error @ StoreError::Conflict(_)) => again(app, by, &error.to_string()).await,
        Err(error) => Err(error.into()),
    }
}

fn number(text: &str) -> Result<PasskeyId, Problem> {
    text.parse().map_err(|_| Problem::not_found("such passkey"))
}
