//! What a person waiting is told.

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Tarballs are fetched (or found in the cache) and their hashes checked.
    Fetch,
    /// Verified tarballs are unpacked.
    Unpack,
    /// What was unpacked is written through to the disk.
    Sync,
    /// Every file of a finished tree is compared with its manifest.
    Verify,
}

impl Phase {
    /// A word for a progress line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetching",
            Self::Unpack => "unpacking",
            Self::Sync => "writing to disk",
            Self::Verify => "verifying",
        }
    }
}

/// How far a phase has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The phase.
    pub phase: Phase,
    /// Bytes done. Tarball bytes while fetching and unpacking, file bytes after.
    pub done_bytes: u64,
    /// Bytes in all, once known. Each tarball's size is known only when its answer begins.
    pub total_bytes: Option<u64>,
    /// Tarballs (while verifying and writing: files) done.
    pub done_count: usize,
    /// Tarballs or files in all.
    pub total_count: usize,
}

/// Told how far the work has come: often, from several threads. It must return quickly.
pub trait Progress: Send + Sync {
    /// The work has come this far.
    fn report(&self, step: Step);
}

impl<F: Fn(Step) + Send + Sync> Progress for F {
    fn report(&self, step: Step) {
        self(step);
    }
}

/// For callers who show nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Step) {}
}
