//! The root's key, taken away and brought back: on a stopped installation, since a running one gives
//! no key out.

use std::{
    fs::OpenOptions,
    io::{BufRead as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;
use model::{audit::EventKind, clock::Clock as _, principal::Actor};
use serde_json::json;
use store::Store;
use zeroize::Zeroizing;

use super::CaVerb;
use crate::{
    clock::SystemClock,
    exit::{Exit, Failure},
    terminal,
};

/// Bytes of an exported key at most.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Bytes of a passphrase at most.
const LINE_BYTES_MAX: u64 = 4096;

pub(crate) async fn run(data_dir: &Path, verb: &CaVerb) -> Result<Exit, Failure> {
    let lock = sandbox::process::lock_file(&data_dir.join("redkeep.lock"))
        .with_context(|| data_dir.display().to_string())?;
    let Some(_lock) = lock else {
        let text = "Redkeep is running, and gives no key out: stop it first";
        return Err(Failure::new(Exit::Failed, text.to_owned()));
    };
    let tls = data_dir.join("tls");
    let (what, said) = match verb {
        CaVerb::Export { file, keep } => {
            let passphrase = passphrase()?;
            let exported = keys::export_root_key(&tls, &passphrase)?;
            write_new(file, &exported)
                .with_context(|| format!("{} cannot be written", file.display()))?;
            if *keep {
                (
                    "the root's key was exported",
                    "it is written; the key also stays here".to_owned(),
                )
            } else {
                // What lies there is read back before anything is removed here.
                let back = read(file)?;
                keys::forget_root_key(&tls, &back, &passphrase, SystemClock.now())?;
                let said = format!(
                    "the root's key is in {} and no longer here: keep file and passphrase apart from \
                     this machine, and in two places",
                    file.display()
                );
                ("the root's key was taken away", said)
            }
        }
        CaVerb::Import { file } => {
            let exported = read(file)?;
            keys::import_root_key(&tls, &exported, &passphrase()?)?;
            (
                "the root's key was brought back",
                "the root's key is here again".to_owned(),
            )
        }
        _ => return Ok(Exit::Usage),
    };
    let store = Store::open(data_dir, Arc::new(SystemClock)).await?;
    let (kind, by) = (EventKind::AuthorityChanged, Actor::System);
    let noted = store.record(kind, &by, None, "authority", json!({ "what": what }));
    noted.await?;
    terminal::line(&said);
    Ok(Exit::Done)
}

/// One line of standard input, without its end.
fn passphrase() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(256));
    let input = std::io::stdin().lock();
    let mut input = std::io::Read::take(input, LINE_BYTES_MAX);
    input
        .read_line(&mut line)
        .context("the passphrase cannot be read")?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        let text = "give the passphrase as one line of standard input".to_owned();
        return Err(Failure::new(Exit::Usage, text));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

/// Writes a file that was not there, for its owner alone, and waits until it is on the disk.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read(path: &Path) -> Result<String, Failure> {
    let opened = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(opened, FILE_BYTES_MAX), &mut text)
        .with_context(|| format!("{} is no exported key", path.display()))?;
    Ok(text)
}
