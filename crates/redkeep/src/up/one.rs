//! One Redkeep a data directory: the lock.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use sandbox::process::FileLock;

use crate::{
    config::Config,
    exit::{Exit, Failure},
};

/// How long one that was just killed, or failed to take over, may take to be gone.
const GONE_TIME: Duration = Duration::from_secs(3);

/// The data directory and its lock, not held yet.
pub(super) fn open_lock(config: &Config) -> Result<FileLock, Failure> {
    let dir = &config.data_dir;
    sandbox::process::create_private_dir(dir, None)
        .with_context(|| format!("the data directory {} cannot be made", dir.display()))?;
    let path = dir.join("redkeep.lock");
    Ok(FileLock::open(&path).with_context(|| path.display().to_string())?)
}

/// Takes the lock, or says who has it.
pub(super) fn hold(lock: &FileLock, config: &Config) -> Result<(), Failure> {
    let dir = config.data_dir.display();
    let until = Instant::now() + GONE_TIME;
    while !lock
        .hold()
        .with_context(|| format!("{dir}/redkeep.lock cannot be locked"))?
    {
        if Instant::now() > until {
            let text = format!(
                "another Redkeep runs with {dir}: stop it, take over from it with --take-over, or choose \
                 another --data-dir"
            );
            return Err(Failure::new(Exit::Failed, text));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}
