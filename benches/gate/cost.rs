//! What a process costs: CPU time and memory, from the kernel's own books.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, Result};

/// The kernel tells CPU time in hundredths of a second, whatever its own tick is (`USER_HZ`).
const TICK_MICROSECONDS: f64 = 10_000.0;

/// Microseconds of CPU the processes used so far, threads that ended included.
pub(crate) fn cpu_microseconds(pids: &[u32]) -> Result<f64> {
    let mut ticks = 0;
    for pid in pids {
        let path = format!("/proc/{pid}/stat");
        let text = fs::read_to_string(&path).with_context(|| path.clone())?;
        // The name in brackets may hold anything; after it come the state and the numbers.
        let rest = text
            .rsplit_once(") ")
            .map(|(_, rest)| rest)
            .unwrap_or_default();
        let fields: Vec<&str> = rest.split(' ').collect();
        let field = |at: usize| fields.get(at).and_then(|it| it.parse::<u32>().ok());
        ticks += field(11).context(path.clone())? + field(12).context(path)?;
    }
    Ok(f64::from(ticks) * TICK_MICROSECONDS)
}

/// MiB of memory: resident, and the share that is theirs alone or divided fairly.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) share: f64,
}

/// What the processes hold together.
pub(crate) fn memory(pids: &[u32]) -> Result<Memory> {
    let mut sum = Memory::default();
    for pid in pids {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).context(path)?;
        let mebibytes = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok());
            f64::from(number.unwrap_or(0)) / 1024.0
        };
        sum.resident += mebibytes("Rss:");
        sum.share += mebibytes("Pss:");
    }
    Ok(sum)
}

/// A process and everything that descends from it.
pub(crate) fn family(root: u32) -> BTreeSet<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        let text = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = text
            .rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1));
        if let (Some(pid), Some(parent)) = (pid, parent.and_then(|it| it.parse::<u32>().ok())) {
            parents.push((pid, parent));
        }
    }
    let mut family = BTreeSet::from([root]);
    loop {
        let more = parents
            .iter()
            .filter(|(_, parent)| family.contains(parent))
            .map(|it| it.0);
        let more: Vec<_> = more.filter(|pid| !family.contains(pid)).collect();
        if more.is_empty() {
            return family;
        }
        family.extend(more);
    }
}

/// Whether the process is a Node.js.
pub(crate) fn is_node(pid: u32) -> bool {
    let exe = fs::read_link(format!("/proc/{pid}/exe"));
    exe.is_ok_and(|exe| exe.file_name().is_some_and(|name| name == "node"))
}
