//! How much memory Node-RED gets.
//!
//! V8 is told three quarters: what is left is for buffers, code and the young generation. It
//! collects its garbage in time where it knows of the limit, instead of being killed at it: seven
//! deploys of 10,000 nodes grow to 2.8 GB without, and stay at 1.1 GB with 1 GB.

use model::instance::{self, Policy};

/// What an instance gets where its policy does not say: half of the machine, and no more than
/// this; beyond it a leak is likelier than a need.
const DEFAULT_MAX_BYTES: u64 = 4 << 30;

/// The memory of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Of the whole jail where there is a cgroup, else of each process.
    pub(crate) limit: instance::Memory,
}

impl Memory {
    /// By the policy, else by what the machine has.
    pub(crate) fn of(policy: &Policy, machine_bytes: u64) -> Self {
        let half = (machine_bytes / 2).min(DEFAULT_MAX_BYTES);
        let limit = policy
            .memory
            .unwrap_or_else(|| instance::Memory::within_bounds(half));
        Self { limit }
    }

    /// What V8 is told its old generation may take.
    pub(crate) fn heap_mib(self) -> u64 {
        self.limit.mib() / 4 * 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_gives_half_and_a_large_one_four_gib() {
        let of = |machine: u64| Memory::of(&Policy::default(), machine << 20).limit;
        assert_eq!(of(1024).to_string(), "512 MiB");
        assert_eq!(of(64 << 10).to_string(), "4 GiB");
        assert_eq!(of(100).to_string(), "192 MiB");
        let policy = Policy {
            memory: Some("768 MiB".parse().unwrap()),
            ..Policy::default()
        };
        assert_eq!(Memory::of(&policy, 0).limit.to_string(), "768 MiB");
    }
}
