//! Seeing and changing files that are not the jail's.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode};
use rustix::io::Errno;

use super::{FILES, NO_PATH, Probe};
use crate::canary::Guard;
use crate::enforcement::Layer;
use crate::spec::JailSpec;

/// Landlock does not ask about Unix sockets in the versions used; only not seeing them helps.
const SOCKETS: &[Guard] = &[Guard::Layer(Layer::MountNamespace)];
const LANDLOCK: &[Guard] = &[Guard::LandlockSince(1)];
const MAKING_DEVICES: &[Guard] = &[Guard::Layer(Layer::Capabilities), Guard::LandlockSince(1)];

/// Files of the machine that tell secrets or give power over it.
const MACHINE: [&str; 5] = [
    "/etc/shadow",
    "/dev/mem",
    "/dev/kmsg",
    "/proc/kcore",
    "/proc/sysrq-trigger",
];

pub(super) fn probes(spec: &JailSpec) -> Vec<Probe> {
    let mut probes = Vec::new();
    let hidden = spec.hidden.iter().map(PathBuf::as_path);
    for path in hidden.chain(MACHINE.map(Path::new)) {
        probes.push(read(path, spec));
    }
    probes.extend(spec.hidden.iter().map(|path| connect(path)));
    probes.push(Probe::new(
        "list the root directory",
        LANDLOCK,
        NO_PATH,
        || fs::read_dir("/").map(drop),
    ));
    let shown = spec.read_only.iter().map(|shown| shown.inside().to_owned());
    let system = ["/etc/hosts", "/usr/lib"].map(PathBuf::from);
    for path in shown.chain([spec.program().to_owned()]).chain(system) {
        probes.push(write(path));
    }
    for dir in spec.writable_dirs() {
        probes.push(make_device(dir));
    }
    probes
}

fn read(path: &Path, spec: &JailSpec) -> Probe {
    let path = path.to_owned();
    let shown = spec.shown_paths();
    // Whether it can be opened is what counts; reading /proc/kcore or /dev/kmsg might block.
    Probe::new(
        format!("read {}", path.display()),
        FILES,
        NO_PATH,
        move || {
            if holds_only(&path, &shown) {
                return Err(Errno::NOENT.into());
            }
            // A write-only file stands for reading as well.
            File::open(&path)
                .or_else(|error| match error.raw_os_error() {
                    Some(libc::EIO | libc::EINVAL) => OpenOptions::new().write(true).open(&path),
                    _ => Err(error),
                })
                .map(drop)
        },
    )
}

/// Whether a hidden folder is a mere step on the way to what is shown, and empty otherwise.
fn holds_only(path: &Path, shown: &[PathBuf]) -> bool {
    let Ok(entries) = fs::read_dir(path) else {
        return false;
    };
    let mut any = false;
    for entry in entries {
        let Ok(entry) = entry else { return false };
        if !shown.iter().any(|shown| shown.starts_with(entry.path())) {
            return false;
        }
        any = true;
    }
    any
}

fn connect(path: &Path) -> Probe {
    let seen = fs::symlink_metadata(path);
    let no_socket = seen.is_ok_and(|seen| !seen.file_type().is_socket());
    let path = path.to_owned();
    Probe::new(
        format!("connect to the socket {}", path.display()),
        SOCKETS,
        NO_PATH,
        move || UnixStream::connect(&path).map(drop),
    )
    .unless(no_socket.then_some("it is not a socket"))
}

fn write(path: PathBuf) -> Probe {
    Probe::new(
        format!("change {}", path.display()),
        FILES,
        NO_PATH,
        move || {
            if path.is_dir() {
                let dropped = path.join(".redkeep-canary");
                File::create_new(&dropped)?;
                fs::remove_file(dropped)
            } else {
                OpenOptions::new().append(true).open(&path).map(drop)
            }
        },
    )
}

fn make_device(dir: &Path) -> Probe {
    let path = dir.join(".redkeep-canary-device");
    let denials = &[Errno::PERM, Errno::ACCESS];
    let what = format!("make a device file in {}", dir.display());
    Probe::new(what, MAKING_DEVICES, denials, move || {
        // The memory device, for one.
        let memory = rustix::fs::makedev(1, 1);
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::mknodat(CWD, &path, FileType::CharacterDevice, mode, memory)?;
        fs::remove_file(&path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_on_the_way_is_told_from_a_folder_that_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let shown = [dir.path().join("instance/work")];
        assert!(
            !holds_only(dir.path(), &shown),
            "empty: seen, not made by us"
        );
        fs::create_dir_all(&shown[0]).unwrap();
        assert!(holds_only(dir.path(), &shown));
        fs::write(dir.path().join("keys"), "").unwrap();
        assert!(!holds_only(dir.path(), &shown));
    }
}
