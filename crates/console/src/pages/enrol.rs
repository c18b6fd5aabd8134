//! Enrolment: a one-time link becomes a person with a password and a second factor.

pub(crate) mod begin;
pub(crate) mod confirm;
pub(crate) mod passkey;
pub(crate) mod show;

use model::id::{Hash, UserName};
use serde::{Deserialize, Serialize};
use store::{Enrolment, SecondFactor, Secret};

use crate::{
    App, carried,
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
}

impl Begun {
    fn seal(&self, app: &App) -> Result<String, Problem> {
        carried::seal(app, PURPOSE, self)
            .ok_or_else(|| Problem::bad_form("this name or password cannot be kept"))
    }

    fn unseal(app: &App, link: &str, text: &str) -> Result<Self, Problem> {
        carried::unseal(app, PURPOSE, text, STEP_SECONDS_MAX)
            .filter(|begun: &Self| begun.link == Hash::of(link.as_bytes()))
            .ok_or_else(|| Problem::bad_form("this step is out of date; open the link again"))
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
