//! The flows file on disk: exported from the baseline, watched for other hands.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Why the watch could not look or write.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
pub struct WatchError {
    /// Which file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// What was found in place of the baseline's flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// Other content: what somebody wants to run.
    Edited(Vec<u8>),
    /// The file is gone.
    Gone,
    /// Something that is not a regular file, or larger than any flows file may be.
    NotAFlowsFile {
        /// What it is, for people.
        what: String,
    },
}

/// What tells whether a file was touched, without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed_s: i64,
    changed_ns: i64,
}

/// One instance's `flows.json`.
#[derive(Debug)]
pub struct FlowFile {
    path: PathBuf,
    bytes_max: u64,
    seen: Option<Stamp>,
}

impl FlowFile {
    /// The file at `path`; more than `bytes_max` bytes are never read.
    pub fn new(path: PathBuf, bytes_max: u64) -> Self {
        Self {
            path,
            bytes_max,
            seen: None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Compares the file with the baseline's text; none when it is the same. Reads it only when
    /// its metadata changed since it was last found equal.
    pub fn check(&mut self, baseline: &str) -> Result<Option<Drift>, WatchError> {
        let Some(stamp) = self.stamp()? else {
            return Ok(Some(Drift::Gone));
        };
        if self.seen == Some(stamp) {
            return Ok(None);
        }
        let meta = fs::symlink_metadata(&self.path).map_err(|source| self.failed(source))?;
        if !meta.is_file() {
            // A link could point the watch at any file of the system.
            return Ok(Some(Drift::NotAFlowsFile {
                what: "not a regular file".to_owned(),
            }));
        }
        if meta.len() > self.bytes_max {
            let what = format!(
                "{} bytes long; at most {} are read",
                meta.len(),
                self.bytes_max
            );
            return Ok(Some(Drift::NotAFlowsFile { what }));
        }
        let mut content = Vec::new();
        fs::File::open(&self.path)
            .and_then(|file| file.take(self.bytes_max).read_to_end(&mut content))
            .map_err(|source| self.failed(source))?;
        if content == baseline.as_bytes() {
            self.seen = Some(stamp);
            return Ok(None);
        }
        Ok(Some(Drift::Edited(content)))
    }

    /// Writes the baseline's text: aside first, then renamed, so that a reader never sees half.
    pub fn export(&mut self, baseline: &str) -> Result<(), WatchError> {
        let aside = self.path.with_extension("json.new");
        let write = || {
            match fs::symlink_metadata(&self.path) {
                Ok(meta) if meta.is_dir() => fs::remove_dir_all(&self.path)?,
                _ => {}
            }
            match fs::remove_file(&aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&aside)?;
            file.write_all(baseline.as_bytes())?;
            file.sync_all()?;
            fs::rename(&aside, &self.path)
        };
        write().map_err(|source| self.failed(source))?;
        self.seen = self.stamp()?;
        Ok(())
    }

    fn stamp(&self) -> Result<Option<Stamp>, WatchError> {
        match fs::symlink_metadata(&self.path) {
            Ok(meta) => Ok(Some(Stamp {
                device: meta.dev(),
                inode: meta.ino(),
                size: meta.len(),
                // The change time cannot be set back with `touch`, as the modification time can.
                changed_s: meta.ctime(),
                changed_ns: meta.ctime_nsec(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn failed(&self, source: io::Error) -> WatchError {
        WatchError {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> (tempfile::TempDir, FlowFile) {
        let dir = tempfile::tempdir().unwrap();
        let file = FlowFile::new(dir.path().join("flows.json"), 100);
        (dir, file)
    }

    #[test]
    fn an_edit_is_found_once_the_export_is_touched() {
        let (_dir, mut file) = file();
        file.export("[]").unwrap();
        assert_eq!(file.check("[]").unwrap(), None);
        fs::write(file.path(), "[1]").unwrap();
        assert_eq!(
            file.check("[]").unwrap(),
            Some(Drift::Edited(b"[1]".to_vec()))
        );
        file.export("[]").unwrap();
        assert_eq!(file.check("[]").unwrap(), None);
    }

    #[test]
    fn an_edit_of_the_same_length_and_time_is_found() {
        let (_dir, mut file) = file();
        file.export("[1]").unwrap();
        let time = fs::metadata(file.path()).unwrap().modified().unwrap();
        fs::write(file.path(), "[2]").unwrap();
        fs::File::options()
            .write(true)
            .open(file.path())
            .unwrap()
            .set_modified(time)
            .unwrap();
        assert_eq!(
            file.check("[1]").unwrap(),
            Some(Drift::Edited(b"[2]".to_vec()))
        );
    }

    #[test]
    fn a_link_a_folder_a_giant_and_a_gap_are_not_read() {
        let (dir, mut file) = file();
        assert_eq!(file.check("[]").unwrap(), Some(Drift::Gone));
        let secret = dir.path().join("secret");
        fs::write(&secret, "s3cret").unwrap();
        std::os::unix::fs::symlink(&secret, file.path()).unwrap();
        assert!(matches!(
            file.check("[]").unwrap(),
            Some(Drift::NotAFlowsFile { .. })
        ));
        file.export("[]").unwrap();
        assert_eq!(
            fs::read_to_string(&secret).unwrap(),
            "s3cret",
            "the link was written through"
        );
        fs::write(file.path(), vec![b' '; 101]).unwrap();
        assert!(matches!(
            file.check("[]").unwrap(),
            Some(Drift::NotAFlowsFile { .. })
        ));
        fs::remove_file(file.path()).unwrap();
        fs::create_dir(file.path()).unwrap();
        assert!(matches!(
            file.check("[]").unwrap(),
            Some(Drift::NotAFlowsFile { .. })
        ));
        file.export("[]").unwrap();
        assert_eq!(file.check("[]").unwrap(), None);
    }
}
