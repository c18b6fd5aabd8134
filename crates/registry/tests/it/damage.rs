//! A tree somebody was at.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    sync::Arc,
};

use model::id::Hash;
use registry::{
    Outcome, Trees, VerifiedTree,
    progress::Silent,
    tree::{TreeError, damage::Harm, verify::Pace},
};

use crate::fake::{Fake, Shelf, data_dir, ensure};

const A: &str = "node_modules/@scope/a/lib/a.js";

/// A tree is built, `harm` gets at it, and verification says what it finds.
async fn found(expected: bool, harm: impl FnOnce(&Path)) -> Vec<Harm> {
    let (shelf, data) = (Shelf::small(), data_dir());
    let fake = Fake::with(&shelf).await;
    let trees = Trees::open(data.path()).unwrap();
    let tree = ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap()
        .tree;
    let expected = expected.then(|| tree.digest());
    harm(tree.root());
    match trees
        .verify(&shelf.lock(), expected, Pace::Gentle, Arc::new(Silent))
        .await
    {
        Err(TreeError::Damaged(damage)) => {
            assert_eq!(damage.count, damage.listed.len());
            damage.listed
        }
        Ok(_) => Vec::new(),
        Err(other) => panic!("{other}"),
    }
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Does something in a folder that is read-only, and leaves it read-only.
fn inside(folder: &Path, act: impl FnOnce(&Path)) {
    chmod(folder, 0o755);
    act(folder);
    chmod(folder, 0o555);
}

fn rewrite(path: &Path, content: &str) {
    chmod(path, 0o644);
    fs::write(path, content).unwrap();
    chmod(path, 0o444);
}

#[tokio::test]
async fn an_untouched_tree_is_whole() {
    assert_eq!(found(true, |_| {}).await, []);
}

#[tokio::test]
async fn changed_content_is_found() {
    let same_size = found(false, |root| rewrite(&root.join(A), "b")).await;
    assert_eq!(same_size, [Harm::Changed(A.to_owned())]);
    let longer = found(false, |root| rewrite(&root.join(A), "ab")).await;
    assert_eq!(longer, [Harm::Changed(A.to_owned())]);
}

#[tokio::test]
async fn missing_and_extra_things_are_found() {
    let lib = Path::new(A).parent().unwrap();
    let harms = found(false, |root| {
        inside(&root.join(lib), |lib| {
            fs::remove_file(lib.join("a.js")).unwrap();
        });
    });
    assert_eq!(harms.await, [Harm::Missing(A.to_owned())]);

    let extra = |name: &str| vec![Harm::Extra(name.to_owned())];
    let harms = found(false, |root| {
        inside(root, |root| fs::write(root.join(".npmrc"), "").unwrap());
    });
    assert_eq!(harms.await, extra(".npmrc"));
    let harms = found(false, |root| {
        inside(root, |root| fs::create_dir(root.join("empty")).unwrap());
    });
    assert_eq!(harms.await, extra("empty"));
    let harms = found(false, |root| {
        inside(&root.join("node_modules"), |modules| {
            symlink("/etc", modules.join("link")).unwrap();
        });
    });
    assert_eq!(harms.await, extra("node_modules/link"));
}

#[tokio::test]
async fn a_link_is_no_file_even_to_the_same_content() {
    let outside = data_dir();
    let copy = outside.path().join("a.js");
    fs::write(&copy, "a").unwrap();
    let lib = Path::new(A).parent().unwrap();
    let harms = found(false, |root| {
        inside(&root.join(lib), |lib| {
            fs::remove_file(lib.join("a.js")).unwrap();
            symlink(&copy, lib.join("a.js")).unwrap();
        });
    });
    assert_eq!(harms.await, [Harm::Kind(A.to_owned())]);

    // A whole folder replaced by a link to a copy of it.
    let harms = found(false, |root| {
        let lib = root.join(lib);
        chmod(&lib, 0o755);
        inside(lib.parent().unwrap(), |_| {
            fs::rename(&lib, outside.path().join("lib")).unwrap();
            symlink(outside.path().join("lib"), &lib).unwrap();
        });
    });
    let harms = harms.await;
    let folder = lib.to_str().unwrap().to_owned();
    assert!(
        harms.contains(&Harm::Extra(folder)) && harms.contains(&Harm::Missing(A.to_owned())),
        "{harms:?}"
    );
}

#[tokio::test]
async fn wrong_modes_are_found() {
    let harm = |path: &str, found| {
        vec![Harm::Mode {
            path: path.to_owned(),
            found,
        }]
    };
    let harms = found(false, |root| chmod(&root.join(A), 0o644)).await;
    assert_eq!(harms, harm(A, 0o644));
    let harms = found(false, |root| chmod(&root.join("node/bin/node"), 0o4555)).await;
    assert_eq!(harms, harm("node/bin/node", 0o4555));
    let harms = found(false, |root| chmod(&root.join("node_modules"), 0o777)).await;
    assert_eq!(harms, harm("node_modules", 0o777));
    let harms = found(false, |root| chmod(root, 0o755)).await;
    assert_eq!(harms, harm("", 0o755));
    let harms = found(false, |root| chmod(&root.join("redkeep-tree.json"), 0o644)).await;
    assert_eq!(harms, harm("redkeep-tree.json", 0o644));
}

#[tokio::test]
async fn what_cannot_be_read_is_damage_and_not_a_dead_end() {
    for path in [A, "node_modules/@scope/a"] {
        let harms = found(false, |root| chmod(&root.join(path), 0o000)).await;
        let mode = Harm::Mode {
            path: path.to_owned(),
            found: 0,
        };
        assert!(harms.contains(&mode), "{harms:?}");
    }
}

#[tokio::test]
async fn a_manifest_that_is_gone_or_nonsense_is_found() {
    let manifest = "redkeep-tree.json";
    let harms = found(false, |root| {
        inside(root, |root| fs::remove_file(root.join(manifest)).unwrap());
    });
    assert!(matches!(harms.await.as_slice(), [Harm::Manifest(_)]));
    for text in ["", "{}", "[", "\u{0}"] {
        let harms = found(false, |root| rewrite(&root.join(manifest), text)).await;
        assert!(matches!(harms.as_slice(), [Harm::Manifest(_)]), "{harms:?}");
    }
    let harms = found(false, |root| {
        let text = fs::read_to_string(root.join(manifest)).unwrap();
        rewrite(
            &root.join(manifest),
            &text.replacen(r#""lock":""#, r#""lock":"0000"#, 1),
        );
    });
    assert!(matches!(harms.await.as_slice(), [Harm::Manifest(_)]));
}

/// File and manifest changed to fit each other: only who remembers the digest can notice.
fn forge(root: &Path) {
    let manifest = root.join("redkeep-tree.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    assert!(text.contains(&hash("a")));
    rewrite(&manifest, &text.replace(&hash("a"), &hash("b")));
    rewrite(&root.join(A), "b");
}

#[tokio::test]
async fn a_forged_manifest_is_noticed_by_who_remembers_the_digest() {
    assert_eq!(
        found(false, forge).await,
        [],
        "without a memory there is nothing to notice"
    );
    let harms = found(true, forge).await;
    assert!(
        matches!(harms.as_slice(), [Harm::Digest { .. }]),
        "{harms:?}"
    );
}

async fn built(trees: &Trees, shelf: &Shelf) -> VerifiedTree {
    let fake = Fake::with(shelf).await;
    ensure(trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap()
        .tree
}

#[tokio::test]
async fn a_damaged_tree_is_set_aside_and_rebuilt_without_the_network() {
    let (shelf, data) = (Shelf::small(), data_dir());
    let trees = Trees::open(data.path()).unwrap();
    let tree = built(&trees, &shelf).await;
    for _ in 0..2 {
        forge(tree.root());
        let (lock, digest) = (shelf.lock(), Some(tree.digest()));
        let again = trees
            .ensure(&lock, digest, None, Arc::new(Silent))
            .await
            .unwrap();
        assert_eq!(again.tree, tree);
        let Outcome::Rebuilt { damage, aside } = again.outcome else {
            panic!("not noticed")
        };
        assert!(damage.to_string().contains("digest"), "{damage}");
        assert_eq!(
            fs::read(aside.join(A)).unwrap(),
            b"b",
            "the evidence is kept"
        );
        assert_eq!(fs::read(tree.root().join(A)).unwrap(), b"a");
    }
    let kept = fs::read_dir(data.path().join("trees")).unwrap().count();
    assert_eq!(kept, 2, "the tree and the last damaged one");
}

#[tokio::test]
async fn something_else_in_the_trees_place_is_set_aside() {
    let (shelf, data) = (Shelf::small(), data_dir());
    let trees = Trees::open(data.path()).unwrap();
    built(&trees, &shelf).await;
    let (path, elsewhere) = (
        trees.path(&shelf.lock()),
        data.path().join("trees/elsewhere"),
    );
    fs::rename(&path, &elsewhere).unwrap();
    symlink(&elsewhere, &path).unwrap();
    let again = ensure(&trees, &shelf.lock(), None).await.unwrap();
    assert!(matches!(again.outcome, Outcome::Rebuilt { .. }));
    assert!(fs::symlink_metadata(again.tree.root()).unwrap().is_dir());
}

#[tokio::test]
async fn a_wrong_memory_is_an_error_and_not_a_loop() {
    let (shelf, data) = (Shelf::small(), data_dir());
    let trees = Trees::open(data.path()).unwrap();
    built(&trees, &shelf).await;
    let wrong = Some(Hash::of(b"another tree"));
    let answer = trees
        .ensure(&shelf.lock(), wrong, None, Arc::new(Silent))
        .await;
    assert!(matches!(answer, Err(TreeError::Damaged(_))), "{answer:?}");
}
