//! What a jail shows, allows and limits, as one value that fits on a line of JSON.
//!
//! Everything is a list of what is granted; what is not listed is denied. The spec comes from
//! Redkeep and is trusted, but a mistake in it must not open the jail, so [`JailSpec::validate`]
//! refuses what cannot be meant.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Longest accepted spec, in bytes of JSON.
pub const SPEC_BYTES_MAX: usize = 1 << 20;

/// One jail: what runs in it and what it may touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JailSpec {
    /// The program (absolute path as seen in the jail) and its arguments.
    pub argv: Vec<String>,
    /// The whole environment. Nothing is inherited. Other processes of the same user can read it in
    /// `/proc`, so no secret belongs here.
    pub env: BTreeMap<String, String>,
    /// Working directory, as seen in the jail.
    pub cwd: PathBuf,
    /// The user to become. Needed when started as root, refused when started as anybody else.
    #[serde(default)]
    pub become_user: Option<UserIds>,
    /// Files and trees shown read-only.
    #[serde(default)]
    pub read_only: Vec<ReadOnlyPath>,
    /// Directories that may be written, shown at their own path. Nothing in them can be executed.
    #[serde(default)]
    pub writable: Vec<PathBuf>,
    /// Directory of sockets: Node-RED makes its listening socket here, and Redkeep's storage bridge
    /// lies here. Only sockets can be made in it.
    pub runtime_dir: PathBuf,
    /// Programs that may be executed besides the one in `argv`. Absolute host paths.
    #[serde(default)]
    pub commands: Vec<PathBuf>,
    /// What the network lets out. Listening on TCP is never possible.
    pub network: Network,
    /// How much of the machine it may use.
    #[serde(default)]
    pub limits: Limits,
    /// Whether namespaces may be used; `false` is for machines where they must not be, and makes the
    /// report say what is missing.
    #[serde(default = "yes")]
    pub namespaces: bool,
    /// Whether what the program attempts is caught and told on fd 0: see
    /// [`observed`](crate::observed). Only with [`Network::None`], and only where the whole of it
    /// can be had.
    #[serde(default)]
    pub observed: bool,
    /// A folder below which no link is followed on the way to what is shown: whoever may write in it
    /// cannot have the jail shown anything else.
    #[serde(default)]
    pub below: Option<PathBuf>,
    /// For the canary: files, directories and sockets outside that must be unreachable from inside
    /// (data directory, keys, control sockets).
    #[serde(default)]
    pub hidden: Vec<PathBuf>,
    /// For the canary: processes outside that must be out of reach (Redkeep itself).
    #[serde(default)]
    pub hidden_pids: Vec<u32>,
}

fn yes() -> bool {
    true
}

/// A user and its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserIds {
    /// User id; never 0.
    pub uid: u32,
    /// Group id; never 0.
    pub gid: u32,
}

/// A file or tree shown read-only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadOnlyPath {
    /// Where it is.
    pub host: PathBuf,
    /// Where the jail sees it; the same path when `None`. Another path needs a mount namespace.
    #[serde(default)]
    pub jail: Option<PathBuf>,
    /// Whether code in it may be mapped executable: the tree of the Node.js binary, and trees with
    /// native addons (`*.node`). Starting programs is a matter of `argv` and `commands` alone.
    #[serde(default)]
    pub exec: bool,
}

impl ReadOnlyPath {
    /// A tree of data, shown at its own path.
    pub fn data(path: impl Into<PathBuf>) -> Self {
        Self {
            host: path.into(),
            jail: None,
            exec: false,
        }
    }

    /// A tree that holds native code, shown at its own path.
    pub fn code(path: impl Into<PathBuf>) -> Self {
        Self {
            host: path.into(),
            jail: None,
            exec: true,
        }
    }

    /// Where the jail sees it.
    pub fn inside(&self) -> &Path {
        self.jail.as_deref().unwrap_or(&self.host)
    }
}

/// What the jail lets out. The words are those of `model::instance::Network`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Anything may be reached (development).
    Any,
    /// Only these TCP ports, on any host, and DNS over TCP (port 53); no UDP.
    Ports(Vec<u16>),
    /// Nothing: an empty network namespace where there is one, and no internet sockets at all.
    None,
}

/// How much of the machine the jail may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Open files per process.
    pub open_files: u64,
    /// Processes and threads of the jail together.
    pub processes: u64,
    /// Largest file that can be written, in bytes; no limit when `None`.
    pub file_bytes: Option<u64>,
    /// Memory, in bytes: of the jail as a whole where cgroup v2 is given to us, and everywhere of each
    /// process's own data, with [`crate::RESERVED_BYTES`] more. Without a cgroup, memory that
    /// processes share is not counted. No limit when `None`.
    pub memory_bytes: Option<u64>,
    /// Processor time of the jail in percent of one core, where cgroup v2 hands it down.
    pub cpu_percent: Option<u16>,
    /// Size of the private `/tmp`, in bytes.
    pub tmp_bytes: u64,
    /// Each folder of [`JailSpec::writable`] is an empty one in memory of at most so many bytes, and
    /// gone with the jail. `None`: it is the machine's own folder, and as large as its disk.
    pub work_bytes: Option<u64>,
    /// Whether it gives way to everything else: when the machine's memory runs out it is ended before
    /// anything else, and it gets the least share of the processor. That share holds among Redkeep's
    /// own jails where there is a cgroup with the processor's controller, else by niceness: among
    /// sessions where the kernel groups them, which a program leaves that starts a session, else among
    /// all processes of the same group.
    pub gives_way: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            open_files: 4096,
            processes: 256,
            file_bytes: None,
            memory_bytes: None,
            cpu_percent: None,
            tmp_bytes: 64 << 20,
            work_bytes: None,
            gives_way: false,
        }
    }
}

/// A spec that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// Nothing to run.
    #[error("argv is empty; name the program to run")]
    NoProgram,
    /// A path that is relative or climbs.
    #[error("{0:?} must be an absolute path without \"..\"")]
    Path(PathBuf),
    /// A NUL byte or `=` where the kernel ends a string.
    #[error("an argument or environment variable holds a NUL byte, or a name holds \"=\"")]
    Text,
    /// Root inside the jail.
    #[error("the jail may not run as user or group 0; give it a user of its own")]
    Root,
    /// A grant so wide that nothing would be left to deny.
    #[error("{0:?} may not be shown whole; list what is needed in it")]
    TooWide(PathBuf),
    /// Observing a jail that lets something out.
    #[error("only a jail without network and commands, with namespaces, can be observed")]
    Observed,
    /// A folder in memory where none can be mounted.
    #[error("folders that are gone with the jail need namespaces")]
    InMemory,
    /// The program lies in a tree that was shown without `exec`.
    #[error("{0:?} lies in a tree that is not marked exec, so it could not be started")]
    NotExecutable(PathBuf),
}

/// Directories no spec may show or make writable as a whole: each holds the way out.
const TOO_WIDE: [&str; 16] = [
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/var",
];

impl JailSpec {
    /// The program's path, as seen in the jail.
    pub fn program(&self) -> &Path {
        self.argv.first().map_or(Path::new(""), Path::new)
    }

    /// The writable directories and the runtime directory.
    pub fn writable_dirs(&self) -> impl Iterator<Item = &Path> {
        self.writable
            .iter()
            .map(PathBuf::as_path)
            .chain([self.runtime_dir.as_path()])
    }

    /// Whether a read-only tree of the spec shows this path of the jail.
    pub(crate) fn shown_by(&self, inside: &Path) -> Option<&ReadOnlyPath> {
        self.read_only
            .iter()
            .filter(|shown| inside.starts_with(shown.inside()))
            .max_by_key(|shown| shown.inside().as_os_str().len())
    }

    /// Refuses what cannot be meant: relative paths, root inside, the whole file system shown.
    ///
    /// # Errors
    /// The first [`SpecError`] found.
    pub fn validate(&self) -> Result<(), SpecError> {
        if self.argv.is_empty() {
            return Err(SpecError::NoProgram);
        }
        if self
            .become_user
            .is_some_and(|ids| ids.uid == 0 || ids.gid == 0)
        {
            return Err(SpecError::Root);
        }
        let text_is_bad = self.argv.iter().any(|arg| arg.contains('\0'))
            || self.env.iter().any(|(name, value)| {
                name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
            });
        if text_is_bad {
            return Err(SpecError::Text);
        }
        self.paths().try_for_each(check_path)?;
        let shown = self
            .read_only
            .iter()
            .flat_map(|shown| [shown.host.as_path(), shown.inside()]);
        for path in shown.chain(self.writable_dirs()) {
            if TOO_WIDE.iter().any(|wide| path == Path::new(wide)) {
                return Err(SpecError::TooWide(path.to_owned()));
            }
        }
        let lets_out = self.network != Network::None || !self.commands.is_empty();
        if self.observed && (lets_out || !self.namespaces) {
            return Err(SpecError::Observed);
        }
        if self.limits.work_bytes.is_some() && !self.namespaces {
            return Err(SpecError::InMemory);
        }
        match self.shown_by(self.program()) {
            Some(tree) if !tree.exec => Err(SpecError::NotExecutable(self.program().to_owned())),
            _ => Ok(()),
        }
    }

    /// Every path of the spec that exists in the jail.
    pub(crate) fn shown_paths(&self) -> Vec<PathBuf> {
        let read_only = self.read_only.iter().map(ReadOnlyPath::inside);
        let commands = self.commands.iter().map(PathBuf::as_path);
        let shown = read_only
            .chain(commands)
            .chain(self.writable_dirs())
            .chain([self.program()]);
        shown.map(Path::to_owned).collect()
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        [self.program(), self.cwd.as_path()]
            .into_iter()
            .chain(self.writable_dirs())
            .chain(
                self.read_only
                    .iter()
                    .flat_map(|shown| [shown.host.as_path(), shown.inside()]),
            )
            .chain(
                self.commands
                    .iter()
                    .chain(&self.hidden)
                    .map(PathBuf::as_path),
            )
    }
}

fn check_path(path: &Path) -> Result<(), SpecError> {
    let climbs = path
        .components()
        .any(|part| matches!(part, Component::ParentDir));
    let has_nul = path.as_os_str().as_encoded_bytes().contains(&0);
    if path.is_absolute() && !climbs && !has_nul {
        Ok(())
    } else {
        Err(SpecError::Path(path.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> JailSpec {
        JailSpec {
            argv: vec!["/opt/node/bin/node".into()],
            env: BTreeMap::new(),
            cwd: "/srv/work".into(),
            become_user: Some(UserIds { uid: 900, gid: 900 }),
            read_only: vec![ReadOnlyPath::code("/opt/node")],
            writable: vec!["/srv/work".into()],
            runtime_dir: "/srv/run".into(),
            commands: Vec::new(),
            network: Network::None,
            limits: Limits::default(),
            namespaces: true,
            observed: false,
            below: None,
            hidden: Vec::new(),
            hidden_pids: Vec::new(),
        }
    }

    #[test]
    fn a_plain_spec_is_accepted_and_survives_json() {
        let spec = spec();
        spec.validate().unwrap();
        let line = serde_json::to_string(&spec).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<JailSpec>(&line).unwrap(), spec);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        type Case = (fn(&mut JailSpec), SpecError);
        let cases: [Case; 10] = [
            (|s| s.argv.clear(), SpecError::NoProgram),
            (
                |s| s.argv[0] = "node".into(),
                SpecError::Path("node".into()),
            ),
            (
                |s| s.cwd = "/srv/../etc".into(),
                SpecError::Path("/srv/../etc".into()),
            ),
            (
                |s| s.become_user = Some(UserIds { uid: 0, gid: 1 }),
                SpecError::Root,
            ),
            (
                |s| s.become_user = Some(UserIds { uid: 1, gid: 0 }),
                SpecError::Root,
            ),
            (
                |s| s.writable.push("/etc".into()),
                SpecError::TooWide("/etc".into()),
            ),
            (
                |s| drop(s.env.insert("A=B".into(), String::new())),
                SpecError::Text,
            ),
            (
                |s| {
                    s.observed = true;
                    s.network = Network::Any;
                },
                SpecError::Observed,
            ),
            (
                |s| {
                    s.limits.work_bytes = Some(1 << 20);
                    s.namespaces = false;
                },
                SpecError::InMemory,
            ),
            (
                |s| s.read_only[0].exec = false,
                SpecError::NotExecutable("/opt/node/bin/node".into()),
            ),
        ];
        for (spoil, expected) in cases {
            let mut spec = spec();
            spoil(&mut spec);
            assert_eq!(spec.validate(), Err(expected));
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        let mut value = serde_json::to_value(spec()).unwrap();
        value["read_onyl"] = serde_json::json!([]);
        assert!(serde_json::from_value::<JailSpec>(value).is_err());
    }
}
