//! A first start that is interrupted: by a kill, by the network, by a full disk. The next goes on.

use std::{collections::BTreeSet, fs};

use testkit::{
    DataDir, NodeRed, Options, Redkeep,
    disk::Disk,
    flows,
    registry::{Registry, Then},
    until,
};

use crate::starting::{FREE, says};

/// About a third of all tarballs.
const THIRD: u64 = 24 << 20;

fn from(registry: &Registry) -> Options {
    Options {
        arguments: vec!["--npm-registry".into(), registry.address.clone()],
        ..Options::default()
    }
}

async fn fails_from(data: &DataDir, registry: &Registry) -> testkit::verbs::Ended {
    let arguments = [&FREE[..], &["--npm-registry", &registry.address]].concat();
    Redkeep::fails(&data.path(), &arguments).await
}

/// The tarballs that were fetched to their end.
fn kept(data: &DataDir) -> BTreeSet<String> {
    let cache = fs::read_dir(data.path().join("cache/tarballs")).unwrap();
    let names = cache.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// Fails if something was fetched that was there already.
#[track_caller]
fn nothing_twice(registry: &Registry, there: &BTreeSet<String>) {
    let asked = registry.asked_files();
    let again: Vec<_> = asked.intersection(there).collect();
    assert!(again.is_empty(), "fetched again: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_or_cut_off_while_fetching_the_next_start_goes_on() {
    let data = DataDir::empty();
    let registry = Registry::failing(NodeRed::V5, THIRD, Then::Silence).await;
    let enough = async {
        registry.spent().await;
        // What the registry has sent is not yet what was written down.
        until("tarballs that are whole", || async {
            (kept(&data).len() > 3).then_some(())
        })
        .await;
    };
    Redkeep::killed_at(&data, &from(&registry), enough).await;
    let there = kept(&data);
    assert!(registry.most_at_once() > 1, "one after the other");

    let registry = Registry::failing(NodeRed::V5, THIRD, Then::Cut).await;
    let ended = fails_from(&data, &registry).await;
    let said = ended.stderr.clone();
    says(
        &ended,
        &["broke off", "check the network", "what was fetched is kept"],
    );
    assert!(said.contains("fetching: "), "no progress: {said}");
    assert_eq!(said.matches("broke off").count(), 1, "said twice: {said}");
    nothing_twice(&registry, &there);
    let there = kept(&data);

    // Everything is fetched; killed while it is unpacked.
    let registry = Registry::whole(NodeRed::V5).await;
    let trees = data.path().join("trees");
    let unpacking = until("a tree being unpacked", || async {
        let found = fs::read_dir(&trees).ok()?.flatten();
        let mut names = found.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.any(|name| name.starts_with(".partial")).then_some(())
    });
    Redkeep::killed_at(&data, &from(&registry), unpacking).await;
    nothing_twice(&registry, &there);

    let registry = Registry::whole(NodeRed::V5).await;
    let redkeep = Redkeep::start_with(data, from(&registry)).await;
    assert_eq!(registry.asked(), [""; 0], "fetched though it was there");
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "after all"))
        .await;
    assert_eq!(redkeep.endpoint(&author, "/hello").await, "after all");

    // The second start asks nobody for anything.
    let data = redkeep.stop().await;
    let redkeep = Redkeep::start_with(data, from(&registry)).await;
    assert_eq!(
        registry.asked(),
        [""; 0],
        "a second start fetched something"
    );
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_it_says_so_and_goes_on_when_there_is_room() {
    let data = DataDir::empty();
    let disk = Disk::of(&data, 30 << 20);
    let registry = Registry::whole(NodeRed::V5).await;
    // Too small for the tarballs, then for the tree.
    for size in [30 << 20, 150 << 20] {
        disk.grow(size);
        let ended = fails_from(&data, &registry).await;
        says(&ended, &["No space left", "; free about"]);
        let trees = fs::read_dir(data.path().join("trees")).unwrap().flatten();
        let half: Vec<_> = trees
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .collect();
        assert!(half.is_empty(), "a tree that is not whole: {half:?}");
    }
    disk.grow(700 << 20);
    let redkeep = Redkeep::start_with(data, from(&registry)).await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "with room"))
        .await;
    assert_eq!(redkeep.endpoint(&author, "/hello").await, "with room");
    drop(redkeep.stop().await);
    drop(disk);
}
