//! A touch that proves once more who somebody signed in is, before something dangerous.

use model::id::{Hash, SessionId, UserId};
use webauthn_rs_core::proto::UserVerificationPolicy;

use super::{
    Bound, PasskeyError, RelyingParty,
    answer::{ask, check, read},
    ceremony::{Asked, Ceremony},
    kept_of,
};
use crate::{Keyring, Store, StoreError};

impl Store {
    /// Asks somebody signed in for a passkey of theirs, in this session; none when they have none.
    pub async fn begin_passkey_proof(
        &self,
        rp: &RelyingParty,
        user: UserId,
        session: SessionId,
    ) -> Result<Option<Ceremony>, PasskeyError> {
        let mut db = self.read().acquire().await.map_err(StoreError::from)?;
        let kept = kept_of(&mut db, user).await?;
        if kept.is_empty() {
            return Ok(None);
        }
        let challenge = Hash::from_bytes(Keyring::random());
        let credentials = kept.into_iter().map(|it| it.credential).collect();
        let preferred = UserVerificationPolicy::Preferred;
        let (options, state) = ask(rp, credentials, preferred, challenge)?;
        let bound = Bound::Session(session);
        Ok(Some(self.carry(&options, Asked::Proof(state), bound)?))
    }

    /// Checks the answer to [`Store::begin_passkey_proof`] of this session, and uses it up.
    pub async fn check_passkey_proof(
        &self,
        rp: &RelyingParty,
        user: UserId,
        session: SessionId,
        token: &str,
        answer: &str,
    ) -> Result<(), PasskeyError> {
        let carried = self.carried(token, Bound::Session(session))?;
        let Asked::Proof(state) = &carried.asked else {
            return Err(PasskeyError::OutOfDate);
        };
        let answer = read(answer)?;
        let mut change = self.begin().await?;
        let allowed = kept_of(change.db(), user).await?;
        let (kept, result) = check(rp, state, &answer, &allowed)?;
        self.use_up(&carried)?;
        change
            .note_passkey_use(&kept, result.counter(), result.backup_state())
            .await?;
        change.commit().await?;
        Ok(())
    }
}
