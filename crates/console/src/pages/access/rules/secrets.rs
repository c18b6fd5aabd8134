//! Secrets of webhooks: kept and removed, never shown.

use axum::{extract::State, response::Redirect};
use model::access::Permission;
use store::Secret;

use crate::{
    App,
    csrf::Posted,
    problem::{PageError, Problem},
};

/// `POST /access/secrets`: `do` (`keep`, `remove`), `name`, `secret`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    let (name, actor) = (fields.get("name").trim(), by.caller.actor());
    match fields.get("do") {
        "keep" => {
            let secret = Secret::new(fields.get("secret").as_bytes().to_vec());
            app.store.set_webhook_secret(name, &secret, &actor).await?;
        }
        "remove" => app.store.remove_webhook_secret(name, &actor).await?,
        _ => return Err(Problem::bad_form("say what is to be done").into()),
    }
    Ok(Redirect::to("/access/rules?done=secret#secrets"))
}
