//! One-time codes that carry a console session over to the gate's origin.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use data_encoding::BASE64URL_NOPAD;
use model::{
    clock::Timestamp,
    id::{Hash, SessionId, UserId},
};

use crate::{Keyring, Session, Store};

/// How long a code is good.
const GOOD_SECONDS: i64 = 60;
/// How many are kept.
const CODES_MAX: usize = 1000;

/// The codes that are good now, by digest. Kept in memory: a restart voids them.
#[derive(Debug, Default)]
pub(crate) struct EntryCodes(Mutex<HashMap<Hash, EntryCode>>);

#[derive(Debug)]
struct EntryCode {
    user: UserId,
    session: SessionId,
    /// Digest of the state of the browser that asked.
    state: Hash,
    until: Timestamp,
}

impl Store {
    /// Makes a one-time code with which the browser that holds `state` may enter the gate as the
    /// user of this console session. Good for 60 seconds, once. Kept in memory, at most 1,000.
    pub fn issue_entry_code(&self, console: &Session, state: &str) -> String {
        let code = BASE64URL_NOPAD.encode(&Keyring::random::<32>());
        let now = self.clock.now();
        let mut codes = self
            .inner
            .entry_codes
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, entry| entry.until > now);
        if codes.len() >= CODES_MAX {
            let oldest = codes
                .iter()
                .min_by_key(|(_, entry)| entry.until)
                .map(|(key, _)| *key);
            oldest.and_then(|key| codes.remove(&key));
        }
        let entry = EntryCode {
            user: console.user,
            session: console.id,
            state: Hash::of(state.as_bytes()),
            until: now.plus_seconds(GOOD_SECONDS),
        };
        codes.insert(Hash::of(code.as_bytes()), entry);
        code
    }

    /// Uses an entry code up: the user and the console session it hangs on, if the code is good
    /// and `state` is the one it was made for. A wrong state uses it up too.
    pub fn redeem_entry_code(&self, code: &str, state: &str) -> Option<(UserId, SessionId)> {
        let mut codes = self
            .inner
            .entry_codes
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = codes.remove(&Hash::of(code.as_bytes()))?;
        let is_good = entry.until > self.clock.now() && entry.state == Hash::of(state.as_bytes());
        is_good.then_some((entry.user, entry.session))
    }
}
