//! Why somebody is not signed in, in words for them.

/// Why a sign-in, or a look at somebody who signed in, came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The provider does not answer, or not with what can be read.
    #[error("{provider} cannot be asked now ({why}); try again later, or use a local account")]
    Unreachable {
        /// Its name for people.
        provider: String,
        /// What failed.
        why: String,
    },
    /// It is not what the configuration says, or does not take our name and secret.
    #[error(
        "{provider} and the configuration of Redkeep do not fit ({why}); tell an administrator"
    )]
    Misfit {
        /// Its name for people.
        provider: String,
        /// What does not fit.
        why: String,
    },
    /// The answer is to no question of this browser.
    #[error("this answer belongs to no sign-in that was begun in this browser; begin again")]
    Foreign,
    /// The answer says it is another provider's (mix-up, RFC 9207).
    #[error("the answer is not from {provider}; begin again, and tell an administrator")]
    OtherIssuer {
        /// Its name for people.
        provider: String,
    },
    /// The person, or the provider, said no.
    #[error("{provider} did not let you in ({why})")]
    Declined {
        /// Its name for people.
        provider: String,
        /// Its word for it.
        why: String,
    },
    /// The token does not hold: signature, issuer, audience, nonce, time.
    #[error(
        "what {provider} says of you cannot be believed ({why}); begin again, and tell an administrator if it stays so"
    )]
    Token {
        /// Its name for people.
        provider: String,
        /// What does not hold.
        why: &'static str,
    },
    /// The provider does not stand for this person any more.
    #[error("{provider} does not vouch for you any more; sign in again")]
    Over {
        /// Its name for people.
        provider: String,
    },
}

impl Refused {
    /// Whether the provider could not be asked: nothing is known then, good or bad.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Misfit { .. })
    }
}
