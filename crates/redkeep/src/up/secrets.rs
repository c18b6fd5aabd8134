//! The process that holds the keys: started before anything that needs one.

use std::{path::Path, sync::Arc};

use keys::{Keeper, KeysError, Setup, Source};
use sandbox::users::KEYS;

use super::doors;
use crate::{broker::Rights, config::Config};

/// What it is started with. As root it has a user of its own.
pub(crate) fn setup(config: &Config) -> Setup {
    let source = match &config.tls {
        Some(tls) => Source::Files {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
        },
        None => Source::own(&doors::names(config)).listing_at(&doors::list_address(config)),
    };
    Setup {
        data_dir: config.data_dir.clone(),
        user: sandbox::process::is_root().then_some((KEYS.uid, KEYS.gid)),
        source,
    }
}

/// Starts it as a child, or has it started by whoever kept root's rights, and waits until it holds the
/// keys.
pub(super) fn start(
    config: &Config,
    rights: Option<&Arc<Rights>>,
) -> Result<Arc<Keeper>, KeysError> {
    match rights {
        Some(rights) => Keeper::start_by(rights.clone()),
        None => Keeper::start(Path::new("/proc/self/exe"), setup(config)),
    }
}
