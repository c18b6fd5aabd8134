//! Limits for the jail as a whole: memory and number of processes, by cgroup v2 where a branch of it
//! is ours.
//!
//! A branch is ours when systemd delegated it (`Delegate=yes` with `DelegateSubgroup=`), so that
//! Redkeep's own processes lie in a leaf and a sibling of that leaf can be made for each jail.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::enforcement::{Enforcement, Layer, Status};
use crate::spec::Limits;

const ROOT: &str = "/sys/fs/cgroup";
const PREFIX: &str = "redkeep-jail-";
const ADVICE: &str = "run Redkeep as a systemd service with Delegate=yes and DelegateSubgroup=main";

/// The group one jail lies in.
#[derive(Debug)]
pub(crate) struct Group {
    path: PathBuf,
}

/// Whether a group could be made here.
pub(crate) fn available() -> Status {
    match own_membership().and_then(|own| delegated_parent(Path::new(ROOT), &own)) {
        Ok(_) => Status::Enforced,
        Err(why) => Status::Missing(why),
    }
}

/// Makes a group with the spec's limits, where that can be done.
pub(crate) fn make(limits: &Limits, report: &mut Enforcement) -> Option<Group> {
    let made = own_membership()
        .and_then(|own| delegated_parent(Path::new(ROOT), &own))
        .and_then(|parent| make_in(&parent, std::process::id(), limits));
    match made {
        Ok(group) => {
            if limits.gives_way {
                // Niceness counts within a group only. Without the controller there is no such file.
                group.step_back().ok();
            }
            // Without the controller the file is not there; what is asked and not given is said.
            let status = match limits.cpu_percent.map(|percent| group.limit_cpu(percent)) {
                None | Some(Ok(())) => Status::Enforced,
                Some(Err(why)) => {
                    Status::Partial(format!("processor time is not limited ({why}); {ADVICE}"))
                }
            };
            report.set(Layer::Cgroup, status);
            Some(group)
        }
        Err(why) => {
            report.set(Layer::Cgroup, Status::Missing(why));
            None
        }
    }
}

impl Group {
    /// Percent of one core.
    fn limit_cpu(&self, percent: u16) -> io::Result<()> {
        let per_100_ms = u32::from(percent) * 1000;
        fs::write(self.path.join("cpu.max"), format!("{per_100_ms} 100000"))
    }

    /// The least share of processor time wherever another group wants some.
    fn step_back(&self) -> io::Result<()> {
        fs::write(self.path.join("cpu.weight"), "1")
    }

    /// Moves the calling process into the group; what it starts follows.
    pub(crate) fn join(&self) -> io::Result<()> {
        fs::write(self.path.join("cgroup.procs"), "0")
    }

    /// Removes the group, once all of it is gone. The next start removes what is left over.
    pub(crate) fn remove(self) {
        drop(fs::remove_dir(self.path));
    }
}

/// This process's place in the v2 tree, from `/proc/self/cgroup`.
fn own_membership() -> Result<PathBuf, String> {
    let text = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
    membership(&text).ok_or_else(|| format!("this system does not use cgroup v2; {ADVICE}"))
}

fn membership(text: &str) -> Option<PathBuf> {
    text.lines()
        .find_map(|line| line.strip_prefix("0::/"))
        .map(PathBuf::from)
}

/// The group in which jails' groups may be made: the parent of our own leaf, when it is delegated to
/// us and hands the needed controllers down.
fn delegated_parent(root: &Path, own: &Path) -> Result<PathBuf, String> {
    let parent = own
        .parent()
        .ok_or_else(|| format!("Redkeep runs in the root cgroup; {ADVICE}"))?;
    let is_slice = parent.extension().is_some_and(|kind| kind == "slice");
    if is_slice || parent.as_os_str().is_empty() {
        return Err(format!(
            "the cgroup above Redkeep's belongs to the system; {ADVICE}"
        ));
    }
    let parent = root.join(parent);
    let handed_down = fs::read_to_string(parent.join("cgroup.subtree_control"))
        .map_err(|error| format!("{} cannot be read ({error}); {ADVICE}", parent.display()))?;
    let has = |wanted: &str| handed_down.split_whitespace().any(|name| name == wanted);
    if !has("cpu") {
        // Asked for by few policies; where it is wanted and not there, the limit's report says so.
        drop(fs::write(parent.join("cgroup.subtree_control"), "+cpu"));
    }
    if has("memory") && has("pids") {
        return Ok(parent);
    }
    // Ours to switch on when the branch is delegated and nothing runs in it directly.
    fs::write(parent.join("cgroup.subtree_control"), "+memory +pids")
        .map(|()| parent)
        .map_err(|error| {
            format!("the memory and pids controllers are not ours ({error}); {ADVICE}")
        })
}

fn make_in(parent: &Path, id: u32, limits: &Limits) -> Result<Group, String> {
    remove_left_over(parent);
    let path = parent.join(format!("{PREFIX}{id}"));
    fs::create_dir(&path)
        .map_err(|error| format!("no cgroup could be made ({error}); {ADVICE}"))?;
    let group = Group { path };
    let set = |file: &str, value: String| {
        fs::write(group.path.join(file), value).map_err(|error| format!("{file}: {error}"))
    };
    let memory = limits
        .memory_bytes
        .map_or_else(|| "max".into(), |bytes| bytes.to_string());
    let done = set("memory.max", memory)
        .and_then(|()| set("pids.max", limits.processes.to_string()))
        // Killing one process of Node-RED leaves a half; kill all, and it is started again whole.
        .and_then(|()| set("memory.oom.group", "1".into()));
    match done {
        Ok(()) => Ok(group),
        Err(why) => {
            group.remove();
            Err(why)
        }
    }
}

/// Groups of jails whose jailer was killed. One that is still in use cannot be removed.
fn remove_left_over(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            drop(fs::remove_dir(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(controllers: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let parent = root.path().join("system.slice/redkeep.service");
        fs::create_dir_all(parent.join("main")).unwrap();
        fs::write(parent.join("cgroup.subtree_control"), controllers).unwrap();
        root
    }

    #[test]
    fn the_v2_line_is_found_among_v1_lines() {
        assert_eq!(
            membership("4:memory:/x\n0::/a/b\n"),
            Some(PathBuf::from("a/b"))
        );
        assert_eq!(membership("0::/\n"), Some(PathBuf::new()));
        assert_eq!(membership("4:memory:/x\n"), None);
    }

    #[test]
    fn a_delegated_branch_is_used_and_limited() {
        let root = tree("cpu memory pids");
        let own = Path::new("system.slice/redkeep.service/main");
        let parent = delegated_parent(root.path(), own).unwrap();
        let limits = Limits {
            memory_bytes: Some(1 << 28),
            processes: 99,
            ..Limits::default()
        };
        let group = make_in(&parent, 7, &limits).unwrap();
        group.limit_cpu(150).unwrap();
        group.step_back().unwrap();
        let read = |file: &str| fs::read_to_string(group.path.join(file)).unwrap();
        assert_eq!(read("memory.max"), "268435456");
        assert_eq!(read("pids.max"), "99");
        assert_eq!(read("cpu.max"), "150000 100000");
        assert_eq!(read("cpu.weight"), "1");
        assert_eq!(read("memory.oom.group"), "1");
        group.join().unwrap();
        assert_eq!(read("cgroup.procs"), "0");
    }

    #[test]
    fn a_branch_of_the_system_is_left_alone() {
        let root = tree("memory pids");
        for own in ["", "redkeep.service", "system.slice/redkeep.service"] {
            let why = delegated_parent(root.path(), Path::new(own)).unwrap_err();
            assert!(why.contains("Delegate=yes"), "{own}: {why}");
        }
    }

    #[test]
    fn left_over_groups_are_removed() {
        let root = tree("memory pids");
        let stale = root
            .path()
            .join("system.slice/redkeep.service/redkeep-jail-1");
        fs::create_dir(&stale).unwrap();
        make_in(stale.parent().unwrap(), 2, &Limits::default()).unwrap();
        assert!(!stale.exists());
    }
}
