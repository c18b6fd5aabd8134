//! The goods entrance: npm tarballs fetched, verified, and unpacked into read-only trees.
//!
//! From a lock file inside the binary to a Node.js and a Node-RED on disk, without npm and without
//! a single install script:
//!
//! 1. [`Lock::of`] picks what this platform needs from the compiled-in lock files: every package
//!    with its place, version and SHA-512.
//! 2. [`Trees::ensure`] looks for the tree of that lock. If it is there, [`tree`]'s verification
//!    reads every byte of it and nothing is fetched.
//! 3. Otherwise [`tarball`] fetches what its cache lacks from the [`Upstream`], eight at a time,
//!    hashing while it writes. A tarball gets its final name only when its hash is the lock's.
//! 4. [`tarball::Verified`] is a tarball whose hash was just checked; it is the only thing
//!    [`unpack`] takes. Unpacking refuses everything an npm tarball has no need of: links,
//!    devices, `..`, duplicates, bombs.
//! 5. [`tree`] puts the packages in their places, writes the manifest, makes everything read-only
//!    and gives the tree its final name with one rename. There is never half a tree under it.
//! 6. [`VerifiedTree`] comes out of verification and nowhere else.
//!
//! This is the only code that talks to the npm upstream. It reads neither the environment nor
//! configuration files: where the upstream is, and with which token, is the caller's to find
//! ([`Npmrc`] helps to read `.npmrc`).
#![forbid(unsafe_code)]

pub mod disk;
pub mod integrity;
pub mod lock;
pub mod progress;
pub mod tarball;
pub mod tree;
pub mod unpack;
pub mod upstream;

pub use lock::{Lock, Platform};
pub use progress::{Phase, Progress, Step};
pub use tree::{Installed, Outcome, TreeError, Trees, verify::TreePlaces, verify::VerifiedTree};
pub use upstream::{Upstream, UpstreamError, npmrc::Npmrc};
