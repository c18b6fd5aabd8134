//! Providers people sign in by, as the console sees them; and the one task that asks them again about
//! whoever is here, so that somebody who was removed there is gone here within a minute.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use console::{Asking, Coming, Leaving, Offered, Providers};
use futures_util::{StreamExt as _, stream};
use oidc::{Accounts, Flow, Grant, Provider, Refused, Returned};
use store::{Due, External, Says, Secret, Store};

use super::House;
use crate::{clock::SystemClock, config::oidc::OpenId};

/// How often it is looked whom to ask about.
const TICK: Duration = Duration::from_secs(1);
/// Questions under way at a time.
const AT_ONCE: usize = 8;

/// Those that are configured, asked.
#[derive(Debug)]
pub(super) struct Desk {
    all: Vec<(OpenId, Provider)>,
    console_origin: String,
}

impl Desk {
    /// Sets them up; none is asked yet. None: none is configured.
    pub(super) fn open(all: &[OpenId], console_origin: &str) -> anyhow::Result<Option<Arc<Self>>> {
        if all.is_empty() {
            return Ok(None);
        }
        let all = all.iter().map(|one| {
            let provider = Provider::new(one.settings.clone(), Arc::new(SystemClock));
            let provider = provider.with_context(|| format!("[[oidc]] {}", one.settings.id))?;
            Ok((one.clone(), provider))
        });
        Ok(Some(Arc::new(Self {
            all: all.collect::<anyhow::Result<_>>()?,
            console_origin: console_origin.to_owned(),
        })))
    }

    /// Asks again about whoever is here, until `house` stops.
    pub(super) fn spawn(self: &Arc<Self>, house: &House) {
        let (desk, store, stop) = (self.clone(), house.store.clone(), house.stop.clone());
        house.tasks.spawn(async move {
            loop {
                if let Err(error) = desk.round(&store).await {
                    tracing::warn!(%error, "who is here by a provider could not be looked up");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(TICK) => {}
                }
            }
        });
    }

    async fn round(&self, store: &Store) -> anyhow::Result<()> {
        let due = store.external_due().await?;
        let asked = stream::iter(due).map(|due| async move {
            if let Err(error) = self.look_again(store, &due).await {
                tracing::warn!(%error, session = %due.session, "a session's provider was not asked");
            }
        });
        asked.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
        Ok(())
    }

    /// Asks about one session, and does what the answer says.
    async fn look_again(&self, store: &Store, due: &Due) -> anyhow::Result<()> {
        let known = self.find(&due.provider);
        let Some((one, provider)) = known.filter(|(one, _)| one.settings.issuer == due.issuer)
        else {
            let why = "its provider is not in the configuration any more";
            return Ok(store.external_over(due, why).await?);
        };
        let grant: Grant = serde_json::from_slice(due.grant.expose()).context("its grant")?;
        match provider.again(&grant, &due.subject).await {
            Ok(still) => {
                let says = says(one, still.groups.as_deref());
                let grant = secret(&still.grant)?;
                let again = one.recheck_seconds;
                store.external_vouched(due, says, &grant, again).await?;
            }
            Err(refused) if refused.is_unreachable() => {
                tracing::warn!(%refused, session = %due.session, "a provider could not be asked again");
                let (grace, again) = (one.grace_seconds, one.recheck_seconds);
                store.external_unreachable(due, grace, again).await?;
            }
            Err(refused) => {
                let why = match &refused {
                    Refused::Over { .. } => {
                        "the provider does not stand for it any more".to_owned()
                    }
                    other => other.to_string(),
                };
                store.external_over(due, &why).await?;
            }
        }
        Ok(())
    }

    fn find(&self, id: &str) -> Option<&(OpenId, Provider)> {
        self.all.iter().find(|(one, _)| one.settings.id == id)
    }

    fn named(&self, id: &str) -> Result<&(OpenId, Provider), String> {
        self.find(id)
            .ok_or_else(|| "there is no such way to sign in; open the page again".to_owned())
    }

    /// Where the browser comes back to: an address of each provider's own, so that none can pass its
    /// answer off as another's (RFC 9700, 4.4).
    fn back(&self, id: &str) -> String {
        format!("{}/sign-in/back/{id}", self.console_origin)
    }
}

/// What the groups say. A provider that says nothing of groups, where it should, vouches for no role.
fn says(one: &OpenId, groups: Option<&[String]>) -> Says {
    if one.settings.roles.is_empty() {
        return Says::Nothing;
    }
    match one.settings.role_of(groups.unwrap_or_default()) {
        Some(role) => Says::Is(role),
        None => Says::NoRole,
    }
}

fn secret(grant: &Grant) -> anyhow::Result<Secret> {
    Ok(Secret::new(serde_json::to_vec(grant)?))
}

impl Providers for Desk {
    fn offered(&self) -> Vec<Offered> {
        let all = self.all.iter().map(|(one, _)| Offered {
            id: one.settings.id.clone(),
            label: one.settings.label.clone(),
        });
        all.collect()
    }

    fn begin<'a>(&'a self, id: &'a str) -> Asking<'a, Result<Leaving, String>> {
        Box::pin(async move {
            let (_, provider) = self.named(id)?;
            let begun = provider.begin(&self.back(id)).await;
            let begun = begun.map_err(|error| error.to_string())?;
            Ok(Leaving {
                address: begun.address,
                flow: serde_json::to_value(&begun.flow).map_err(|error| error.to_string())?,
            })
        })
    }

    fn finish<'a>(
        &'a self,
        id: &'a str,
        flow: serde_json::Value,
        coming: Coming,
    ) -> Asking<'a, Result<External, String>> {
        Box::pin(async move {
            let (one, provider) = self.named(id)?;
            let flow: Flow = serde_json::from_value(flow)
                .map_err(|_| "this sign-in is out of date; begin again".to_owned())?;
            let returned = Returned {
                code: coming.code,
                state: coming.state,
                iss: coming.iss,
                error: coming.error,
            };
            let came = provider.finish(&self.back(id), &flow, &returned).await;
            let came = came.map_err(|error| {
                tracing::warn!(provider = id, %error, "a sign-in came to nothing");
                error.to_string()
            })?;
            Ok(External {
                provider: id.to_owned(),
                issuer: one.settings.issuer.clone(),
                says: says(one, came.groups.as_deref()),
                subject: came.subject,
                names: came.names,
                makes_accounts: one.settings.accounts == Accounts::JustInTime,
                grant: secret(&came.grant).map_err(|error| error.to_string())?,
                again_seconds: one.recheck_seconds,
            })
        })
    }

    fn farewell<'a>(&'a self, id: &'a str, grant: Secret) -> Asking<'a, Option<String>> {
        Box::pin(async move {
            let (_, provider) = self.find(id)?;
            let grant: Grant = serde_json::from_slice(grant.expose()).ok()?;
            let after = format!("{}/sign-in", self.console_origin);
            provider.farewell(&grant, &after).await
        })
    }
}
