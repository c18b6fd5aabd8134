//! Providers of sign-ins (OpenID Connect) as the console sees them: offered on the sign-in page, asked
//! on the way there and back.

use std::{fmt, future::Future, pin::Pin};

use store::{External, Secret};

/// A provider people can sign in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// Its short name, part of an address.
    pub id: String,
    /// Its name for people.
    pub label: String,
}

/// A sign-in that was begun.
#[derive(Debug, Clone)]
pub struct Leaving {
    /// Where the browser goes.
    pub address: String,
    /// What must come back with it: the console seals it and has the browser carry it.
    pub flow: serde_json::Value,
}

/// What stood behind the question mark when the browser came back.
#[derive(Debug, Clone, Default)]
pub struct Coming {
    /// The code.
    pub code: Option<String>,
    /// The state.
    pub state: Option<String>,
    /// Whose answer it says it is.
    pub iss: Option<String>,
    /// The provider's word for a refusal.
    pub error: Option<String>,
}

/// Something a provider is being asked.
pub type Asking<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The providers of this installation. Joined in `redkeep`. What goes wrong is said in words for people.
pub trait Providers: Send + Sync + fmt::Debug {
    /// Those that are configured.
    fn offered(&self) -> Vec<Offered>;

    /// Begins a sign-in.
    fn begin<'a>(&'a self, id: &'a str) -> Asking<'a, Result<Leaving, String>>;

    /// Who came back.
    fn finish<'a>(
        &'a self,
        id: &'a str,
        flow: serde_json::Value,
        coming: Coming,
    ) -> Asking<'a, Result<External, String>>;

    /// Where a browser goes to sign out there too; none: nowhere.
    fn farewell<'a>(&'a self, id: &'a str, grant: Secret) -> Asking<'a, Option<String>>;
}
