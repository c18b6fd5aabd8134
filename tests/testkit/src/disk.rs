//! A small disk of its own for a data directory, so that it can be full.

use std::{fs, path::PathBuf, process::Command};

use crate::DataDir;

/// A file system in memory, mounted where a data directory is to be. Dropping it unmounts it.
///
/// Only root may mount; a test that needs it fails for anybody else, with that reason.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Mounts one of that size.
    pub fn of(data: &DataDir, size_bytes: u64) -> Self {
        let at = data.path();
        fs::create_dir_all(&at).expect("the data directory");
        mount(&format!("mode=700,size={size_bytes}"), &at);
        Self { at }
    }

    /// Makes it larger, as somebody who makes room does.
    pub fn grow(&self, size_bytes: u64) {
        mount(&format!("remount,size={size_bytes}"), &self.at);
    }
}

fn mount(options: &str, at: &PathBuf) {
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "redkeep-test"])
        .arg(at)
        .output()
        .expect("mount");
    let said = String::from_utf8_lossy(&mounted.stderr);
    assert!(
        mounted.status.success(),
        "this test needs a small disk, and only root may mount one: {said}"
    );
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a test that failed may still have a process with files open there.
        drop(Command::new("umount").arg("-l").arg(&self.at).output());
    }
}
