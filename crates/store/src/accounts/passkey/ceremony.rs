//! Questions to authenticators on their way: sealed and carried by the browser, each good once, for five
//! minutes, for one purpose and one session, and never after a restart.
//!
//! Nothing is kept for a question that was not answered, so that nobody fills a memory by asking.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use data_encoding::BASE64URL_NOPAD;
use model::{
    audit::EventKind,
    clock::Timestamp,
    id::{Hash, SessionId, UserId, UserName},
    touch::TouchStatement,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs_core::proto::{AuthenticationState, RegistrationState, UserVerificationPolicy};

use super::{
    Bound, Kept, NewPasskey, PasskeyError, RelyingParty,
    answer::{ANSWER_SECONDS, ask, ask_new, check, check_new, read},
    handle, kept_by_credential, kept_of,
};
use crate::{
    Keyring, Store, StoreError, User,
    accounts::{login::HalfWay, login::logged_in, subject, user_in},
};

/// Answers remembered until their question is out of date: as many people sign in in five minutes.
const USED_MAX: usize = 10_000;
/// Bytes of a carried question.
const TOKEN_BYTES_MAX: usize = 64 << 10;

/// What is to be known of questions: of which run they are, and which were answered.
#[derive(Debug)]
pub(crate) struct Ceremonies {
    run: Hash,
    used: Mutex<HashMap<Hash, Timestamp>>,
    /// Sessions that were signed in to with a passkey, until when that is a moment ago.
    fresh: Mutex<HashMap<SessionId, Timestamp>>,
}

impl Ceremonies {
    pub(crate) fn new() -> Self {
        Self {
            run: Hash::from_bytes(Keyring::random()),
            used: Mutex::default(),
            fresh: Mutex::default(),
        }
    }

    /// Uses a question up; false when it was before, or when too many are remembered.
    pub(super) fn use_up(&self, nonce: Hash, until: Timestamp, now: Timestamp) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|_, until| *until > now);
        used.len() < USED_MAX && used.insert(nonce, until).is_none()
    }
}

/// A question for a browser.
#[derive(Debug, Clone)]
pub struct Ceremony {
    /// What the browser brings back beside the answer, sealed.
    pub token: String,
    /// The options for `navigator.credentials`, as JSON.
    pub options: String,
}

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Asked {
    New(RegistrationState),
    /// `half_way`: after a right password; none: a passkey alone, which must verify its owner.
    SignIn(AuthenticationState, Option<HalfWay>),
    Touch(AuthenticationState, TouchStatement),
    /// Before something dangerous, of somebody signed in.
    Proof(AuthenticationState),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Carried {
    pub(super) nonce: Hash,
    pub(super) until: Timestamp,
    pub(super) bound: Bound,
    pub(super) asked: Asked,
}

impl Store {
    /// Notes that a session was opened with a passkey just now.
    pub fn mark_fresh(&self, session: SessionId) {
        let now = self.clock.now();
        let fresh = &self.inner.ceremonies.fresh;
        let mut fresh = fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.retain(|_, until| *until > now);
        if fresh.len() < USED_MAX {
            fresh.insert(session, now.plus_seconds(ANSWER_SECONDS));
        }
    }

    /// Whether a session was opened with a passkey in the last five minutes, by this run.
    pub fn is_fresh(&self, session: SessionId) -> bool {
        let now = self.clock.now();
        let fresh = &self.inner.ceremonies.fresh;
        let fresh = fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.get(&session).is_some_and(|until| *until > now)
    }

    fn purpose(&self) -> String {
        format!("passkey-question {}", self.inner.ceremonies.run)
    }

    pub(super) fn carry(
        &self,
        options: &impl Serialize,
        asked: Asked,
        bound: Bound,
    ) -> Result<Ceremony, PasskeyError> {
        let carried = Carried {
            nonce: Hash::from_bytes(Keyring::random()),
            until: self.clock.now().plus_seconds(ANSWER_SECONDS),
            bound,
            asked,
        };
        let text = serde_json::to_vec(&carried).map_err(|_| PasskeyError::Unreadable)?;
        let sealed = self.keyring.seal(&self.purpose(), &text);
        let sealed = sealed.map_err(StoreError::from)?;
        Ok(Ceremony {
            token: BASE64URL_NOPAD.encode(&sealed),
            options: serde_json::to_string(options).map_err(|_| PasskeyError::Unreadable)?,
        })
    }

    /// What was asked, if it was asked here, of this `bound`, and not too long ago.
    pub(super) fn carried(&self, token: &str, bound: Bound) -> Result<Carried, PasskeyError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(PasskeyError::OutOfDate);
        }
        let sealed = BASE64URL_NOPAD
            .decode(token.as_bytes())
            .map_err(|_| PasskeyError::OutOfDate)?;
        let text = self
            .keyring
            .unseal(&self.purpose(), &sealed)
            .map_err(|_| PasskeyError::OutOfDate)?;
        let carried: Carried =
            serde_json::from_slice(text.expose()).map_err(|_| PasskeyError::OutOfDate)?;
        if carried.until <= self.clock.now() || carried.bound != bound {
            return Err(PasskeyError::OutOfDate);
        }
        Ok(carried)
    }

    pub(super) fn use_up(&self, carried: &Carried) -> Result<(), PasskeyError> {
        let now = self.clock.now();
        let used = &self.inner.ceremonies;
        if used.use_up(carried.nonce, carried.until, now) {
            Ok(())
        } else {
            Err(PasskeyError::Replayed)
        }
    }

    /// Asks for a new passkey for `name`, in this session or by this link.
    pub async fn begin_passkey(
        &self,
        rp: &RelyingParty,
        name: &UserName,
        bound: Bound,
    ) -> Result<Ceremony, PasskeyError> {
        let known = match self.user_by_name(name).await? {
            Some(user) => {
                let mut db = self.read().acquire().await.map_err(StoreError::from)?;
                kept_of(&mut db, user.id).await?
            }
            None => Vec::new(),
        };
        let handle = handle(&self.keyring, name)?;
        let (options, state) = ask_new(rp, handle, name.as_str(), &known)?;
        self.carry(&options, Asked::New(state), bound)
    }

    /// Checks a new passkey, called `name` by its owner, and uses the question up.
    pub fn finish_passkey(
        &self,
        rp: &RelyingParty,
        bound: Bound,
        token: &str,
        answer: &str,
        name: &str,
    ) -> Result<NewPasskey, PasskeyError> {
        let carried = self.carried(token, bound)?;
        let Asked::New(state) = &carried.asked else {
            return Err(PasskeyError::OutOfDate);
        };
        let new = check_new(rp, state, answer, name)?;
        self.use_up(&carried)?;
        Ok(new)
    }

    /// Asks whoever stands before a sign-in page for a passkey that knows its owner and verifies
    /// them: the only factor then.
    pub fn begin_passkey_sign_in(&self, rp: &RelyingParty) -> Result<Ceremony, PasskeyError> {
        let challenge = Hash::from_bytes(Keyring::random());
        let required = UserVerificationPolicy::Required;
        let (options, state) = ask(rp, Vec::new(), required, challenge)?;
        self.carry(&options, Asked::SignIn(state, None), Bound::SignIn)
    }

    /// Asks somebody whose password was right for a passkey of theirs; none when they have none.
    pub async fn begin_passkey_factor(
        &self,
        rp: &RelyingParty,
        half_way: &HalfWay,
    ) -> Result<Option<Ceremony>, PasskeyError> {
        let mut db = self.read().acquire().await.map_err(StoreError::from)?;
        let kept = kept_of(&mut db, half_way.user).await?;
        if kept.is_empty() {
            return Ok(None);
        }
        let challenge = Hash::from_bytes(Keyring::random());
        let credentials = kept.into_iter().map(|it| it.credential).collect();
        let preferred = UserVerificationPolicy::Preferred;
        let (options, state) = ask(rp, credentials, preferred, challenge)?;
        let asked = Asked::SignIn(state, Some(half_way.clone()));
        Ok(Some(self.carry(&options, asked, Bound::SignIn)?))
    }

    /// Signs in with a passkey: after a right password, or alone. Writes the audit rows; an answer
    /// that is nobody's is not written down, or the record would be a tool to fill the disk with.
    pub async fn passkey_sign_in(
        &self,
        rp: &RelyingParty,
        token: &str,
        answer: &str,
        address: Option<IpAddr>,
    ) -> Result<User, PasskeyError> {
        let carried = self.carried(token, Bound::SignIn)?;
        let Asked::SignIn(state, half_way) = &carried.asked else {
            return Err(PasskeyError::OutOfDate);
        };
        let answer = read(answer)?;
        let mut change = self.begin().await?;
        let allowed: Vec<Kept> = match half_way {
            Some(half_way) => {
                change.still_right(half_way).await?;
                kept_of(change.db(), half_way.user).await?
            }
            None => kept_by_credential(change.db(), &answer.raw_id)
                .await?
                .into_iter()
                .collect(),
        };
        let (kept, result) = check(rp, state, &answer, &allowed)?;
        let user = user_in(change.db(), kept.user).await?;
        if user.provider.is_some() {
            // Whoever was removed there must not come in here by what they still hold.
            return Err(PasskeyError::Refused(
                "its owner signs in by a provider; the passkey is for approvals",
            ));
        }
        let handle = handle(&self.keyring, &user.name)?;
        let is_theirs = |it: &Vec<u8>| it.as_slice() == handle.as_bytes();
        let named = answer.response.user_handle.as_ref();
        // Nobody was named: then the authenticator says who it is.
        if half_way.is_none() && !named.is_some_and(is_theirs) {
            return Err(PasskeyError::Refused(
                "it does not say whose it is; type your name and password",
            ));
        }
        self.use_up(&carried)?;
        change
            .note_passkey_use(&kept, result.counter(), result.backup_state())
            .await?;
        let now = change.now;
        sqlx::query("UPDATE users SET last_login_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(user.id.0)
            .execute(change.db())
            .await
            .map_err(StoreError::from)?;
        let detail: Value = json!({
            "user": user.name, "second_factor": true, "passkey": kept.passkey.name,
            "password": half_way.is_some(),
        });
        let by = logged_in(&user, address);
        change
            .append(EventKind::LoggedIn, &by, None, &subject(&user.name), detail)
            .await?;
        change.note_break_glass(&user, &by).await?;
        change.commit().await?;
        Ok(user)
    }
}

/// Whose answer, for the parts that need it by number.
pub(super) async fn kept_for(store: &Store, user: UserId) -> Result<Vec<Kept>, StoreError> {
    let mut db = store.read().acquire().await?;
    kept_of(&mut db, user).await
}
