//! The process that holds the keys, from its start to its last answer.
//!
//! What it may do shrinks in one direction. As root it takes its folders over and reads the
//! operator's key, which only root may; then it gives up everything but those folders, for good;
//! then, as its own user, it reads or makes its keys, and answers until the lanes close.

use std::{
    io::{self, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex},
};

use model::clock::Clock;
use sandbox::{Enforcement, UserIds, apart, folder::Folder};
use serde::{Deserialize, Serialize};

use crate::{
    KeysError, Source,
    certificate::{self, Certificates, Read},
    service::{self, Held},
    vault::{MASTER, Vault},
    wire::{self, Frame, Lane},
};

/// First argument that makes the binary the keys process.
pub const VERB: &str = "__keys";

/// What the process is told at its start.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Setup {
    /// Holds `keys/` and `tls/`.
    pub data_dir: PathBuf,
    /// As root: the user that owns both from now on, and that the process becomes.
    pub user: Option<(u32, u32)>,
    /// Where certificates come from.
    pub source: Source,
}

/// When this process was started to hold the keys, does that until the one that started it ends.
/// `None` otherwise.
///
/// Must be the first thing in `main`, before any thread, async runtime or open file.
pub fn run_if_asked(clock: Arc<dyn Clock>) -> Option<ExitCode> {
    let lanes = apart::lanes_if_asked(VERB)?;
    let ended = lanes.and_then(|[handshakes, secrets]| run(handshakes, secrets, clock));
    Some(match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("ended: {error}"));
            ExitCode::FAILURE
        }
    })
}

fn run(handshakes: UnixStream, secrets: UnixStream, clock: Arc<dyn Clock>) -> io::Result<()> {
    let mut begin = BufReader::with_capacity(1024, secrets.try_clone()?);
    let told = match wire::read(&mut begin, |_| Some(wire::SETUP_BYTES_MAX))? {
        Frame::Said(_, body) => serde_json::from_slice::<Setup>(&body)?,
        Frame::Refused(refusal) => return Err(io::Error::other(refusal)),
        Frame::End => return Ok(()),
    };
    let (held, report) = match prepare(&told, clock) {
        Ok(prepared) => prepared,
        Err(error) => return (&secrets).write_all(&wire::answer(&Err(error))),
    };
    let report = serde_json::to_vec(&report)?.into();
    (&secrets).write_all(&wire::answer(&Ok(report)))?;
    std::thread::scope(|threads| {
        threads.spawn(|| tell(service::serve(handshakes, Lane::Handshakes, &held)));
        tell(service::serve(secrets, Lane::Secrets, &held));
    });
    Ok(())
}

/// A lane that ended within a request is the other end's matter; the other lane goes on.
fn tell(ended: io::Result<()>) {
    if let Err(error) = ended {
        say(&format!("a lane was cut off: {error}"));
    }
}

/// Says something to whoever reads Redkeep's log: both have one standard error.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell when this fails.
    drop(writeln!(io::stderr(), "redkeep keys: {text}"));
}

/// Takes over, gives up rights, opens.
fn prepare(setup: &Setup, clock: Arc<dyn Clock>) -> Result<(Held, Enforcement), KeysError> {
    let user = setup.user.map(|(uid, gid)| UserIds { uid, gid });
    let keys = take_over(&setup.data_dir.join("keys"), &[MASTER], user)?;
    let tls = match setup.source {
        Source::Own { .. } => {
            let dir = setup.data_dir.join("tls");
            Some(take_over(&dir, &certificate::FILES, user)?)
        }
        Source::Files { .. } => None,
    };
    let read = match &setup.source {
        Source::Files { certificate, key } => Some(Read::from(certificate, key)?),
        Source::Own { .. } => None,
    };
    let folders: Vec<&Folder> = [Some(&keys), tls.as_ref()].into_iter().flatten().collect();
    let report = apart::give_up_rights(user, &folders).map_err(|error| KeysError::File {
        path: setup.data_dir.clone(),
        why: format!("the process that holds the keys could not give up its rights: {error}"),
    })?;
    let vault = Vault::open(&keys)?;
    let certificates = match (&setup.source, tls, read) {
        (Source::Own { names, crl }, Some(tls), _) => {
            Certificates::own(tls, names.clone(), crl.clone(), clock.now())?
        }
        (_, _, Some(read)) => Certificates::files(&read)?,
        _ => return Err(KeysError::Certificate("there is no certificate".to_owned())),
    };
    let held = Held {
        vault,
        certificates: Mutex::new(certificates),
        clock,
    };
    Ok((held, report))
}

/// As root: gives `keys/` and `tls/`, where they are there, to the process' user while the folder above
/// still belongs to whoever wrote them. From then on nothing of that folder's new owner is taken.
pub fn hand_over(data_dir: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    let owner = UserIds { uid, gid };
    for (name, files) in [("keys", &[MASTER][..]), ("tls", &certificate::FILES[..])] {
        let dir = data_dir.join(name);
        if std::fs::symlink_metadata(&dir).is_ok() {
            Folder::open(&dir)?.hand_over(files, owner)?;
        }
    }
    Ok(())
}

/// Opens a folder, made when it is missing, and gives it to the process' user: also one that an
/// earlier version, or a verb on the stopped installation, wrote as root.
fn take_over(dir: &Path, files: &[&str], user: Option<UserIds>) -> Result<Folder, KeysError> {
    let attempt = || {
        let folder = Folder::open(dir)?;
        if let Some(user) = user.filter(|_| sandbox::process::is_root()) {
            folder.hand_over(files, user)?;
        }
        Ok(folder)
    };
    attempt().map_err(|error: io::Error| KeysError::File {
        path: dir.to_owned(),
        why: error.to_string(),
    })
}
