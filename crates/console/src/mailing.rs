//! Mails as the console sees them: how their sending stands, and trying it.

use std::{fmt, future::Future, pin::Pin};

use model::{clock::Timestamp, mail::MailAddress};
use serde::Serialize;

/// How the sending of mails stands. No secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailState {
    /// The mail server, as it is configured.
    pub server: String,
    /// Whom mails come from.
    pub from: MailAddress,
    /// Mails that wait.
    pub waiting: u32,
    /// Since when the oldest waits.
    pub since: Option<Timestamp>,
    /// Why nothing is sent, in words for people; none: all is well.
    pub trouble: Option<String>,
}

/// Something that is being done about mails.
pub type Posting<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What sends mails. Joined in `redkeep`.
pub trait Post: Send + Sync + fmt::Debug {
    /// How it stands.
    fn state(&self) -> Posting<'_, MailState>;

    /// Sends one mail to this address at once; or why it could not be, in words for people.
    fn try_out(&self, to: MailAddress) -> Posting<'_, Result<(), String>>;
}
