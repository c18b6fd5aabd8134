//! An amount of memory, as people write it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Node-RED itself takes about 130 MB; below this it would die before its first flow.
const MIN: u64 = 192 * MIB;
const MAX: u64 = 1024 * GIB;

/// An amount of memory: a whole number of MiB or GiB, from 192 MiB to 1024 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Memory(u64);

/// It is no such amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an amount of memory from 192 MiB to 1024 GiB; write it as 512 MiB or 2 GiB")]
pub struct MemoryError(String);

impl Memory {
    /// So many bytes, rounded down to MiB and brought within the bounds.
    pub fn within_bounds(bytes: u64) -> Self {
        Self((bytes / MIB * MIB).clamp(MIN, MAX))
    }

    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }

    /// In MiB.
    pub fn mib(self) -> u64 {
        self.0 / MIB
    }
}

impl FromStr for Memory {
    type Err = MemoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (number, unit) = text.trim().split_once(' ')?;
            let unit = match unit {
                "MiB" => MIB,
                "GiB" => GIB,
                _ => return None,
            };
            let bytes = number.parse::<u64>().ok()?.checked_mul(unit)?;
            (MIN..=MAX).contains(&bytes).then_some(Self(bytes))
        };
        read().ok_or_else(|| MemoryError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(GIB) {
            write!(f, "{} GiB", self.0 / GIB)
        } else {
            write!(f, "{} MiB", self.mib())
        }
    }
}

impl TryFrom<String> for Memory {
    type Error = MemoryError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Memory> for String {
    fn from(memory: Memory) -> Self {
        memory.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_the_same() {
        for text in ["192 MiB", "512 MiB", "1 GiB", "1500 MiB", "1024 GiB"] {
            assert_eq!(text.parse::<Memory>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "512",
            "512MB",
            "1 MiB",
            "-1 GiB",
            "1 TiB",
            "99999999999999999 GiB",
        ] {
            assert!(bad.parse::<Memory>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_share_of_a_machine_is_brought_within_bounds() {
        assert_eq!(Memory::within_bounds(5).to_string(), "192 MiB");
        assert_eq!(Memory::within_bounds(GIB + 5).to_string(), "1 GiB");
    }
}
