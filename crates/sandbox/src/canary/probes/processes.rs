//! Seeing, signalling and tracing processes outside.

use std::fs;
use std::io;

use rustix::io::Errno;
use rustix::process::{Pid, getpid, getppid, test_kill_process};

use super::{NO_CALL, Probe, SECCOMP};
use crate::canary::Guard;
use crate::enforcement::{Enforcement, Layer, Status};
use crate::kernel::bare::{self, BareCall};
use crate::spec::JailSpec;

const SEEING: &[Guard] = &[Guard::Layer(Layer::PidNamespace), Guard::LandlockSince(1)];
const SIGNALS: &[Guard] = &[
    Guard::Layer(Layer::PidNamespace),
    Guard::LandlockSince(6),
    Guard::Layer(Layer::User),
];
/// The numbers that a jail's own processes have while the canary runs: they count from 1.
const PIDS_INSIDE: i32 = 128;
const NO_PROCESS: &[Errno] = &[Errno::PERM, Errno::SRCH];

pub(super) fn probes(spec: &JailSpec, enforced: &Enforcement) -> Vec<Probe> {
    let mut probes = vec![
        Probe::new(
            "see processes outside",
            SEEING,
            &[Errno::ACCESS, Errno::NOENT],
            see_others,
        ),
        parent("trace another process", BareCall::PtraceSeize),
        parent("read another process's memory", BareCall::ProcessVmReadv),
        Probe::new("take another process's files", SECCOMP, NO_CALL, || {
            bare::call(BareCall::PidfdGetfd).map(drop)
        }),
    ];
    let own_table = enforced.of(Layer::PidNamespace) == Status::Enforced;
    for pid in spec
        .hidden_pids
        .iter()
        .filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?))
    {
        let raw = pid.as_raw_nonzero().get();
        let reused = own_table && raw <= PIDS_INSIDE;
        probes.push(
            Probe::new(
                format!("signal process {raw} outside"),
                SIGNALS,
                NO_PROCESS,
                move || Ok(test_kill_process(pid)?),
            )
            .unless(reused.then_some("inside, that number may be a process of the jail")),
        );
    }
    probes
}

/// Tried on the canary itself, which nothing but the filter protects from its own child.
fn parent(what: &str, call: fn(i32) -> BareCall) -> Probe {
    Probe::new(what, SECCOMP, NO_CALL, move || {
        let parent = getppid().ok_or(Errno::SRCH)?.as_raw_nonzero().get();
        bare::call(call(parent)).map(drop)
    })
}

fn see_others() -> io::Result<()> {
    let own = [Some(Pid::INIT), Some(getpid()), getppid()];
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name
            .to_str()
            .and_then(|name| Pid::from_raw(name.parse().ok()?));
        if pid.is_some() && !own.contains(&pid) {
            return Ok(());
        }
    }
    Err(Errno::NOENT.into())
}
