//! A tree's manifest: every file with size, mode and BLAKE3.
//!
//! It follows from the lock alone: sorted, without times or places. So its SHA-256, the tree's
//! digest, is the same on every machine, and whoever remembers the digest notices a manifest that
//! was rewritten to fit changed files.

use data_encoding::HEXLOWER;
use model::id::Hash;
use serde::{Deserialize, Serialize};

use crate::{lock::Lock, unpack::Unpacked};

/// The manifest's name in the tree.
pub const MANIFEST: &str = "redkeep-tree.json";
/// Bytes of a manifest that is read at all. Ours have about 2 MB.
pub(super) const MANIFEST_BYTES_MAX: u64 = 64_000_000;
const FORMAT: u32 = 1;

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its path in the tree, with `/`.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it may be executed: its mode is 0555, else 0444.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
    /// BLAKE3 of its content, in hexadecimal.
    pub blake3: String,
}

impl Entry {
    pub(super) fn new(package: &str, file: &Unpacked) -> Self {
        Self {
            path: format!("{package}/{}", file.path),
            size: file.size,
            executable: file.executable,
            blake3: HEXLOWER.encode(file.blake3.as_bytes()),
        }
    }

    /// Its permission bits.
    pub fn mode(&self) -> u32 {
        if self.executable { 0o555 } else { 0o444 }
    }
}

/// What a tree consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: u32,
    lock: Hash,
    files: Vec<Entry>,
}

impl Manifest {
    pub(super) fn new(lock: &Lock, mut files: Vec<Entry>) -> Self {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self {
            format: FORMAT,
            lock: lock.digest(),
            files,
        }
    }

    /// The files, by path.
    pub fn files(&self) -> &[Entry] {
        &self.files
    }

    /// Whether it was made by this version of the format for this lock.
    pub(super) fn is_of(&self, lock: &Lock) -> bool {
        self.format == FORMAT && self.lock == lock.digest()
    }

    /// Its text, one file a line.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "{{\"format\":{FORMAT},\"lock\":\"{}\",\"files\":[",
            self.lock
        );
        for (index, file) in self.files.iter().enumerate() {
            text.push_str(if index == 0 { "\n" } else { ",\n" });
            text.push_str(&serde_json::to_string(file).expect("strings and numbers are JSON"));
        }
        text.push_str("\n]}\n");
        text.into_bytes()
    }
}
