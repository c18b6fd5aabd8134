//! Git's objects: a blob, a tree, a commit, each named by the SHA-1 of its bytes.
//!
//! <https://git-scm.com/book/en/v2/Git-Internals-Git-Objects>. SHA-1 names things here because Git
//! does so; nothing is decided by it. What was approved is named by SHA-256, in the ledger.

use std::{fmt::Write as _, io::Write as _};

use data_encoding::HEXLOWER;
use flate2::{Compression, write::ZlibEncoder};
use model::clock::Timestamp;
use sha1::{Digest as _, Sha1};

/// An object's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObjectId([u8; 20]);

impl ObjectId {
    /// The name that 40 hexadecimal digits give.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.trim().as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub(crate) fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

/// An object, ready to be written: its name and its content with Git's header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) id: ObjectId,
    framed: Vec<u8>,
}

impl Object {
    fn new(kind: &str, content: &[u8]) -> Self {
        let mut framed = format!("{kind} {}\0", content.len()).into_bytes();
        framed.extend_from_slice(content);
        let id = ObjectId(Sha1::digest(&framed).into());
        Self { id, framed }
    }

    /// As it lies in `objects/`: compressed with zlib.
    pub(crate) fn loose(&self) -> std::io::Result<Vec<u8>> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&self.framed)?;
        encoder.finish()
    }

    pub(crate) fn blob(content: &[u8]) -> Self {
        Self::new("blob", content)
    }

    /// A folder. `entries` are names without a slash, with what they are.
    pub(crate) fn tree(mut entries: Vec<(String, Entry)>) -> Self {
        // Git sorts a folder as if its name ended in a slash.
        let key = |(name, entry): &(String, Entry)| match entry {
            Entry::File(_) => name.clone(),
            Entry::Folder(_) => format!("{name}/"),
        };
        entries.sort_by_key(key);
        let mut content = Vec::new();
        for (name, entry) in &entries {
            let (mode, id) = match entry {
                Entry::File(id) => ("100644", id),
                Entry::Folder(id) => ("40000", id),
            };
            content.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            content.extend_from_slice(&id.0);
        }
        Self::new("tree", &content)
    }

    pub(crate) fn commit(commit: &Commit<'_>) -> Self {
        let mut text = format!("tree {}\n", commit.tree.to_hex());
        if let Some(parent) = commit.parent {
            // Writing to a string cannot fail.
            let _infallible = writeln!(text, "parent {}", parent.to_hex());
        }
        let seconds = commit.at.unix_seconds();
        let author = plain(commit.author);
        let address = address(commit.author);
        let _infallible = write!(
            text,
            "author {author} <{address}> {seconds} +0000\n\
             committer Redkeep <redkeep@{DOMAIN}> {seconds} +0000\n\n{}\n",
            commit.message.trim_end()
        );
        Self::new("commit", text.as_bytes())
    }
}

/// Reserved for names that must not resolve (RFC 2606).
const DOMAIN: &str = "redkeep.invalid";

/// What a folder holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    File(ObjectId),
    Folder(ObjectId),
}

/// What a commit says.
#[derive(Debug)]
pub(crate) struct Commit<'a> {
    pub(crate) tree: ObjectId,
    pub(crate) parent: Option<ObjectId>,
    pub(crate) author: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) message: &'a str,
}

/// A name that cannot end its line or its field early.
pub(crate) fn plain(name: &str) -> String {
    let kept = name
        .chars()
        .filter(|c| !c.is_control() && !"<>".contains(*c));
    let kept: String = kept.take(80).collect();
    match kept.trim() {
        "" => "somebody".to_owned(),
        kept => kept.to_owned(),
    }
}

fn address(name: &str) -> String {
    let local = |c: char| {
        if c.is_ascii_alphanumeric() || ".-_".contains(c) {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let local: String = plain(name).chars().map(local).collect();
    format!("{local}@{DOMAIN}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_have_the_names_git_gives_them() {
        // `echo 'test content' | git hash-object --stdin`
        let blob = Object::blob(b"test content\n");
        assert_eq!(blob.id.to_hex(), "d670460b4b4aece5915caf5c68d12f560a9fe3e4");
        // `git mktree </dev/null`
        let tree = Object::tree(Vec::new());
        assert_eq!(tree.id.to_hex(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
    }

    #[test]
    fn a_name_stays_in_its_field() {
        let name = "ann <x@y>\nparent 00\u{0}";
        let commit = Commit {
            tree: Object::tree(Vec::new()).id,
            parent: None,
            author: name,
            at: Timestamp(1_700_000_000_000),
            message: "m",
        };
        let text = String::from_utf8(Object::commit(&commit).framed).unwrap();
        assert_eq!(text.matches("\nparent").count(), 0, "{text}");
        assert!(text.contains(
            "author ann x@yparent 00 <ann-x-yparent-00@redkeep.invalid> 1700000000 +0000\n"
        ));
    }
}
