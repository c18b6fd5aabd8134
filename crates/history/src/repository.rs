//! A bare Git repository on disk, as far as it is needed: loose objects and one branch.
//!
//! Laid out for Git's "dumb" protocol too: who can read these few files can clone.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::object::{Object, ObjectId};

/// The one branch.
const BRANCH: &str = "refs/heads/main";

/// A bare repository.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    dir: PathBuf,
}

impl Repository {
    /// Opens it, or makes an empty one.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        for folder in ["objects/info", "refs/heads", "info"] {
            fs::create_dir_all(dir.join(folder))?;
        }
        let it = Self {
            dir: dir.to_owned(),
        };
        it.put("HEAD", format!("ref: {BRANCH}\n").as_bytes())?;
        let config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tfilemode = false\n";
        it.put("config", config.as_bytes())?;
        it.put("objects/info/packs", b"\n")?;
        Ok(it)
    }

    /// The newest commit.
    pub(crate) fn head(&self) -> io::Result<Option<ObjectId>> {
        match fs::read_to_string(self.dir.join(BRANCH)) {
            Ok(text) => Ok(ObjectId::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes an object that is not there yet.
    pub(crate) fn keep(&self, object: &Object) -> io::Result<ObjectId> {
        let hex = object.id.to_hex();
        let (folder, file) = hex.split_at(2);
        let path = format!("objects/{folder}/{file}");
        if !self.dir.join(&path).exists() {
            fs::create_dir_all(self.dir.join("objects").join(folder))?;
            self.put(&path, &object.loose()?)?;
        }
        Ok(object.id)
    }

    /// Makes `commit` the newest. The objects are on disk before the branch names them.
    pub(crate) fn move_to(&self, commit: ObjectId) -> io::Result<()> {
        let hex = commit.to_hex();
        self.put("info/refs", format!("{hex}\t{BRANCH}\n").as_bytes())?;
        self.put(BRANCH, format!("{hex}\n").as_bytes())
    }

    /// A small note beside the repository's own files.
    pub(crate) fn note(&self, name: &str) -> io::Result<Option<String>> {
        match fs::read_to_string(self.dir.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces a file as a whole: a kill in between leaves the old one.
    pub(crate) fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.dir.join(name);
        if fs::read(&path).is_ok_and(|there| there == content) {
            return Ok(());
        }
        let partial = path.with_extension("partial");
        let file = fs::File::create(&partial)?;
        io::Write::write_all(&mut &file, content)?;
        file.sync_data()?;
        fs::rename(&partial, &path)?;
        // A branch must not outlive, in a power cut, the name of the object it points to.
        path.parent()
            .map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    }
}

/// A file of a repository that a Git client may read, if `path` names one. Everything else in the
/// folder, and everything outside, is not.
pub(crate) fn served(path: &str) -> bool {
    let is_hex = |text: &str, length: usize| {
        text.len() == length
            && text
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match path {
        "HEAD" | "info/refs" | "objects/info/packs" => true,
        path => path
            .strip_prefix("objects/")
            .and_then(|rest| rest.split_once('/'))
            .is_some_and(|(folder, file)| is_hex(folder, 2) && is_hex(file, 38)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_git_reads_is_served() {
        let object = format!("objects/{}/{}", "0a", "b".repeat(38));
        for good in ["HEAD", "info/refs", "objects/info/packs", &object] {
            assert!(served(good), "{good}");
        }
        for bad in [
            "",
            "config",
            "baselines",
            "refs/heads/main",
            "objects/../../redkeep.db",
            "objects/0a/../../../redkeep.db..................",
            "objects/zz/b",
            "/HEAD",
            "objects/0A/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        ] {
            assert!(!served(bad), "{bad}");
        }
    }
}
