//! Removing a tree that hostile code made.
//!
//! `std::fs::remove_dir_all` goes down as deep as the tree is, with a descriptor and a stack frame
//! for each level: a folder in a folder in a folder, a million deep, would end this process instead.
//! Here every folder is first moved to one flat place, so nothing is ever deep.
//!
//! Only while nothing runs in the jail: paths are looked at and then used.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Removes `tree`, a folder, by way of `trash`, a folder of ours on the same file system. What an
/// interrupted removal left in `trash` goes too.
pub(super) fn remove_tree(tree: &Path, trash: &Path) -> io::Result<()> {
    // Where the jail could write, it may have put something else in its place.
    if fs::symlink_metadata(trash).is_ok_and(|found| !found.is_dir()) {
        fs::remove_file(trash)?;
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(trash)?;
    move_to(trash, tree, &mut 0)?;
    empty(trash)
}

/// Removes `trash` with what an interrupted removal left in it; fine when there is none.
pub(super) fn remove_trash(trash: &Path) -> io::Result<()> {
    match fs::symlink_metadata(trash) {
        Ok(found) if found.is_dir() => empty(trash).and_then(|()| fs::remove_dir(trash)),
        Ok(_) => fs::remove_file(trash),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn empty(trash: &Path) -> io::Result<()> {
    let mut waiting: Vec<PathBuf> = fs::read_dir(trash)?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    let mut moved = 0;
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(move_to(trash, &entry.path(), &mut moved)?);
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        match fs::remove_dir(&folder) {
            // A listing may miss entries while others are taken out of it.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => waiting.push(folder),
            removed => removed?,
        }
    }
    Ok(())
}

fn move_to(trash: &Path, folder: &Path, moved: &mut u64) -> io::Result<PathBuf> {
    // As the same user, what was made unreadable must be made readable to be removed. Of another user's
    // folder that we may write, the mode is not ours to set; a folder that cannot be moved says so.
    match fs::set_permissions(folder, fs::Permissions::from_mode(0o700)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        set => set?,
    }
    loop {
        *moved += 1;
        let place = trash.join(moved.to_string());
        if fs::symlink_metadata(&place).is_err() {
            fs::rename(folder, &place)?;
            return Ok(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_tree_deeper_than_a_path_can_be_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let trash = dir.path().join("trash");
        // Built from the inside out, since no path could name its end.
        let name = "d".repeat(200);
        let mut tree = dir.path().join("0");
        fs::create_dir(&tree).unwrap();
        for level in 1..=3000 {
            let outer = dir.path().join(level.to_string());
            fs::create_dir(&outer).unwrap();
            fs::rename(&tree, outer.join(&name)).unwrap();
            tree = outer;
        }
        remove_tree(&tree, &trash).unwrap();
        assert!(!tree.exists());
        assert_eq!(fs::read_dir(&trash).unwrap().count(), 0);
    }

    #[test]
    fn links_are_removed_and_not_followed_and_leftovers_go_too() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, outside) = (dir.path().join("tree"), dir.path().join("outside"));
        let trash = dir.path().join("trash");
        fs::create_dir_all(tree.join("a/b")).unwrap();
        fs::create_dir_all(trash.join("1/left")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "x").unwrap();
        symlink(&outside, tree.join("a/link")).unwrap();
        fs::write(tree.join("a/b/file"), "x").unwrap();
        fs::set_permissions(tree.join("a/b"), fs::Permissions::from_mode(0o000)).unwrap();
        remove_tree(&tree, &trash).unwrap();
        assert!(outside.join("kept").exists());
        assert!(!tree.exists());
        assert_eq!(fs::read_dir(&trash).unwrap().count(), 0);
    }
}
