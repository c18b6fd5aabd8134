//! Node-RED's own files, changed by another hand.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;
use testkit::{Options, Redkeep, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_tree_is_seen_while_it_runs_and_recorded_before_it_is_mended() {
    let options = Options {
        config: Some("[watch]\ntrees_seconds = 1\n".to_owned()),
        ..Options::default()
    };
    let redkeep = Redkeep::start(options).await;
    let stray = modules(&redkeep).join("stray.js");
    in_folder(&stray, |stray| fs::write(stray, "evil()").unwrap());
    let names = |it: &Value, what: &str| it["event"]["detail"].to_string().contains(what);
    let row = redkeep
        .recorded("disk-drift", |it| names(it, "stray.js"))
        .await;
    assert_eq!(row["event"]["detail"]["found"], "while it runs", "{row}");
    let status = redkeep.cli(&["status"]).await.ok().json().to_string();
    assert!(status.contains("stray.js"), "{status}");
    in_folder(&stray, |stray| fs::remove_file(stray).unwrap());
    redkeep
        .recorded("disk-drift", |it| names(it, "whole again"))
        .await;
    until("a status without damage", || async {
        let status = redkeep.cli(&["status"]).await.ok().json().to_string();
        (!status.contains("stray.js")).then_some(())
    })
    .await;

    // Damaged while stopped, and nothing to mend it with: the start fails, the record stays.
    let data = redkeep.stop().await;
    in_folder(&stray, |stray| fs::write(stray, "evil()").unwrap());
    fs::remove_dir_all(data.path().join("cache")).unwrap();
    let nowhere = ["--npm-registry", "http://127.0.0.1:9/"];
    let failed = Redkeep::fails(&data.path(), &nowhere).await;
    assert!(failed.stderr.contains("stray.js"), "{}", failed.stderr);
    let arguments = ["audit", "list", "--kind", "disk-drift"];
    let rows = testkit::verbs::cli(&data.path(), &arguments, None).await;
    let newest = &testkit::verbs::listed(&rows.json(), "entries")[0];
    assert!(names(newest, "stray.js"), "{newest}");
    assert_eq!(newest["event"]["detail"]["found"], "at start", "{newest}");
}

/// The folder of packages in the one tree there is.
fn modules(redkeep: &Redkeep) -> PathBuf {
    let trees = fs::read_dir(redkeep.path().join("trees")).unwrap();
    let mut folders = trees.map(|it| it.unwrap().path().join("node_modules"));
    folders.next().expect("a tree")
}

/// Does something to a file in a read-only folder, and leaves the folder read-only.
fn in_folder(file: &Path, act: impl FnOnce(&Path)) {
    let folder = file.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    act(file);
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).unwrap();
}
