//! Limits per process, and per user where the user is the jail's own.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::enforcement::{Enforcement, Layer, Status};
use crate::namespace::Namespaces;
use crate::spec::JailSpec;

/// What Node.js maps as writable when it starts and mostly never touches: room for compiled code,
/// thread stacks. Measured with Node.js 24: 575 MB.
pub const RESERVED_BYTES: u64 = 640 << 20;

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
