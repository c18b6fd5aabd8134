//! What the kernel says of a process, whatever the process says of itself.

use std::{collections::BTreeMap, fs};

/// The fields of `/proc/<pid>/status`.
#[derive(Debug)]
pub struct Kernel {
    pid: u32,
    fields: BTreeMap<String, String>,
}

impl Kernel {
    /// Of this process, which must live.
    pub fn of(pid: u32) -> Self {
        let path = format!("/proc/{pid}/status");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.trim().to_owned());
        Self {
            pid,
            fields: fields.map(owned).collect(),
        }
    }

    /// One field.
    pub fn field(&self, name: &str) -> &str {
        let found = self.fields.get(name);
        found.unwrap_or_else(|| panic!("this kernel does not tell {name}"))
    }

    /// The user it acts as; real, effective, saved and of files must be one.
    pub fn uid(&self) -> u32 {
        let mut uids = self
            .field("Uid")
            .split_whitespace()
            .map(|it| it.parse().expect("a uid"));
        let uid = uids.next().expect("a uid");
        assert!(
            uids.all(|it| it == uid),
            "several users: {}",
            self.field("Uid")
        );
        uid
    }

    /// Which of its namespaces of this kind it is in.
    pub fn namespace(&self, kind: &str) -> String {
        let link = fs::read_link(format!("/proc/{}/ns/{kind}", self.pid)).expect("its namespaces");
        link.to_string_lossy().into_owned()
    }

    /// Fails unless it can never gain a right and its calls are filtered.
    #[track_caller]
    pub fn assert_confined(&self) {
        for (name, value) in [
            ("NoNewPrivs", "1"),
            ("Seccomp", "2"),
            ("CapEff", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
        ] {
            assert_eq!(self.field(name), value, "{name} of process {}", self.pid);
        }
    }
}
