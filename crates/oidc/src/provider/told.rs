//! What went wrong, in words for people.

use openidconnect::{
    ClaimsVerificationError, RequestTokenError, SignatureVerificationError, StandardErrorResponse,
    core::CoreErrorResponseType,
};

use super::Provider;
use crate::{Refused, transport::Failed};

/// Characters of a provider's words that are shown.
const QUOTED: usize = 120;

/// Why there are no tokens.
pub(super) type TokenError =
    RequestTokenError<Failed, StandardErrorResponse<CoreErrorResponseType>>;

impl Provider {
    pub(super) fn token_error(&self, error: &TokenError) -> Refused {
        match error {
            RequestTokenError::ServerResponse(said) => match said.error() {
                CoreErrorResponseType::InvalidGrant => self.over(),
                other => self.misfit(&quoted(other.as_ref())),
            },
            RequestTokenError::Request(failed) => self.unreachable(&failed.to_string()),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                self.unreachable("its answer cannot be read")
            }
        }
    }

    pub(super) fn unreachable(&self, why: &str) -> Refused {
        Refused::Unreachable {
            provider: self.settings.label.clone(),
            why: quoted(why),
        }
    }

    pub(super) fn misfit(&self, why: &str) -> Refused {
        Refused::Misfit {
            provider: self.settings.label.clone(),
            why: why.to_owned(),
        }
    }

    pub(super) fn token(&self, why: &'static str) -> Refused {
        Refused::Token {
            provider: self.settings.label.clone(),
            why,
        }
    }

    pub(super) fn over(&self) -> Refused {
        Refused::Over {
            provider: self.settings.label.clone(),
        }
    }
}

/// What is wrong with a token, in a few words.
pub(super) fn told(error: &ClaimsVerificationError) -> &'static str {
    use ClaimsVerificationError as E;
    use SignatureVerificationError as S;
    match error {
        E::Expired(_) => "it is out of date; are both clocks right?",
        E::InvalidAudience(_) => "it is for somebody else than Redkeep",
        E::InvalidIssuer(_) => "it is from another issuer",
        E::InvalidNonce(_) => "it is no answer to this sign-in",
        E::SignatureVerification(S::NoSignature | S::DisallowedAlg(_) | S::UnsupportedAlg(_)) => {
            "it is signed in no way that proves anything"
        }
        E::SignatureVerification(_) => "its signature is not the provider's",
        _ => "it is not as it should be",
    }
}

/// Words of a provider, short and without anything that is no text.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(QUOTED).collect()
}
