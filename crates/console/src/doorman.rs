//! The gates as the console sees them: what would come of a request.

use std::{fmt, future::Future, pin::Pin};

use model::rules::{Answer, Question};

/// An answer that is being found.
pub type Asked<'a> = Pin<Box<dyn Future<Output = Result<Answer, String>> + Send + 'a>>;

/// Who knows what a gate would do. Joined in `redkeep`.
pub trait Doorman: Send + Sync + fmt::Debug {
    /// What would come of this request at the gate of the instance it names; or why that cannot be
    /// told, in words for people.
    fn would(&self, question: Question) -> Asked<'_>;
}
