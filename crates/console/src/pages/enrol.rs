//! Enrolment: a one-time link becomes a person with a password and a second factor.

pub(crate) mod begin;
pub(crate) mod confirm;
pub(crate) mod show;

use model::{
    clock::Timestamp,
    id::{Hash, UserName},
};
use serde::{Deserialize, Serialize};
use store::{Enrolment, SecondFactor, Secret};

use crate::{
    App,
    problem::{PageError, Problem},
};

const PURPOSE: &str = "console-enrolment";
/// How long the second step may take.
const STEP_SECONDS_MAX: i64 = 30 * 60;

/// What the browser carries from the first step to the second, sealed: it can neither read nor
/// choose the factor's secret, nor use it with another link.
#[derive(Serialize, Deserialize)]
struct Begun {
    link: Hash,
    name: UserName,
    password: String,
    factor: Vec<u8>,
    at: Timestamp,
}

impl Begun {
    fn seal(&self, app: &App) -> Result<String, Problem> {
        let plain = serde_json::to_vec(self)
            .map_err(|_| Problem::bad_form("this name or password cannot be kept"))?;
        let plain = Secret::new(plain);
        let sealed = app.store.keyring().seal(PURPOSE, plain.expose());
        Ok(data_encoding::BASE64URL_NOPAD.encode(&sealed))
    }

    fn unseal(app: &App, link: &str, text: &str) -> Result<Self, Problem> {
        let late = || Problem::bad_form("this step is out of date; open the link again");
        let sealed = data_encoding::BASE64URL_NOPAD
            .decode(text.as_bytes())
            .map_err(|_| late())?;
        let plain = app
            .store
            .keyring()
            .unseal(PURPOSE, &sealed)
            .map_err(|_| late())?;
        let begun: Self = serde_json::from_slice(plain.expose()).map_err(|_| late())?;
        let age = app.store.clock().now().seconds_since(begun.at);
        if begun.link == Hash::of(link.as_bytes()) && (0..=STEP_SECONDS_MAX).contains(&age) {
            Ok(begun)
        } else {
            Err(late())
        }
    }

    fn second_factor(&self) -> SecondFactor {
        SecondFactor {
            secret: Secret::new(self.factor.clone()),
        }
    }
}

/// The enrolment a link stands for.
async fn enrolment(app: &App, link: &str) -> Result<Enrolment, PageError> {
    if let Some(enrolment) = app.store.enrolment(link).await? {
        return Ok(enrolment);
    }
    let why = "this link was used already, or is too old; ask an administrator for another";
    Err(Problem::new(http::StatusCode::NOT_FOUND, "no-enrolment", why).into())
}
