//! Tries, from inside the finished jail, everything that must be denied.
//!
//! Enforcement says what was set up; the canary says what holds. It runs in the place of the
//! program, after the last restriction, with the same spec. Each probe runs in a process of its own,
//! so that one that succeeds (and has, say, become root) cannot colour the next.

mod probes;

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, waitpid};
use serde::{Deserialize, Serialize};

use crate::enforcement::{Enforcement, Layer, Status};
use crate::kernel::{self, Fork};
use crate::libraries;
use crate::spec::JailSpec;

use probes::{Attempt, Probe};

/// What became of one thing that must be denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome", content = "detail")]
pub enum Outcome {
    /// It was denied, with this error.
    Denied(String),
    /// It succeeded, although a layer that is enforced should have denied it.
    Succeeded(String),
    /// It succeeded, and no layer that would deny it could be set up; why.
    NotEnforced(String),
    /// There was nothing to try; why.
    NotApplicable(String),
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was tried, for people.
    pub what: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Everything that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CanaryReport {
    /// In the order tried.
    pub findings: Vec<Finding>,
}

impl CanaryReport {
    /// Reads the second line of the canary's stdout.
    ///
    /// # Errors
    /// When it is something else: the canary did not come to its end.
    pub fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// Whether nothing succeeded that an enforced layer should have denied.
    pub fn passed(&self) -> bool {
        !self.findings.is_empty() && self.failures().next().is_none()
    }

    /// What succeeded and must not.
    pub fn failures(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| matches!(finding.outcome, Outcome::Succeeded(_)))
    }

    /// What nothing denies here, with the reason.
    pub fn not_enforced(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| matches!(finding.outcome, Outcome::NotEnforced(_)))
    }
}

/// A socket outside, in the abstract namespace that no file system hides, for the canary to look for.
#[derive(Debug)]
pub struct Beacon {
    name: Vec<u8>,
    _listener: UnixListener,
}

impl Beacon {
    /// Listens under a name of this process's own, as long as this value lives.
    ///
    /// # Errors
    /// When the name is taken or no socket can be made.
    pub fn light() -> io::Result<Self> {
        let name = format!("redkeep-canary-{}", std::process::id()).into_bytes();
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
        Ok(Self {
            name,
            _listener: listener,
        })
    }
}

/// What the canary needs to know of the machine and cannot see from inside.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The name of an abstract socket outside.
    pub(crate) beacon: Option<Vec<u8>>,
    /// The loader and a library that is a program as well.
    pub(crate) loader: Option<(PathBuf, PathBuf)>,
}

impl Surroundings {
    /// Looks around, before anything is confined.
    pub fn look(beacon: Option<&Beacon>) -> Self {
        let found = libraries::find();
        let is_libc = |file: &&PathBuf| {
            file.file_name()
                .is_some_and(|name| name == "libc.so.6" || name == "libc.so")
        };
        let loader = found
            .loaders
            .first()
            .cloned()
            .zip(found.files.iter().find(is_libc).cloned());
        Self {
            beacon: beacon.map(|beacon| beacon.name.clone()),
            loader,
        }
    }
}

/// Tries everything, here and now, measured against what `enforced` claims.
pub fn run(spec: &JailSpec, enforced: &Enforcement, around: &Surroundings) -> CanaryReport {
    let probes = probes::all(spec, enforced, around);
    let findings = probes.into_iter().map(|probe| {
        let outcome = judge(&probe, isolated(&probe), enforced);
        Finding {
            what: probe.what,
            outcome,
        }
    });
    CanaryReport {
        findings: findings.collect(),
    }
}

fn judge(probe: &Probe, attempt: Attempt, enforced: &Enforcement) -> Outcome {
    let detail = match attempt {
        Attempt::Denied(errno) => return Outcome::Denied(name_of(errno)),
        Attempt::NotApplicable(why) => return Outcome::NotApplicable(why.into()),
        Attempt::Succeeded => "it was possible".to_owned(),
        Attempt::Failed(errno) => format!("it was not denied, but failed with {}", name_of(errno)),
        Attempt::Lost => "the attempt left no answer".to_owned(),
    };
    let mut reasons = Vec::new();
    for layer in probe.denied_by {
        match lacking(*layer, enforced) {
            None => return Outcome::Succeeded(detail),
            Some(why) => reasons.push(why),
        }
    }
    Outcome::NotEnforced(reasons.join("; "))
}

/// Why a layer does not deny it here; `None` when it does.
fn lacking(guard: Guard, enforced: &Enforcement) -> Option<String> {
    let (layer, since_abi) = match guard {
        Guard::Layer(layer) => (layer, 1),
        Guard::LandlockSince(abi) => (Layer::Landlock, abi),
    };
    match enforced.of(layer) {
        Status::Missing(why) => Some(format!("{layer}: {why}")),
        Status::NotAsked => Some(format!("{layer}: not asked for")),
        _ if layer == Layer::Landlock && enforced.landlock_abi < since_abi => Some(format!(
            "{layer}: this kernel has version {}",
            enforced.landlock_abi
        )),
        Status::Partial(why) if layer == Layer::User => Some(format!("{layer}: {why}")),
        Status::Enforced | Status::Partial(_) => None,
    }
}

/// What denies a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Guard {
    Layer(Layer),
    /// Landlock, from this version on.
    LandlockSince(u8),
}

/// Exit codes of a probe's process above the errnos.
const CODE_SUCCEEDED: i32 = 0;
const CODE_FAILED_BASE: i32 = 134;

/// Runs a probe in a child; its exit code carries the answer.
fn isolated(probe: &Probe) -> Attempt {
    if let Some(why) = probe.not_applicable {
        return Attempt::NotApplicable(why);
    }
    match kernel::fork() {
        Ok(Fork::Child) => kernel::exit_now(code_of((probe.attempt)(), probe.denials)),
        Ok(Fork::Parent(child)) => answer_of(child, probe.denials),
        Err(_) => Attempt::Lost,
    }
}

fn code_of(result: io::Result<()>, denials: &[Errno]) -> i32 {
    match result {
        Ok(()) => CODE_SUCCEEDED,
        Err(error) => {
            let errno = Errno::from_io_error(&error);
            match errno {
                Some(errno) if denials.contains(&errno) => errno.raw_os_error(),
                Some(errno) => (CODE_FAILED_BASE + errno.raw_os_error()).min(254),
                None => 255,
            }
        }
    }
}

fn answer_of(child: Pid, denials: &[Errno]) -> Attempt {
    let status = loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => break status,
            Ok(None) | Err(Errno::INTR) => {}
            Err(_) => return Attempt::Lost,
        }
    };
    match status.exit_status() {
        Some(CODE_SUCCEEDED) => Attempt::Succeeded,
        Some(255) => Attempt::Lost,
        Some(code) if code >= CODE_FAILED_BASE => {
            Attempt::Failed(Errno::from_raw_os_error(code - CODE_FAILED_BASE))
        }
        Some(code) => {
            debug_assert!(denials.iter().any(|errno| errno.raw_os_error() == code));
            Attempt::Denied(Errno::from_raw_os_error(code))
        }
        // The filter kills calls of a foreign architecture: denied in the strongest way.
        None if status.terminating_signal() == Some(libc::SIGSYS) => Attempt::Denied(Errno::NOSYS),
        None => Attempt::Lost,
    }
}

/// `EACCES` rather than "Permission denied": the same word in every log.
fn name_of(errno: Errno) -> String {
    let known = [
        (Errno::PERM, "EPERM"),
        (Errno::NOENT, "ENOENT"),
        (Errno::SRCH, "ESRCH"),
        (Errno::ACCESS, "EACCES"),
        (Errno::ROFS, "EROFS"),
        (Errno::NOSYS, "ENOSYS"),
        (Errno::NETUNREACH, "ENETUNREACH"),
        (Errno::CONNREFUSED, "ECONNREFUSED"),
        (Errno::NOTDIR, "ENOTDIR"),
        (Errno::NXIO, "ENXIO"),
        (Errno::AFNOSUPPORT, "EAFNOSUPPORT"),
    ];
    known
        .iter()
        .find(|(code, _)| *code == errno)
        .map_or_else(|| errno.to_string(), |(_, name)| (*name).to_owned())
}
