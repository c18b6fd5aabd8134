//! Interrupted anywhere, the next start goes on.
//!
//! The real interruptions (kill -9, a full disk) happen to a child: this test binary, told to run
//! one of the `child_…` functions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use registry::{Npmrc, Outcome, Phase, Step, Trees, Upstream, tree::TreeError};

use crate::fake::{Answer, Fake, Item, Shelf, data_dir, ensure, limits};

/// Enough packages and files that an installation takes a while.
fn large() -> Shelf {
    let mut shelf = Shelf::small();
    for number in 0..60_u32 {
        let content: Vec<u8> = (0..20_000_u32)
            .flat_map(|i| (i * (number + 7)).to_le_bytes())
            .collect();
        let names: Vec<String> = (0..10).map(|file| format!("package/{file}.js")).collect();
        let files: Vec<(&str, u32, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), 0o644, content.as_slice()))
            .collect();
        let name = format!("m{number}");
        shelf.items.push(Item::new(
            &format!("node_modules/{name}"),
            &name,
            "1.0.0",
            &files,
        ));
    }
    shelf
}

#[tokio::test]
async fn what_was_fetched_before_the_network_went_is_kept() {
    let (shelf, data) = (Shelf::small(), data_dir());
    let fake = Fake::with(&shelf).await;
    let last = &shelf.items[3];
    fake.tell(&last.url(), [Answer::Status(400)]);
    let trees = Trees::open(data.path()).unwrap();
    ensure(&trees, &shelf.lock(), Some(&fake.upstream()))
        .await
        .unwrap_err();
    assert!(!trees.has(&shelf.lock()));

    let after = Fake::with(&shelf).await;
    let trees = Trees::open(data.path()).unwrap();
    ensure(&trees, &shelf.lock(), Some(&after.upstream()))
        .await
        .unwrap();
    assert_eq!(after.paths(), [last.url()], "only what was missing");
}

#[tokio::test]
async fn leftovers_of_an_interrupted_run_go() {
    let (shelf, data) = (Shelf::small(), data_dir());
    let lock = shelf.lock();
    let half_tree = data
        .path()
        .join(format!("trees/.partial-{}/node/bin", lock.digest()));
    fs::create_dir_all(&half_tree).unwrap();
    fs::write(half_tree.join("node"), "half").unwrap();
    let half_tarball = data.path().join("cache/tarballs/.partial-00");
    fs::create_dir_all(half_tarball.parent().unwrap()).unwrap();
    fs::write(&half_tarball, "half").unwrap();

    let trees = Trees::open(data.path()).unwrap();
    assert!(!half_tree.exists() && !half_tarball.exists());
    let fake = Fake::with(&shelf).await;
    let installed = ensure(&trees, &lock, Some(&fake.upstream())).await.unwrap();
    assert!(matches!(installed.outcome, Outcome::Built));
}

#[tokio::test]
async fn giving_up_in_the_middle_leaves_nothing_half_done() {
    let (shelf, data) = (Shelf::small(), data_dir());
    let fake = Fake::with(&shelf).await;
    let Item { tarball, .. } = &shelf.items[1];
    fake.tell(
        &shelf.items[1].url(),
        [Answer::Stall(tarball.clone()), Answer::Ok(tarball.clone())],
    );
    let trees = Trees::open(data.path()).unwrap();
    let (lock, upstream) = (shelf.lock(), fake.upstream());
    {
        let installing = ensure(&trees, &lock, Some(&upstream));
        let given_up = tokio::time::timeout(Duration::from_millis(300), installing).await;
        assert!(given_up.is_err(), "the stalled tarball arrived");
    }
    assert!(!trees.has(&lock));
    let installed = ensure(&trees, &lock, Some(&upstream)).await.unwrap();
    assert!(matches!(installed.outcome, Outcome::Built));
    let names = fs::read_dir(data.path().join("cache/tarballs")).unwrap();
    assert_eq!(names.count(), 4, "the tarballs and nothing else");
}

#[tokio::test]
async fn giving_up_while_unpacking_does_not_disturb_the_next_try() {
    let (shelf, data) = (large(), data_dir());
    let fake = Fake::with(&shelf).await;
    let trees = Trees::open(data.path()).unwrap();
    let (lock, upstream) = (shelf.lock(), fake.upstream());
    let begun = Arc::new(tokio::sync::Notify::new());
    let told = Arc::clone(&begun);
    let progress = Arc::new(move |step: Step| {
        if step.phase == Phase::Unpack {
            told.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = begun.notified() => {}
        answer = trees.ensure(&lock, None, Some(&upstream), progress) => panic!("{answer:?}"),
    }
    ensure(&trees, &lock, None).await.unwrap();
}

#[tokio::test]
async fn two_who_want_the_same_tree_share_it() {
    let (shelf, data) = (Shelf::small(), data_dir());
    let fake = Fake::with(&shelf).await;
    let (trees, lock) = (Trees::open(data.path()).unwrap(), shelf.lock());
    let upstream = fake.upstream();
    let twin = trees.clone();
    let (one, other) = tokio::join!(
        ensure(&trees, &lock, Some(&upstream)),
        ensure(&twin, &lock, Some(&upstream)),
    );
    let outcomes = [one.unwrap().outcome, other.unwrap().outcome];
    assert!(
        matches!(outcomes, [Outcome::Built, Outcome::Present]),
        "{outcomes:?}"
    );
    assert_eq!(fake.paths().len(), 4);
}

/// This test binary again, running only `name`, with two texts for it.
fn child(name: &str, data: &Path, address: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--ignored",
            "--exact",
            &format!("interrupt::{name}"),
            "--nocapture",
        ])
        .env("REGISTRY_TEST_DATA", data)
        .env("REGISTRY_TEST_ADDRESS", address)
        .stdout(Stdio::null());
    command
}

#[expect(clippy::disallowed_methods, reason = "the parent test tells its child")]
fn told() -> (PathBuf, Upstream) {
    let of = |name| std::env::var(name).expect("run by its parent test only");
    let address = Npmrc::default().address(&of("REGISTRY_TEST_ADDRESS"));
    (
        of("REGISTRY_TEST_DATA").into(),
        Upstream::new(address, None, limits()).unwrap(),
    )
}

#[tokio::test]
#[ignore = "the child of killed_anywhere_the_next_start_goes_on"]
async fn child_installs() {
    let (data, upstream) = told();
    let trees = Trees::open(&data).unwrap();
    ensure(&trees, &large().lock(), Some(&upstream))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_anywhere_the_next_start_goes_on() {
    let (shelf, data) = (large(), data_dir());
    let (lock, fake) = (shelf.lock(), Fake::with(&shelf).await);
    let tree = data.path().join("trees").join(lock.digest().to_string());
    let (mut killed_early, mut after_ms) = (0, 1);
    loop {
        let mut running = child("child_installs", data.path(), &fake.address)
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        let ended = running.try_wait().unwrap();
        running.kill().unwrap();
        running.wait().unwrap();
        if tree.exists() {
            // Whatever moment it was: under this name there is a whole tree or none.
            let trees = Trees::open(data.path()).unwrap();
            let installed = ensure(&trees, &lock, None).await.unwrap();
            assert!(matches!(installed.outcome, Outcome::Present));
            break;
        }
        if let Some(status) = ended {
            panic!("the child ended by itself ({status}) and left no tree");
        }
        killed_early += 1;
        after_ms += after_ms / 4 + 5;
    }
    assert!(
        killed_early > 0,
        "only {killed_early} kills came before the end"
    );
    let asked = fake.paths();
    let mut twice = asked.clone();
    twice.sort();
    twice.dedup();
    assert!(
        twice.len() == shelf.items.len() - 1,
        "something was never fetched"
    );
}

#[tokio::test]
#[ignore = "the child of a_full_disk_is_told_and_gone_on_from"]
async fn child_fills_the_disk() {
    let (data, upstream) = told();
    let (shelf, mount) = (large(), |options: &str| {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "none"])
            .arg(&data);
        assert!(
            mount.status().unwrap().success(),
            "no tmpfs can be mounted here"
        );
    });
    mount("size=200k");
    let lock = shelf.lock();
    let tarballs: usize = shelf.items.iter().map(|item| item.tarball.len()).sum();
    // First too small for the tarballs, then for the tree; each time more fits.
    for size in [
        200_000,
        tarballs / 2,
        tarballs + 1_000_000,
        tarballs + 20_000_000,
    ] {
        mount(&format!("remount,size={size}"));
        let trees = Trees::open(&data).unwrap();
        let error = ensure(&trees, &lock, Some(&upstream)).await.unwrap_err();
        let is_told = error.to_string().contains("; free about");
        let is_disk = matches!(
            error,
            TreeError::Tarball(_) | TreeError::Refused { .. } | TreeError::Disk(_)
        );
        assert!(is_told && is_disk, "{size}: {error}");
        assert!(!trees.has(&lock));
    }
    mount("remount,size=200m");
    let trees = Trees::open(&data).unwrap();
    ensure(&trees, &lock, Some(&upstream)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_gone_on_from() {
    let (shelf, data) = (large(), data_dir());
    let fake = Fake::with(&shelf).await;
    let child = child("child_fills_the_disk", data.path(), &fake.address);
    // A disk of its own, in a mount namespace of its own, needs no root.
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--map-root-user", "--"])
        .arg(child.get_program())
        .args(child.get_args());
    for (key, value) in child.get_envs() {
        command.env(key, value.unwrap());
    }
    let output = tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "needs unshare and user namespaces; the child said: {text}"
    );
}
