//! Which paths exist in the jail.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::kernel::MountLimits;
use crate::libraries::Libraries;
use crate::observed::RESOLV_CONF;
use crate::spec::{JailSpec, Network};

/// System files and trees that are shown as they are, where they exist: trust roots, name
/// resolution, time zones. None holds a secret.
pub(crate) const SYSTEM: [&str; 11] = [
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/ld.so.cache",
    "/usr/share/zoneinfo",
];

/// The devices without which programs stumble, and which lead nowhere.
pub(crate) const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];

/// Where programs look for a shell.
const SHELL: &str = "/bin/sh";

/// One path of the jail.
#[derive(Debug)]
pub(super) enum Entry {
    /// Something of the machine.
    Bind {
        source: PathBuf,
        limits: MountLimits,
    },
    /// An empty writable folder in memory.
    Memory {
        /// How large it may grow.
        bytes: u64,
        /// Whose it is; nobody else enters it. `None`: anybody's.
        owner: Option<(u32, u32)>,
    },
    /// The jail's own processes.
    Proc,
    /// A file we write.
    File(Vec<u8>),
    /// A symbolic link.
    Link(PathBuf),
}

/// All paths, parents before children.
pub(super) fn of(spec: &JailSpec, libraries: &Libraries) -> BTreeMap<PathBuf, Entry> {
    let mut layout = BTreeMap::new();
    add_system(&mut layout, spec, libraries);
    let code = MountLimits {
        read_only: true,
        ..MountLimits::default()
    };
    let data = MountLimits {
        no_exec: true,
        ..code
    };
    for shown in &spec.read_only {
        let limits = if shown.exec { code } else { data };
        layout.insert(
            shown.inside().to_owned(),
            spec_bind(spec, &shown.host, limits),
        );
    }
    if spec.shown_by(spec.program()).is_none() {
        layout.insert(
            spec.program().to_owned(),
            spec_bind(spec, spec.program(), code),
        );
    }
    for command in &spec.commands {
        layout.insert(command.clone(), bind(command, code));
    }
    // Writable and executable never meet, so that nothing dropped here can run or be mapped as code.
    let work = MountLimits {
        no_exec: true,
        ..MountLimits::default()
    };
    for dir in spec.writable_dirs() {
        layout.insert(dir.to_owned(), spec_bind(spec, dir, work));
    }
    if let Some(bytes) = spec.limits.work_bytes {
        let owner = Some(user_of(spec));
        for dir in &spec.writable {
            layout.insert(dir.clone(), Entry::Memory { bytes, owner });
        }
    }
    layout
}

fn add_system(layout: &mut BTreeMap<PathBuf, Entry>, spec: &JailSpec, libraries: &Libraries) {
    let code = MountLimits {
        read_only: true,
        ..MountLimits::default()
    };
    let data = MountLimits {
        no_exec: true,
        ..code
    };
    for dir in &libraries.dirs {
        layout.insert(dir.clone(), bind(dir, code));
    }
    for (link, target) in &libraries.links {
        layout.insert(link.clone(), Entry::Link(target.clone()));
    }
    for path in SYSTEM
        .map(Path::new)
        .into_iter()
        .filter(|path| path.exists())
    {
        layout.insert(path.to_owned(), bind(path, data));
    }
    let device = MountLimits {
        no_exec: true,
        devices: true,
        ..MountLimits::default()
    };
    for path in DEVICES
        .map(Path::new)
        .into_iter()
        .filter(|path| path.exists())
    {
        layout.insert(path.to_owned(), bind(path, device));
    }
    layout.insert("/dev/fd".into(), Entry::Link("/proc/self/fd".into()));
    layout.insert("/proc".into(), Entry::Proc);
    let tmp = Entry::Memory {
        bytes: spec.limits.tmp_bytes,
        owner: None,
    };
    layout.insert("/tmp".into(), tmp);
    if let Some(time) = time_zone() {
        layout.insert("/etc/localtime".into(), time);
    }
    if let Some(names) = resolver(spec) {
        layout.insert("/etc/resolv.conf".into(), names);
    }
    let (passwd, group) = accounts(spec);
    layout.insert("/etc/passwd".into(), Entry::File(passwd));
    layout.insert("/etc/group".into(), Entry::File(group));
    // Not executable: an exec node then fails with EACCES ("not allowed") and not with ENOENT
    // ("something is wrong with the installation").
    layout.insert(
        SHELL.into(),
        Entry::File(b"no shell in this jail\n".to_vec()),
    );
}

/// Resolves links while the machine can still be seen.
/// Below the folder the spec guards, a path is what it says: no link in it is looked up here, and none
/// is followed when it is mounted.
fn spec_bind(spec: &JailSpec, path: &Path, limits: MountLimits) -> Entry {
    let is_guarded = spec.below.as_ref().is_some_and(|it| path.starts_with(it));
    if is_guarded {
        let source = path.to_owned();
        return Entry::Bind { source, limits };
    }
    bind(path, limits)
}

fn bind(path: &Path, limits: MountLimits) -> Entry {
    let source = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    Entry::Bind { source, limits }
}

/// `/etc/localtime`, as a link where it is one: programs read the zone's name from it.
fn time_zone() -> Option<Entry> {
    let path = Path::new("/etc/localtime");
    if let Ok(target) = fs::read_link(path) {
        return Some(Entry::Link(target));
    }
    fs::read(path).ok().map(Entry::File)
}

/// `/etc/resolv.conf`. With listed ports there is no UDP, so names are asked for over TCP.
fn resolver(spec: &JailSpec) -> Option<Entry> {
    let path = Path::new("/etc/resolv.conf");
    match &spec.network {
        Network::None if spec.observed => Some(Entry::File(RESOLV_CONF.into())),
        Network::None => None,
        Network::Any => path.exists().then(|| {
            bind(
                path,
                MountLimits {
                    read_only: true,
                    no_exec: true,
                    ..MountLimits::default()
                },
            )
        }),
        Network::Ports(_) => {
            let mut text = fs::read_to_string(path).ok()?;
            text.push_str("\noptions use-vc\n");
            Some(Entry::File(text.into_bytes()))
        }
    }
}

/// The user and group of the jail.
fn user_of(spec: &JailSpec) -> (u32, u32) {
    spec.become_user.map_or_else(
        || {
            (
                rustix::process::getuid().as_raw(),
                rustix::process::getgid().as_raw(),
            )
        },
        |ids| (ids.uid, ids.gid),
    )
}

fn accounts(spec: &JailSpec) -> (Vec<u8>, Vec<u8>) {
    let (uid, gid) = user_of(spec);
    let home = spec.cwd.display();
    let passwd = format!("node-red:x:{uid}:{gid}::{home}:/bin/false\n");
    (
        passwd.into_bytes(),
        format!("node-red:x:{gid}:\n").into_bytes(),
    )
}
