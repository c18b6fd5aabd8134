//! Touches: approvals signed with a passkey over a digest of ours.

use data_encoding::BASE64URL_NOPAD;
use model::{
    audit::EventKind,
    deployment::{Decision, Deployment, State},
    id::{DeploymentId, Hash, PasskeyId, SessionId, UserId, UserName},
    principal::Actor,
    touch::{Touch, TouchStatement, decisions_digest},
};
use serde_json::json;
use webauthn_rs_core::proto::{
    AttestationFormat, Credential, ParsedAttestation, PublicKeyCredential, RegisteredExtensions,
    UserVerificationPolicy,
};

use super::{
    Bound, Ceremony, PasskeyError, RelyingParty,
    answer::{ask, check, read, refused},
    ceremony::{Asked, kept_for},
    kept_of,
};
use crate::{Keyring, Store, StoreError, deployments, json, open::Change};

/// Bit of the authenticator's flags: the passkey may be copied between devices.
const BACKUP_ELIGIBLE: u8 = 1 << 3;
/// Where the flags are, behind the digest of the host name.
const FLAGS_AT: usize = 32;

/// A touch that was checked: made in [`Store::finish_touch`] alone.
#[derive(Debug)]
pub struct CheckedTouch {
    touch: Touch,
    user: UserId,
    passkey: PasskeyId,
    counter: u32,
    backup_state: bool,
}

impl CheckedTouch {
    /// What was signed.
    pub fn statement(&self) -> &TouchStatement {
        &self.touch.statement
    }
}

impl Store {
    /// Asks `user` in `session` to sign what stands: this deployment with these decisions. None
    /// when they have no passkey.
    pub async fn begin_touch(
        &self,
        rp: &RelyingParty,
        user: (UserId, &UserName),
        session: SessionId,
        deployment: &Deployment,
        decisions: &[Decision],
    ) -> Result<Option<(Ceremony, TouchStatement)>, PasskeyError> {
        let (user, name) = user;
        let kept = kept_for(self, user).await?;
        if kept.is_empty() {
            return Ok(None);
        }
        let statement = TouchStatement {
            instance: deployment.instance.clone(),
            deployment: deployment.id,
            shown: deployment.proposal.hash(),
            base: deployment.proposal.base,
            decisions: decisions_digest(decisions),
            reviewer: user,
            name: name.clone(),
            at: self.clock.now(),
            nonce: Hash::from_bytes(Keyring::random()),
        };
        let credentials = kept.into_iter().map(|it| it.credential).collect();
        let preferred = UserVerificationPolicy::Preferred;
        let (options, state) = ask(rp, credentials, preferred, statement.challenge())?;
        let asked = Asked::Touch(state, statement.clone());
        let ceremony = self.carry(&options, asked, Bound::Session(session))?;
        Ok(Some((ceremony, statement)))
    }

    /// Checks what `user` signed in `session`, and uses the question up. Whether it is about what
    /// stands now is asked when it is used ([`Store::confirm_touched`]).
    pub async fn finish_touch(
        &self,
        rp: &RelyingParty,
        user: UserId,
        session: SessionId,
        token: &str,
        answer: &str,
    ) -> Result<CheckedTouch, PasskeyError> {
        let carried = self.carried(token, Bound::Session(session))?;
        let Asked::Touch(state, statement) = &carried.asked else {
            return Err(PasskeyError::OutOfDate);
        };
        if statement.reviewer != user {
            return Err(PasskeyError::OutOfDate);
        }
        let answer = read(answer)?;
        let (kept, result) = check(rp, state, &answer, &kept_for(self, user).await?)?;
        self.use_up(&carried)?;
        let encode = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let public_key = serde_json::to_value(&kept.credential.cred);
        Ok(CheckedTouch {
            touch: Touch {
                statement: statement.clone(),
                passkey: kept.passkey.name.clone(),
                public_key: public_key.map_err(|_| PasskeyError::Unreadable)?,
                rp_id: rp.id.clone(),
                origin: rp.origin.clone(),
                is_verified: result.user_verified(),
                credential: encode(&answer.raw_id),
                authenticator_data: encode(&answer.response.authenticator_data),
                client_data: encode(&answer.response.client_data_json),
                signature: encode(&answer.response.signature),
            },
            user,
            passkey: kept.passkey.id,
            counter: result.counter(),
            backup_state: result.backup_state(),
        })
    }

    /// The touch that counts for a deployment: the last one.
    pub async fn touch_of(&self, id: DeploymentId) -> Result<Option<Touch>, StoreError> {
        let query = "SELECT touch FROM touches WHERE deployment = ? ORDER BY id DESC LIMIT 1";
        let text: Option<String> = sqlx::query_scalar(query)
            .bind(id.0)
            .fetch_optional(self.read())
            .await?;
        text.map(|text| json::read("touch", &text)).transpose()
    }

    /// Signs what is confirmed already, because policy asks for a touch since, or the first one is
    /// of somebody whose decisions were replaced. `Conflict` when something else stands by now.
    pub async fn touch_confirmed(
        &self,
        seen: &Deployment,
        decisions: &[Decision],
        touch: &CheckedTouch,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let now = deployments::still(change.db(), seen).await?;
        if !matches!(now.state, State::Approved { .. }) {
            let why = "only a confirmed deployment is signed by itself; confirm it with the touch";
            return Err(StoreError::Conflict(why.to_owned()));
        }
        change.keep_touch(&now, decisions, touch, by).await?;
        change.commit().await
    }
}

impl Change<'_> {
    /// Keeps a touch in the transaction of what it approves, if it is about exactly that.
    pub(crate) async fn keep_touch(
        &mut self,
        deployment: &Deployment,
        decisions: &[Decision],
        checked: &CheckedTouch,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let conflict = |why: &str| Err(StoreError::Conflict(why.to_owned()));
        let statement = &checked.touch.statement;
        if by.user() != Some(checked.user) {
            return conflict("the touch is another person's");
        }
        if statement.deployment != deployment.id || statement.instance != deployment.instance {
            return conflict("the touch is for another deployment");
        }
        if statement.shown != deployment.proposal.hash()
            || statement.base != deployment.proposal.base
        {
            return conflict("the deployment changed since it was touched for; look again");
        }
        if deployments::decisions_in(self.db(), deployment.id).await? != decisions
            || statement.decisions != decisions_digest(decisions)
        {
            return conflict("somebody decided on it since it was touched for; look again");
        }
        let kept = kept_of(self.db(), checked.user).await?;
        let Some(kept) = kept.iter().find(|it| it.passkey.id == checked.passkey) else {
            return conflict("the passkey was removed meanwhile");
        };
        // Once more within the transaction: two answers at once may both have been checked against
        // the same count.
        if kept.credential.counter != 0 && checked.counter <= kept.credential.counter {
            return conflict("the passkey's counter went back: a touch counts once");
        }
        self.note_passkey_use(kept, checked.counter, checked.backup_state)
            .await?;
        let challenge = statement.challenge().to_string();
        let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM touches WHERE challenge = ?")
            .bind(&challenge)
            .fetch_optional(self.db())
            .await?;
        if known.is_some() {
            return conflict("this touch was used already; a touch counts once");
        }
        sqlx::query("INSERT INTO touches (deployment, challenge, touch) VALUES (?, ?, ?)")
            .bind(deployment.id.0)
            .bind(&challenge)
            .bind(serde_json::to_string(&checked.touch).unwrap_or_default())
            .execute(self.db())
            .await?;
        let detail = json!({
            "touch": checked.touch.hash(), "passkey": checked.touch.passkey,
            "challenge": challenge, "origin": checked.touch.origin,
            "shown": statement.shown, "decisions": statement.decisions,
        });
        let about = deployments::subject(deployment.id);
        let (kind, instance) = (EventKind::ApprovalTouched, Some(&deployment.instance));
        self.append(kind, by, instance, &about, detail).await
    }
}

/// Whether a touch holds by itself: that its passkey signed exactly its statement, on its origin,
/// with a touch. Needs nothing but the touch.
pub fn is_touched(touch: &Touch) -> Result<(), PasskeyError> {
    let decode = |text: &str| {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes());
        bytes.map_err(|_| PasskeyError::Unreadable)
    };
    let id = decode(&touch.credential)?;
    let data = decode(&touch.authenticator_data)?;
    let flags = data.get(FLAGS_AT).copied().unwrap_or_default();
    let credential = Credential {
        cred_id: id,
        cred: serde_json::from_value(touch.public_key.clone())
            .map_err(|_| PasskeyError::Unreadable)?,
        counter: 0,
        transports: None,
        user_verified: false,
        backup_eligible: flags & BACKUP_ELIGIBLE != 0,
        backup_state: false,
        registration_policy: UserVerificationPolicy::Preferred,
        extensions: RegisteredExtensions::none(),
        attestation: ParsedAttestation::default(),
        attestation_format: AttestationFormat::None,
    };
    let answer = json!({
        "id": touch.credential, "rawId": touch.credential, "type": "public-key",
        "response": {
            "authenticatorData": touch.authenticator_data, "clientDataJSON": touch.client_data,
            "signature": touch.signature, "userHandle": null,
        },
    });
    let answer: PublicKeyCredential = read(&answer.to_string())?;
    let rp = RelyingParty::claimed(&touch.rp_id, &touch.origin)?;
    let preferred = UserVerificationPolicy::Preferred;
    let (_, state) = ask(
        &rp,
        vec![credential.clone()],
        preferred,
        touch.statement.challenge(),
    )?;
    let result = rp
        .core
        .authenticate_single_credential(&answer, &state, &credential)
        .map_err(|error| refused(&error))?;
    if result.user_verified() != touch.is_verified {
        return Err(PasskeyError::Refused(
            "whether its owner was verified is said in two ways",
        ));
    }
    Ok(())
}
