//! Every baseline as a commit: cloned through the gate by Git itself.

use std::process::Output;

use testkit::{Client, Options, Redkeep, flows};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn git_clones_what_ran_through_the_gate() {
    let redkeep = Redkeep::start(Options::default()).await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "one"))
        .await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "two"))
        .await;
    let reader = redkeep.person("rita", "auditor").await;
    let reader = redkeep.token(&reader.name, &["read"]).await;

    // The history follows the ledger; nobody waits for it but this test.
    let (subjects, cloned) = testkit::wait::until("both deployments in the history", async || {
        let clone = tempfile::tempdir().expect("a folder");
        let cloned = clone_into(&redkeep, &reader, clone.path()).await;
        if !cloned.status.success() {
            return None;
        }
        let subjects = in_clone(clone.path(), &["log", "--format=%s by %an"]).await;
        let flows = in_clone(clone.path(), &["show", "HEAD:flows.json"]).await;
        (subjects.lines().count() == 3).then_some((subjects, flows))
    })
    .await;
    assert!(
        subjects.lines().all(|line| line.contains(" by ")),
        "{subjects}"
    );
    assert!(subjects.contains("Deployment 2: "), "{subjects}");
    let runs = &flows::greeting("/hello", "two");
    let told: serde_json::Value = serde_json::from_str(&cloned).unwrap();
    assert_eq!(&told, runs);

    let viewer = redkeep.person("vera", "viewer").await;
    let viewer = redkeep.token(&viewer.name, &["read"]).await;
    let folder = tempfile::tempdir().expect("a folder");
    let refused = clone_into(&redkeep, &viewer, folder.path()).await;
    assert!(!refused.status.success(), "a viewer read the history");

    let head = redkeep.gate_url("/.redkeep/history.git/HEAD");
    let nobody = redkeep.client();
    assert_eq!(nobody.get(&head).await.status, 401);
    for hidden in [
        "config",
        "redkeep-written",
        "refs/heads/main",
        "objects/../config",
    ] {
        let url = redkeep.gate_url(&format!("/.redkeep/history.git/{hidden}"));
        let status = reader.get(url).await.status;
        assert!(
            (400..500).contains(&status),
            "{hidden} was answered {status}"
        );
    }
    let pushed = reader
        .ask(
            "POST",
            redkeep.gate_url("/.redkeep/history.git/git-receive-pack"),
        )
        .send()
        .await;
    assert!(
        (400..500).contains(&pushed.status),
        "a push was answered {}",
        pushed.status
    );
}

async fn clone_into(redkeep: &Redkeep, client: &Client, folder: &std::path::Path) -> Output {
    let secret = client.bearer().expect("a token");
    let url = redkeep.gate_url("/.redkeep/history.git");
    let url = url.replacen("https://", &format!("https://any:{secret}@"), 1);
    let mut git = Command::new("git");
    git.env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.env("GIT_SSL_CAINFO", redkeep.ready["ca_file"].as_str().unwrap());
    git.args(["clone", "--quiet", &url])
        .arg(folder.join("clone"));
    git.output()
        .await
        .expect("git is needed for this test: apt-get install git")
}

async fn in_clone(folder: &std::path::Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder.join("clone")).args(arguments);
    let done = git.output().await.expect("git");
    String::from_utf8(done.stdout).expect("text")
}
