//! Whose client certificates the gates believe: read at the start, and again each minute, so that a
//! new revocation list holds without a restart.

use std::{sync::Arc, time::Duration};

use gate::Clients;

use super::House;
use crate::{config::Config, config::clients, exit::Failure};

/// How often the files are read.
const LOOK: Duration = Duration::from_mins(1);

/// The authorities of the configuration; none: there are none.
pub(super) fn open(config: &Config) -> Result<Option<Arc<Clients>>, Failure> {
    if config.client_authorities.is_empty() {
        return Ok(None);
    }
    let read = clients::read(&config.client_authorities)?;
    let made = Clients::new(&read).map_err(anyhow::Error::msg)?;
    Ok(Some(Arc::new(made)))
}

/// Reads them again until Redkeep stops. What cannot be read leaves what held before.
pub(super) fn spawn(house: &House, clients: Arc<Clients>) {
    let (sections, stop) = (house.config.client_authorities.clone(), house.stop.clone());
    house.tasks.spawn(async move {
        loop {
            let pause = tokio::time::sleep(LOOK);
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
            let sections = sections.clone();
            let read = tokio::task::spawn_blocking(move || clients::read(&sections)).await;
            let taken = match read {
                Ok(Ok(read)) => clients.replace(&read),
                Ok(Err(error)) => Err(format!("{error:#}")),
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = taken {
                tracing::error!(%why, "client authorities stay as they were");
            }
        }
    });
}
