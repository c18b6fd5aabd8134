//! The process that holds the keys: started before anything that needs one.

use std::{path::Path, sync::Arc};

use keys::{Keeper, KeysError, Setup, Source};

use super::{doors, own_user};
use crate::config::Config;

/// Past the users of the instances and of rehearsals.
const USER: u32 = 65_532;

/// Starts it as a child of its own user (as root), and waits until it holds the keys.
pub(super) fn start(config: &Config) -> Result<Arc<Keeper>, KeysError> {
    let source = match &config.tls {
        Some(tls) => Source::Files {
            certificate: tls.certificate.clone(),
            key: tls.key.clone(),
        },
        None => Source::own(&doors::names(config)).listing_at(&doors::list_address(config)),
    };
    let setup = Setup {
        data_dir: config.data_dir.clone(),
        user: own_user(USER),
        source,
    };
    Keeper::start(Path::new("/proc/self/exe"), setup)
}
