//! A deployment in a file: written by the running house, checked by whoever has it.

use testkit::{Options, Redkeep, flows};

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_deployment_is_checked_from_the_command_line() {
    let redkeep = Redkeep::start(Options::default()).await;
    let author = redkeep.author().await;
    let id = redkeep
        .run_flows(&author, &flows::greeting("/hello", "one"))
        .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.json");
    let file = file.to_str().unwrap();
    let (id, status) = (id.to_string(), redkeep.cli(&["status"]).await.ok().json());
    let key = status["export_key"].as_str().unwrap();
    redkeep
        .cli(&["deployments", "export", &id, "--out", file])
        .await
        .ok();
    let again = redkeep
        .cli(&["deployments", "export", &id, "--out", file])
        .await;
    assert_ne!(again.code, Some(0), "a file was written over");

    let verified = redkeep
        .cli(&["verify", file, "--key", key])
        .await
        .ok()
        .json();
    assert_eq!(
        verified["statement"]["deployment"]["state"], "applied",
        "{verified}"
    );
    assert!(
        verified["statement"]["proposed_flows"]
            .as_str()
            .unwrap()
            .contains("/hello")
    );

    let text = std::fs::read_to_string(file).unwrap();
    let at = text.find("\"payload\": \"").unwrap() + 200;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    std::fs::write(file, format!("{}{other}{}", &text[..at], &text[at + 1..])).unwrap();
    assert_eq!(redkeep.cli(&["verify", file]).await.code, Some(5));
    std::fs::write(file, "[]").unwrap();
    assert_eq!(redkeep.cli(&["verify", file]).await.code, Some(2));
}
