//! The real Node.js and Node-RED 5, fetched from the npm registry this machine uses (about 80 MB).
//!
//! Needs the network: `NPM_CONFIG_REGISTRY`, or an npm that answers `npm config get registry`.

use std::{path::Path, process::Command, sync::Arc, time::Instant};

use model::instance::NodeRedMajor;
use registry::{
    Lock, Npmrc, Outcome, Platform, Progress, Step, Trees, Upstream, VerifiedTree, progress::Silent,
};

#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by the environment where npm is"
)]
fn registry_address() -> String {
    if let Ok(address) = std::env::var("NPM_CONFIG_REGISTRY") {
        return address;
    }
    let npm = Command::new("npm")
        .args(["config", "get", "registry"])
        .output()
        .expect(
            "this test takes Node-RED from an npm registry: set NPM_CONFIG_REGISTRY or install npm",
        );
    assert!(
        npm.status.success(),
        "npm config get registry failed: {npm:?}"
    );
    String::from_utf8(npm.stdout)
        .expect("npm answers in UTF-8")
        .trim()
        .to_owned()
}

#[tokio::test]
async fn node_red_5_is_installed_runs_and_is_found_again() {
    let address = Npmrc::default().address(&registry_address());
    let upstream = Upstream::new(address, None, registry::upstream::Limits::default()).unwrap();
    let data = tempfile::tempdir().unwrap();
    let lock = Lock::of(NodeRedMajor::V5, Platform::here().unwrap());
    let trees = Trees::open(data.path()).unwrap();

    let begun = Instant::now();
    let last = Arc::new(std::sync::Mutex::new(
        Vec::<(Step, std::time::Duration)>::new(),
    ));
    let seen = Arc::clone(&last);
    let progress: Arc<dyn Progress> = Arc::new(move |step: Step| {
        let mut seen = seen.lock().unwrap();
        seen.retain(|(earlier, _)| earlier.phase != step.phase);
        seen.push((step, begun.elapsed()));
    });
    let installed = trees
        .ensure(&lock, None, Some(&upstream), progress)
        .await
        .expect(
            "Node.js and Node-RED could not be installed from the npm registry; this test needs it",
        );
    println!("installed in {:?}", begun.elapsed());
    for (step, at) in last.lock().unwrap().iter() {
        println!("  {at:>8.2?} {step:?}");
    }
    assert!(matches!(installed.outcome, Outcome::Built));
    let tree = installed.tree;

    assert_runs(&tree, data.path());

    // The second start needs no network, and the digest is remembered.
    let begun = Instant::now();
    let again = trees
        .ensure(&lock, Some(tree.digest()), None, Arc::new(Silent))
        .await
        .unwrap();
    println!(
        "verified in {:?}; digest {}",
        begun.elapsed(),
        tree.digest()
    );
    assert!(matches!(again.outcome, Outcome::Present));
    assert_eq!(again.tree, tree);

    // So that who is not root can remove the test's folder.
    let root = data.path().join("trees");
    assert!(
        Command::new("chmod")
            .args(["-R", "u+w"])
            .arg(root)
            .status()
            .unwrap()
            .success()
    );
}

fn assert_runs(tree: &VerifiedTree, home: &Path) {
    // It runs: Node.js from the tree starts Node-RED from the tree.
    let answer = Command::new(tree.node_binary())
        .arg(tree.node_red_entry())
        .arg("--version")
        .env_clear()
        .env("HOME", home)
        .output()
        .expect("node starts");
    let text = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(
        text.contains(&format!("Node-RED v{}", tree.node_red_version())),
        "{answer:?}"
    );
    assert!(
        text.contains(&format!("Node.js v{}", tree.node_version())),
        "{answer:?}"
    );

    // Its native module is for this machine.
    let script = "const b = require('@node-rs/bcrypt'); \
                  if (!b.verifySync('x', b.hashSync('x', 4))) process.exit(1)";
    let native = Command::new(tree.node_binary())
        .args(["-e", script])
        .current_dir(tree.modules_dir().join("node-red"))
        .env_clear()
        .status()
        .expect("node starts");
    assert!(native.success());
}
