//! The account at an authority: made once, then taken from its record.

use std::sync::Arc;

use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use model::clock::Clock;

use crate::{
    failure::Trouble,
    keep::Keep,
    nonce::insist,
    record,
    settings::{Authority, Settings},
    transport::{Heard, Transport},
};

/// The account, opened, or made where there is none.
pub(crate) async fn open(
    settings: &Settings,
    authority: &Authority,
    keep: &dyn Keep,
    clock: &Arc<dyn Clock>,
    heard: &Arc<Heard>,
) -> Result<Account, Trouble> {
    let server = authority.host();
    let builder = || {
        let transport = Transport::new(
            authority.roots.as_deref(),
            Arc::clone(heard),
            Arc::clone(clock),
        );
        let transport = transport.map_err(|error| Trouble::Unreachable {
            server: server.clone(),
            why: error.to_string(),
        })?;
        Ok::<_, Trouble>(Account::builder_with_http(Box::new(transport)))
    };
    let name = record::account(authority);
    if let Some(credentials) = record::load::<AccountCredentials>(keep, &name)? {
        let opened = builder()?.from_credentials(credentials).await;
        return opened.map_err(|error| Trouble::new(&server, &error));
    }
    let contact: Vec<&str> = settings.contact.iter().map(String::as_str).collect();
    let wanted = NewAccount {
        contact: &contact,
        terms_of_service_agreed: true,
        only_return_existing: false,
    };
    let external = authority
        .external_account
        .as_ref()
        .map(|it| ExternalAccountKey::new(it.key_id.clone(), &it.key));
    let made = insist!(async {
        let builder = match builder() {
            Ok(builder) => builder,
            Err(trouble) => return Ok(Err(trouble)),
        };
        let directory = authority.directory.clone();
        let made = builder.create(&wanted, directory, external.as_ref()).await;
        made.map(Ok)
    });
    let (account, credentials) = made.map_err(|error| Trouble::new(&server, &error))??;
    // If this fails or we die before it, the server has an account nobody uses. That costs nothing.
    record::save(keep, &name, &credentials)?;
    Ok(account)
}
