//! The kernel's socket tables: who listens on what.

use std::{collections::BTreeSet, fs};

/// The TCP ports the kernel has in state LISTEN for sockets these processes hold.
///
/// Each process' own `/proc/<pid>/net` is read, since a jail may have a network of its own.
pub fn listening(pids: &BTreeSet<u32>) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    for pid in pids {
        let held = inodes(*pid);
        for table in ["tcp", "tcp6"] {
            let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
            ports.extend(text.lines().skip(1).filter_map(|line| {
                let columns: Vec<&str> = line.split_whitespace().collect();
                let is_listening = columns.get(3) == Some(&"0A");
                let inode = columns.get(9)?.parse().ok()?;
                let port = columns.get(1)?.rsplit(':').next()?;
                (is_listening && held.contains(&inode))
                    .then(|| u16::from_str_radix(port, 16).ok())
                    .flatten()
            }));
        }
    }
    ports
}

/// The inodes of the sockets a process holds.
fn inodes(pid: u32) -> BTreeSet<u64> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd"));
    let folder = folder.unwrap_or_else(|error| panic!("/proc/{pid}/fd: {error}"));
    folder
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            let name = target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?
                .to_owned();
            name.parse().ok()
        })
        .collect()
}
