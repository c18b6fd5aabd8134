//! Limits per process, and per user where the user is the jail's own.

use std::fs;
use std::io;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit, setsid};

use crate::enforcement::{Enforcement, Layer, Status};
use crate::namespace::Namespaces;
use crate::spec::JailSpec;

/// What Node.js maps as writable when it starts and mostly never touches: room for compiled code,
/// thread stacks. Measured with Node.js 24: 575 MB.
pub const RESERVED_BYTES: u64 = 640 << 20;

/// Of 1000, how much sooner than Redkeep the jail is ended when the machine's memory runs out. Redkeep
/// and what else runs there stay, and Node-RED is started again.
const ENDED_FIRST: i32 = 300;
const ENDED_BEFORE_ALL: i32 = 1000;
/// Of 19, how far one that gives way steps back.
const STEPS_BACK: i32 = 15;
const SCORE: &str = "/proc/self/oom_score_adj";

/// Makes the jail the first to go when the machine's memory runs out: without a cgroup, what its
/// processes share is not limited. Before rights are given up, so that it cannot be undone, and
/// before `/proc` is shown read-only.
pub(crate) fn stand_before_the_guard(spec: &JailSpec) {
    let own = fs::read_to_string(SCORE).ok();
    let own = own.and_then(|own| own.trim().parse().ok()).unwrap_or(0);
    // A container may forbid it; the limits hold without.
    fs::write(SCORE, score(own, spec.limits.gives_way).to_string()).ok();
}

/// The jail's score where Redkeep's own is `own`: a service manager may have set that.
fn score(own: i32, gives_way: bool) -> i32 {
    if gives_way {
        ENDED_BEFORE_ALL
    } else {
        own.saturating_add(ENDED_FIRST).min(ENDED_BEFORE_ALL)
    }
}

/// The pause after the kernel was asked too soon, and how often it is asked.
const AGAIN: Duration = Duration::from_millis(120);
const AGAIN_MAX: u32 = 10;

/// Steps back as a session: the kernel shares processor time among sessions first, where it groups
/// them, and niceness counts within one only. Before `/proc` is shown read-only; the program then stays
/// in this session.
pub(crate) fn step_back(spec: &JailSpec) -> io::Result<()> {
    if spec.limits.gives_way {
        setsid()?;
        for _ in 0..AGAIN_MAX {
            // Not there in kernels that do not group sessions, and of no effect within a cgroup.
            match fs::write("/proc/self/autogroup", STEPS_BACK.to_string()) {
                // The kernel takes one of these every tenth of a second, from all of the machine.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(AGAIN),
                _ => break,
            }
        }
    }
    Ok(())
}

/// Sets the limits of this process and of what it starts.
pub(crate) fn apply(
    spec: &JailSpec,
    namespaces: Namespaces,
    report: &mut Enforcement,
) -> io::Result<()> {
    // A core dump would write the flows' secrets to disk.
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, spec.limits.open_files)?;
    if let Some(bytes) = spec.limits.file_bytes {
        lower(Resource::Fsize, bytes)?;
    }
    if let Some(bytes) = spec.limits.memory_bytes {
        // Each process, beside what a cgroup does for the whole jail where there is one.
        lower(Resource::Data, bytes.saturating_add(RESERVED_BYTES))?;
    }
    if spec.limits.gives_way {
        nice(STEPS_BACK)?;
    }
    let own_count = spec.become_user.is_some() || namespaces.any();
    let status = if own_count {
        lower(Resource::Nproc, spec.limits.processes)?;
        Status::Enforced
    } else {
        Status::Partial(
            "the number of processes is not limited, because the kernel would count all of this \
             user's"
                .into(),
        )
    };
    report.set(Layer::ResourceLimits, status);
    Ok(())
}

/// Sets both limits to `value`, or to the hard limit where that is lower already.
fn lower(resource: Resource, value: u64) -> io::Result<()> {
    let hard = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let value = Some(value.min(hard));
    Ok(setrlimit(
        resource,
        Rlimit {
            current: value,
            maximum: value,
        },
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jail_is_ended_before_redkeep_wherever_that_stands() {
        for own in [-999, -300, 0, 200, 999] {
            assert!(score(own, false) > own, "{own}");
            assert_eq!(score(own, true), 1000);
        }
        assert_eq!(score(200, false), 500);
        assert_eq!(score(1000, false), 1000);
    }
}
