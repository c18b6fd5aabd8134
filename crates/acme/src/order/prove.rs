//! Showing that the names are ours.

use instant_acme::{
    AuthorizationStatus, ChallengeStatus, ChallengeType, Error, Order, OrderStatus,
};

use super::Course;
use crate::{
    failure::{Trouble, said, words},
    nonce::insist,
    proof::Proof,
    record::Open,
    settings::{Method, Name},
};

/// A name that is not proven yet.
struct Due {
    /// Which of the order's authorizations.
    place: usize,
    name: Name,
    proof: Proof,
    /// Whether the server was told already that it may look.
    is_told: bool,
}

impl Course<'_> {
    /// Shows what is asked for and waits until the server has looked.
    pub(super) async fn prove(&self, open: &mut Open, order: &mut Order) -> Result<(), Trouble> {
        insist!(load(order)).map_err(|error| self.trouble(&error))?;
        let due = self.due(order).await?;
        for Due { proof, .. } in &due {
            if !open.shown.contains(proof) {
                open.shown.push(proof.clone());
            }
        }
        // Before anything is shown: whatever a crash leaves standing is taken down later.
        self.save(open)?;
        for Due { name, proof, .. } in &due {
            let shown = self.show.present(proof).await;
            shown.map_err(|why| Trouble::Show {
                name: name.to_string(),
                why: said(&why),
            })?;
        }
        for Due { place, .. } in due.iter().filter(|due| !due.is_told) {
            let told = insist!(tell(order, *place, self.kind()));
            if let Err(error) = told {
                let trouble = self.trouble(&error);
                // The server began to look by itself (RFC 8555, 7.5.1): what it finds is seen below.
                let is_late =
                    matches!(&trouble, Trouble::Refused { kind, .. } if kind == "malformed");
                if !is_late {
                    return Err(trouble);
                }
            }
        }
        insist!(async { order.refresh().await.map(|_| ()) })
            .map_err(|error| self.trouble(&error))?;
        self.await_status(order, "the names are not verified", |status| {
            matches!(
                status,
                OrderStatus::Ready | OrderStatus::Processing | OrderStatus::Valid
            )
        })
        .await
    }

    /// Takes down what was shown. What cannot be taken down is said and harms nobody.
    pub(super) async fn take_down(&self, open: &mut Open) {
        for proof in std::mem::take(&mut open.shown) {
            if let Err(why) = self.show.remove(&proof).await {
                tracing::warn!(why, ?proof, "a proof could not be taken down");
            }
        }
    }

    async fn due(&self, order: &mut Order) -> Result<Vec<Due>, Trouble> {
        let mut due = Vec::new();
        let mut all = order.authorizations();
        let mut place = 0;
        while let Some(one) = all.next().await {
            let mut one = one.map_err(|error| self.trouble(&error))?;
            let text = one.identifier().to_string();
            let refused = |why: String| Trouble::NotProven {
                server: self.authority.host(),
                name: said(&text),
                said: why,
            };
            let name = text.parse::<Name>().ok();
            let name = name
                .filter(|name| self.settings.names.contains(name))
                .ok_or_else(|| refused("it was never asked for".to_owned()))?;
            match one.status {
                AuthorizationStatus::Pending => {
                    let is_told = {
                        let challenges = &one.challenges;
                        let ours = challenges.iter().find(|it| it.r#type == self.kind());
                        ours.is_some_and(|it| it.status != ChallengeStatus::Pending)
                    };
                    let challenge = one.challenge(self.kind()).ok_or_else(|| Trouble::NoWay {
                        server: self.authority.host(),
                        name: name.to_string(),
                        method: self.method(),
                    })?;
                    let authorization = challenge.key_authorization();
                    let proof = Proof::new(
                        self.settings.method,
                        &name,
                        &challenge.token,
                        authorization.as_str(),
                        authorization.digest().as_ref(),
                    );
                    let proof = proof.ok_or_else(|| refused("its token is none".to_owned()))?;
                    due.push(Due {
                        place,
                        name,
                        proof,
                        is_told,
                    });
                }
                AuthorizationStatus::Valid => {}
                AuthorizationStatus::Invalid
                | AuthorizationStatus::Revoked
                | AuthorizationStatus::Expired
                | AuthorizationStatus::Deactivated => {
                    return Err(refused("an earlier verification does not hold".to_owned()));
                }
            }
            place += 1;
        }
        Ok(due)
    }

    /// Which name the validators did not find proven, and what they say about it.
    pub(super) async fn refused_proof(&self, order: &mut Order) -> Option<Trouble> {
        insist!(load(order)).ok()?;
        let mut all = order.authorizations();
        while let Some(one) = all.next().await {
            let one = one.ok()?;
            let problem = one.challenges.iter().find_map(|it| it.error.as_ref());
            if let (Some(problem), AuthorizationStatus::Invalid) = (problem, one.status) {
                return Some(Trouble::NotProven {
                    server: self.authority.host(),
                    name: said(&one.identifier().to_string()),
                    said: words(problem),
                });
            }
        }
        None
    }

    fn kind(&self) -> ChallengeType {
        match self.settings.method {
            Method::Http01 => ChallengeType::Http01,
            Method::TlsAlpn01 => ChallengeType::TlsAlpn01,
            Method::Dns01 => ChallengeType::Dns01,
        }
    }

    fn method(&self) -> &'static str {
        match self.settings.method {
            Method::Http01 => "http-01",
            Method::TlsAlpn01 => "tls-alpn-01",
            Method::Dns01 => "dns-01",
        }
    }
}

/// Fetches what the order's authorizations say; what is known already is not asked again.
async fn load(order: &mut Order) -> Result<(), Error> {
    let mut all = order.authorizations();
    while let Some(one) = all.next().await {
        one?;
    }
    Ok(())
}

/// Tells the server that it may look.
async fn tell(order: &mut Order, place: usize, kind: ChallengeType) -> Result<(), Error> {
    let mut all = order.authorizations();
    for _ in 0..place {
        all.next().await.transpose()?;
    }
    let Some(mut one) = all.next().await.transpose()? else {
        return Ok(());
    };
    match one.challenge(kind) {
        Some(mut challenge) => challenge.set_ready().await,
        None => Ok(()),
    }
}
