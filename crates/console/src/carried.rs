//! What a form of two steps carries from the first to the second, through the browser: sealed, so
//! that it can neither be read nor chosen there, and good for a while.

use model::clock::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use store::Secret;

use crate::App;

#[derive(Serialize, Deserialize)]
struct Carried<T> {
    at: Timestamp,
    what: T,
}

/// Seals `what` for `purpose`; none when it cannot be written.
pub(crate) fn seal<T: Serialize>(app: &App, purpose: &str, what: &T) -> Option<String> {
    let at = app.store.clock().now();
    let plain = serde_json::to_vec(&Carried { at, what }).ok()?;
    let plain = Secret::new(plain);
    let sealed = app.store.keyring().seal(purpose, plain.expose()).ok()?;
    Some(data_encoding::BASE64URL_NOPAD.encode(&sealed))
}

/// What was sealed for the same purpose, at most `seconds_max` ago.
pub(crate) fn unseal<T: DeserializeOwned>(
    app: &App,
    purpose: &str,
    text: &str,
    seconds_max: i64,
) -> Option<T> {
    let sealed = data_encoding::BASE64URL_NOPAD
        .decode(text.as_bytes())
        .ok()?;
    let plain = app.store.keyring().unseal(purpose, &sealed).ok()?;
    let carried: Carried<T> = serde_json::from_slice(plain.expose()).ok()?;
    let age = app.store.clock().now().seconds_since(carried.at);
    (0..=seconds_max).contains(&age).then_some(carried.what)
}
