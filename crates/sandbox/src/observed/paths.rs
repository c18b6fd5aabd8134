//! Whose a path is, for the report: the jail's own, one that was shown, or somebody else's.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::calls::PathAt;
use crate::kernel::notify::Question;
use crate::libraries::Libraries;
use crate::listen_guard::low_half;
use crate::mounts::{DEVICES, SYSTEM};
use crate::spec::JailSpec;

/// Links followed in one path: as many as the kernel follows.
const LINKS_MAX: usize = 40;
/// Parts of a path walked. Each costs a look at the folders before it.
const PARTS_MAX: usize = 256;
/// Longest path told, in bytes.
const TOLD_BYTES_MAX: usize = 512;

/// What every program looks into when it starts, whether it is there or not: processors, name
/// services, languages, which C library it is (`ldd` says). None of it holds a secret, and all of it is the jail's own or the same for all.
const USUAL: [&str; 21] = [
    "/proc",
    "/sys/fs/cgroup",
    "/sys/devices/system",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/share/locale",
    "/usr/local/ssl",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/resolv.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/netsvc.conf",
    "/etc/svc.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ssl/cert.pem",
    "/dev/fd",
    "/usr/bin/ldd",
];

/// The jail's own paths, and those it was shown.
#[derive(Debug)]
pub(super) struct Paths {
    /// It may write here.
    own: Vec<PathBuf>,
    /// It may read here.
    shown: Vec<PathBuf>,
}

impl Paths {
    pub(super) fn of(spec: &JailSpec, libraries: &Libraries) -> Self {
        let folders = spec.writable_dirs().map(Path::to_owned);
        let devices = DEVICES.iter().map(PathBuf::from);
        let usual = SYSTEM.iter().chain(&USUAL).map(PathBuf::from);
        let shown = spec.shown_paths().into_iter();
        Self {
            own: folders.chain(devices).chain(["/tmp".into()]).collect(),
            shown: shown.chain(usual).chain(libraries.dirs.clone()).collect(),
        }
    }

    pub(super) fn is_own(&self, path: &Path) -> bool {
        self.own.iter().any(|own| path.starts_with(own))
    }

    /// Whether reading it is nothing to tell.
    pub(super) fn is_shown(&self, path: &Path) -> bool {
        let shown = || self.shown.iter().any(|shown| path.starts_with(shown));
        self.is_own(path) || shown() || self.is_looked_for(path)
    }

    /// Node.js looks for a `package.json` in every folder above a script, and Node-RED for packages in
    /// each `node_modules` above its own, at every start. Those two names alone, and nothing below them.
    fn is_looked_for(&self, path: &Path) -> bool {
        let is_named = path.ends_with("package.json") || path.ends_with("node_modules");
        let above = path.parent().filter(|_| is_named);
        above.is_some_and(|above| self.shown.iter().any(|shown| shown.starts_with(above)))
    }
}

/// The path as the kernel would walk it for the thread that asks, from the root, links followed:
/// with `last`, also one at its end. What is not there is taken as it is written. `None` where it
/// has no beginning or too many parts.
///
/// It may be another one by the time the kernel walks it: for the report alone.
pub(super) fn walked(path: &Path, at: PathAt, question: &Question, last: bool) -> Option<PathBuf> {
    let thread = question.thread;
    let mut left: VecDeque<Part> = parts(path);
    let mut place = PathBuf::from("/");
    if !path.is_absolute() {
        let dir = at.dir.and_then(|dir| question.args.get(dir));
        let link = match dir.map(|dir| low_half(*dir)) {
            None | Some(libc::AT_FDCWD) => format!("/proc/{thread}/cwd"),
            Some(fd) => format!("/proc/{thread}/fd/{fd}"),
        };
        // Where the kernel says it is: no link is left in it.
        place = fs::read_link(link).ok()?;
    }
    walk(&mut left, &mut place, thread, last).then_some(place)
}

/// From `place` on, as [`walked`].
pub(super) fn walked_from(place: &Path, path: &Path, thread: u32) -> Option<PathBuf> {
    let mut place = if path.is_absolute() {
        PathBuf::from("/")
    } else {
        place.to_owned()
    };
    walk(&mut parts(path), &mut place, thread, true).then_some(place)
}

/// One step.
#[derive(Debug)]
enum Part {
    Up,
    Into(OsString),
}

fn parts(path: &Path) -> VecDeque<Part> {
    let part = |part: Component<'_>| match part {
        Component::ParentDir => Some(Part::Up),
        Component::Normal(name) => Some(Part::Into(name.to_owned())),
        _ => None,
    };
    path.components().filter_map(part).collect()
}

fn walk(left: &mut VecDeque<Part>, place: &mut PathBuf, thread: u32, last: bool) -> bool {
    let (mut links, mut walked) = (0, 0);
    while let Some(part) = left.pop_front() {
        walked += 1;
        if walked > PARTS_MAX {
            return false;
        }
        let Part::Into(name) = part else {
            place.pop();
            continue;
        };
        place.push(name);
        if left.is_empty() && !last {
            break;
        }
        let Some(target) = link_at(place, thread) else {
            continue;
        };
        links += 1;
        if links > LINKS_MAX {
            return false;
        }
        place.pop();
        if target.is_absolute() {
            *place = PathBuf::from("/");
        }
        for part in parts(&target).into_iter().rev() {
            left.push_front(part);
        }
    }
    true
}

/// Where a link leads; `None` for what is no link, or leads to no path (a socket's, in `/proc`).
fn link_at(place: &Path, thread: u32) -> Option<PathBuf> {
    // These two are about who looks, which would be this process.
    if place == Path::new("/proc/self") {
        return Some(thread.to_string().into());
    }
    if place == Path::new("/proc/thread-self") {
        return Some(format!("{thread}/task/{thread}").into());
    }
    let target = fs::read_link(place).ok()?;
    let is_path = target.is_absolute() || !place.starts_with("/proc");
    is_path.then_some(target)
}

/// For the report: as text, cut.
pub(super) fn told(path: &Path) -> String {
    let mut text = path.to_string_lossy().into_owned();
    text.truncate(text.floor_char_boundary(TOLD_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn to(path: &Path, last: bool) -> Option<PathBuf> {
        let question = Question {
            id: 0,
            thread: std::process::id(),
            number: 0,
            args: [0; 6],
        };
        let here = PathAt { dir: None, path: 0 };
        walked(path, here, &question, last)
    }

    #[test]
    fn a_path_is_walked_as_the_kernel_does() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        fs::create_dir(root.join("work")).unwrap();
        symlink("/etc", root.join("work/out")).unwrap();
        symlink("out/../nothing/there", root.join("work/dangling")).unwrap();
        symlink("loop", root.join("work/loop")).unwrap();
        let work = |path: &str| root.join("work").join(path);
        for (path, expected) in [
            (work("out/passwd"), "/etc/passwd".into()),
            (work("./out/../x"), "/x".into()),
            (work("dangling"), "/nothing/there".into()),
            (work("no/./such/../file"), work("no/file")),
            ("/../../etc//passwd/".into(), "/etc/passwd".into()),
            ("/proc/self/root".into(), "/".into()),
        ] {
            assert_eq!(to(&path, true), Some(expected), "{path:?}");
        }
        assert_eq!(to(&work("out"), false), Some(work("out")));
        assert_eq!(to(&work("loop"), true), None);
        let cwd = std::env::current_dir().unwrap();
        assert_eq!(to(Path::new("x"), true), Some(cwd.join("x")));
        assert_eq!(to(Path::new(&"a/".repeat(PARTS_MAX + 1)), true), None);
    }

    #[test]
    fn what_every_start_looks_for_is_nothing_to_tell() {
        let paths = Paths {
            own: vec!["/data/work".into()],
            shown: vec!["/data/trees/a".into()],
        };
        let told: Vec<&str> = [
            "/data/package.json",
            "/data/trees/node_modules",
            "/node_modules",
            "/data/node_modules/secret",
            "/other/node_modules",
            "/data/trees/b/node_modules",
            "/data/trees/b/package.json",
            "/data/notes",
        ]
        .into_iter()
        .filter(|path| !paths.is_shown(Path::new(path)))
        .collect();
        assert_eq!(
            told,
            [
                "/data/node_modules/secret",
                "/other/node_modules",
                "/data/trees/b/node_modules",
                "/data/trees/b/package.json",
                "/data/notes",
            ]
        );
    }

    #[test]
    fn a_path_told_is_cut_between_two_characters() {
        let text = told(Path::new(&format!("/{}", "é".repeat(TOLD_BYTES_MAX))));
        assert_eq!(text.len(), TOLD_BYTES_MAX - 1);
    }
}
