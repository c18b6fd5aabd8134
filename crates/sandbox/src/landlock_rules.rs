//! Landlock: what may be done with which path, port and process.
//!
//! Independent of the mount namespace, so that either alone keeps files closed. Rights of ABI 9
//! (connecting to Unix sockets by path) are not asked for: on kernels that have them they would deny
//! the storage bridge, and elsewhere nothing would change.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope,
};

use crate::enforcement::{Enforcement, Layer, Status};
use crate::folder::Folder;
use crate::kernel::bare;
use crate::libraries::Libraries;
use crate::mounts::{DEVICES, SYSTEM};
use crate::namespace::Namespaces;
use crate::spec::{JailSpec, Network};

/// The newest ABI whose rights are asked for; later ones only add what must not be denied.
const ASKED: ABI = ABI::V7;

/// What older kernels lack, by the ABI that brought it.
const LADDER: [(u8, &str); 4] = [
    (3, "truncating files is not covered (Linux 6.2)"),
    (4, "TCP ports are not covered (Linux 6.7)"),
    (5, "device controls are not covered (Linux 6.10)"),
    (
        6,
        "signals and abstract sockets are not covered (Linux 6.12)",
    ),
];

/// Files of `/proc` that Node.js reads, shown without a process table of our own.
const PROC_FILES: [&str; 8] = [
    "/proc/self",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/stat",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/version",
    "/proc/sys/vm/overcommit_memory",
];

/// One grant: rights on a file, or on a directory and all below it.
type Grant = (PathBuf, BitFlags<AccessFs>);

/// This kernel's ABI, and how much of what is asked for it covers.
pub(crate) fn available() -> (u8, Status) {
    let abi = bare::landlock_abi()
        .ok()
        .and_then(|abi| u8::try_from(abi).ok())
        .unwrap_or(0);
    (abi, status(abi))
}

fn status(abi: u8) -> Status {
    let lacking: Vec<&str> = LADDER
        .iter()
        .filter(|(since, _)| abi < *since)
        .map(|(_, what)| *what)
        .collect();
    match abi {
        0 => Status::Missing("the kernel has no Landlock, or it is not switched on (lsm=)".into()),
        _ if lacking.is_empty() => Status::Enforced,
        _ => Status::Partial(lacking.join("; ")),
    }
}

/// Restricts this process and all it will start.
pub(crate) fn restrict(
    spec: &JailSpec,
    libraries: &Libraries,
    namespaces: Namespaces,
    report: &mut Enforcement,
) -> Result<(), RulesetError> {
    let (abi, status) = available();
    report.landlock_abi = abi;
    report.set(Layer::Landlock, status);
    if abi == 0 {
        return Ok(());
    }
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ASKED))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(ASKED))?;
    if spec.network != Network::Any {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut ruleset = ruleset.create()?;
    for (path, rights) in grants(spec, libraries, namespaces) {
        // What does not exist needs no grant.
        if let Ok(file) = PathFd::new(&path) {
            let rights = if path.is_dir() {
                rights
            } else {
                rights & AccessFs::from_file(ASKED)
            };
            ruleset = ruleset.add_rule(PathBeneath::new(file, rights))?;
        }
    }
    for port in ports(&spec.network) {
        ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    ruleset.restrict_self().map(drop)
}

/// Restricts this process, and all its threads to come, to the files in `folders`: no other path, no
/// TCP port, nobody else's processes.
pub(crate) fn restrict_to(
    folders: &[&Folder],
    report: &mut Enforcement,
) -> Result<(), RulesetError> {
    let (abi, status) = available();
    report.landlock_abi = abi;
    report.set(Layer::Landlock, status);
    if abi == 0 {
        return Ok(());
    }
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ASKED))?
        .handle_access(AccessNet::BindTcp)?
        .handle_access(AccessNet::ConnectTcp)?
        .scope(Scope::from_all(ASKED))?
        .create()?;
    for folder in folders {
        ruleset = ruleset.add_rule(PathBeneath::new(folder, work_rights()))?;
    }
    ruleset.restrict_self().map(drop)
}

/// The ports that may be connected to; DNS over TCP is among them, or names could not be resolved.
fn ports(network: &Network) -> Vec<u16> {
    match network {
        Network::Ports(listed) => listed.iter().copied().chain([53]).collect(),
        Network::Any | Network::None => Vec::new(),
    }
}

fn grants(spec: &JailSpec, libraries: &Libraries, namespaces: Namespaces) -> Vec<Grant> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let run = AccessFs::Execute | AccessFs::ReadFile;
    let mut grants: Vec<Grant> = Vec::new();
    let mut grant =
        |path: &Path, rights: BitFlags<AccessFs>| grants.push((path.to_owned(), rights));

    grant(spec.program(), run);
    libraries
        .loaders
        .iter()
        .for_each(|loader| grant(loader, run));
    spec.commands.iter().for_each(|command| grant(command, run));
    libraries
        .files
        .iter()
        .for_each(|file| grant(file, AccessFs::ReadFile.into()));
    for device in DEVICES {
        grant(Path::new(device), AccessFs::ReadFile | AccessFs::WriteFile);
    }
    // With a file system and process table of our own, all of these are the jail's own.
    let own: &[&str] = if namespaces.any() {
        &["/proc", "/etc/passwd", "/etc/group"]
    } else {
        &PROC_FILES
    };
    for path in SYSTEM
        .iter()
        .chain(&["/etc/localtime", "/etc/resolv.conf"])
        .chain(own)
    {
        grant(Path::new(path), read);
    }
    if namespaces.any() {
        grant(Path::new("/tmp"), work_rights());
    }
    spec.read_only
        .iter()
        .for_each(|shown| grant(shown.inside(), read));
    spec.writable
        .iter()
        .for_each(|dir| grant(dir, work_rights()));
    grant(&spec.runtime_dir, socket_dir_rights());
    grants
}

/// Everything one does with files, except executing them and making devices.
fn work_rights() -> BitFlags<AccessFs> {
    AccessFs::from_all(ASKED)
        & !(AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev)
}

/// Making, using and removing sockets.
fn socket_dir_rights() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::WriteFile
        | AccessFs::ReadDir
        | AccessFs::MakeSock
        | AccessFs::RemoveFile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_kernel_is_named_for_what_it_lacks() {
        assert!(matches!(status(0), Status::Missing(_)));
        for (abi, lacking) in [(1, 4), (3, 3), (4, 2), (5, 1)] {
            let Status::Partial(why) = status(abi) else {
                panic!("{abi} must be partial")
            };
            assert_eq!(why.split("; ").count(), lacking, "{abi}: {why}");
        }
        assert_eq!(status(6), Status::Enforced);
        assert_eq!(status(10), Status::Enforced);
    }

    #[test]
    fn nothing_writable_is_executable() {
        assert!(!work_rights().contains(AccessFs::Execute));
        assert!(!socket_dir_rights().contains(AccessFs::Execute));
        assert!(!socket_dir_rights().contains(AccessFs::MakeReg));
    }

    #[test]
    fn rights_that_would_deny_the_bridge_are_not_handled() {
        assert!(!AccessFs::from_all(ASKED).contains(AccessFs::ResolveUnix));
    }
}
