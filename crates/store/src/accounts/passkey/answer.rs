//! What an authenticator answered, checked: the one place that calls the library.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use model::id::Hash;
use serde_json::Value;
use webauthn_rs_core::{
    WebauthnCore,
    error::WebauthnError,
    proto::{
        AuthenticationResult, AuthenticationState, Credential, PublicKeyCredential,
        RegisterPublicKeyCredential, RegistrationState, RequestChallengeResponse,
        ResidentKeyRequirement, UserVerificationPolicy,
    },
};

use super::Kept;
use crate::StoreError;

/// How long an authenticator may take: five minutes, as long as its question is good.
pub(super) const ANSWER_SECONDS: i64 = model::touch::TOUCH_SECONDS_MAX;
/// Bytes of an answer: a few kilobytes in practice.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Why a passkey was not accepted. The text is for people and says the way out.
#[derive(Debug, thiserror::Error)]
pub enum PasskeyError {
    /// Passkeys are made for a host name.
    #[error(
        "passkeys need a host name, and this console is reached as {origin}: give it one in the \
         configuration, and open it by that name"
    )]
    NoHostName {
        /// The console's origin.
        origin: String,
    },
    /// The question was asked too long ago, elsewhere, or before a restart.
    #[error("this page is out of date; open it again and touch the passkey once more")]
    OutOfDate,
    /// The answer was used before.
    #[error("this touch was used already; a touch counts once")]
    Replayed,
    /// The answer is no answer.
    #[error("the browser's answer could not be read; try again, or another browser")]
    Unreadable,
    /// The answer does not hold.
    #[error("the passkey was not accepted: {0}")]
    Refused(&'static str),
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// For whom passkeys are made: the console, by its host name, on exactly its origin.
#[derive(Debug, Clone)]
pub struct RelyingParty {
    pub(super) core: WebauthnCore,
    /// The host name.
    pub id: String,
    /// The origin.
    pub origin: String,
}

impl RelyingParty {
    /// The relying party of a console at `origin`. Refused for an address: a passkey is bound to a
    /// domain (WebAuthn Level 2, section 5.1.2).
    pub fn of(origin: &str) -> Result<Self, PasskeyError> {
        let no_name = || PasskeyError::NoHostName {
            origin: origin.to_owned(),
        };
        let url: url::Url = origin.parse().map_err(|_| no_name())?;
        let id = url.domain().ok_or_else(no_name)?.to_owned();
        Self::new(&id, url)
    }

    fn new(id: &str, url: url::Url) -> Result<Self, PasskeyError> {
        let origin = url.origin().ascii_serialization();
        if url.scheme() != "https" || id.is_empty() {
            return Err(PasskeyError::NoHostName { origin });
        }
        let timeout = Duration::from_secs(ANSWER_SECONDS.unsigned_abs());
        // No subdomains and no other port: the gate's page is hostile and may share the host name.
        let core = WebauthnCore::new_unsafe_experts_only(
            "Redkeep",
            id,
            vec![url],
            timeout,
            Some(false),
            Some(false),
        );
        Ok(Self {
            core,
            id: id.to_owned(),
            origin,
        })
    }

    /// That of a touch in a file: by its own words, which are for the reader to judge.
    pub(super) fn claimed(id: &str, origin: &str) -> Result<Self, PasskeyError> {
        let url: url::Url = origin.parse().map_err(|_| PasskeyError::Unreadable)?;
        Self::new(id, url)
    }
}

/// A passkey that was just made, and checked.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    pub(super) name: String,
    pub(super) credential: Credential,
}

/// A question to an authenticator with a challenge of our own. The library draws its challenges at random
/// and has no other door: its state is written out (it is made to be kept), and read again with ours.
pub(super) fn ask(
    rp: &RelyingParty,
    credentials: Vec<Credential>,
    verification: UserVerificationPolicy,
    challenge: Hash,
) -> Result<(RequestChallengeResponse, AuthenticationState), PasskeyError> {
    let asked = rp
        .core
        .new_challenge_authenticate_builder(credentials, Some(verification))
        .and_then(|builder| rp.core.generate_challenge_authenticate(builder));
    let (mut options, mut state) = asked.map_err(|error| refused(&error))?;
    state.set_allowed_credentials(Vec::new());
    let mut kept = serde_json::to_value(state).map_err(|_| PasskeyError::Unreadable)?;
    if let Some(place) = kept.get_mut("challenge") {
        *place = Value::String(BASE64URL_NOPAD.encode(challenge.as_bytes()));
    }
    options.public_key.challenge = challenge.as_bytes().to_vec();
    let state = serde_json::from_value(kept).map_err(|_| PasskeyError::Unreadable)?;
    Ok((options, state))
}

/// The answer to a question, as it is sent.
pub(super) fn read(text: &str) -> Result<PublicKeyCredential, PasskeyError> {
    if text.len() > ANSWER_BYTES_MAX {
        return Err(PasskeyError::Unreadable);
    }
    let answer: PublicKeyCredential =
        serde_json::from_str(text).map_err(|_| PasskeyError::Unreadable)?;
    // The library looks at this on registration alone. A page of ours is never framed, so an answer
    // from within another site's page is somebody's attempt.
    let client: Value = serde_json::from_slice(&answer.response.client_data_json)
        .map_err(|_| PasskeyError::Unreadable)?;
    if client.get("crossOrigin").and_then(Value::as_bool) == Some(true) {
        return Err(PasskeyError::Refused(
            "it was asked for within another site's page",
        ));
    }
    Ok(answer)
}

/// Checks an answer against the passkeys it may come from; which one it was, and what it says.
pub(super) fn check(
    rp: &RelyingParty,
    state: &AuthenticationState,
    answer: &PublicKeyCredential,
    allowed: &[Kept],
) -> Result<(Kept, AuthenticationResult), PasskeyError> {
    let kept = allowed
        .iter()
        .find(|it| it.credential.cred_id.as_slice() == answer.raw_id.as_slice());
    let kept = kept.ok_or(PasskeyError::Refused("it is no passkey of this account"))?;
    let result = rp
        .core
        .authenticate_single_credential(answer, state, &kept.credential)
        .map_err(|error| refused(&error))?;
    Ok((kept.clone(), result))
}

/// What a browser is asked in order to make a passkey.
pub(super) fn ask_new(
    rp: &RelyingParty,
    handle: Hash,
    name: &str,
    known: &[Kept],
) -> Result<(Value, RegistrationState), PasskeyError> {
    let known = known.iter().map(|it| it.credential.cred_id.clone());
    let asked = rp
        .core
        .new_challenge_register_builder(handle.as_bytes(), name, name)
        .map(|builder| {
            builder
                .user_verification_policy(UserVerificationPolicy::Preferred)
                .exclude_credentials(Some(known.collect()))
        })
        .and_then(|builder| rp.core.generate_challenge_register(builder));
    let (mut options, state) = asked.map_err(|error| refused(&error))?;
    // One that knows its owner signs in without a name typed; an old key without room still serves.
    if let Some(selection) = &mut options.public_key.authenticator_selection {
        selection.resident_key = Some(ResidentKeyRequirement::Preferred);
    }
    let options = serde_json::to_value(options).map_err(|_| PasskeyError::Unreadable)?;
    Ok((options, state))
}

/// Checks the answer to [`ask_new`].
pub(super) fn check_new(
    rp: &RelyingParty,
    state: &RegistrationState,
    text: &str,
    name: &str,
) -> Result<NewPasskey, PasskeyError> {
    if text.len() > ANSWER_BYTES_MAX {
        return Err(PasskeyError::Unreadable);
    }
    let answer: RegisterPublicKeyCredential =
        serde_json::from_str(text).map_err(|_| PasskeyError::Unreadable)?;
    let credential = rp
        .core
        .register_credential(&answer, state, None)
        .map_err(|error| refused(&error))?;
    Ok(NewPasskey {
        name: name.trim().to_owned(),
        credential,
    })
}

/// The library's reason in words for people.
pub(super) fn refused(error: &WebauthnError) -> PasskeyError {
    let why = match error {
        WebauthnError::MismatchedChallenge => "it signed something else than was asked here",
        WebauthnError::InvalidRPOrigin => "it was given on another origin than this console's",
        WebauthnError::InvalidRPIDHash => "it was made for another host name",
        WebauthnError::CredentialCrossOrigin => "it was asked for within another site's page",
        WebauthnError::UserNotPresent => "nobody touched it",
        WebauthnError::UserNotVerified => {
            "it did not verify who touched it, by fingerprint or PIN; use one that does"
        }
        WebauthnError::CredentialNotFound => "it is no passkey of this account",
        WebauthnError::CredentialPossibleCompromise => {
            "its counter went back, so there may be a copy of it; remove it and add a new one"
        }
        WebauthnError::CredentialBackupEligibilityInconsistent
        | WebauthnError::CredentialMayNotBeHardwareBound => {
            "it says something else of itself than when it was added; remove it and add it again"
        }
        WebauthnError::AuthenticationFailure => "the signature is not of this passkey",
        WebauthnError::InvalidClientDataType => "it answered another question",
        WebauthnError::CredentialAlteredAlgFromRequest => {
            "it is added already, or uses a signature that is not taken here"
        }
        _ => "the answer does not hold",
    };
    tracing::debug!(%error, "a passkey's answer was refused");
    PasskeyError::Refused(why)
}
