//! A plugin's script deploys flows with the session of whoever has the editor open.

use serde_json::json;
use testkit::Redkeep;

use crate::package::{in_the_editor, page_script};

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_can_only_propose_and_in_its_victims_name() {
    let redkeep = Redkeep::up().await;
    // The worst case: the one who has the editor open may do everything.
    let ada = redkeep.person("ada", "administrator").await;
    let author = redkeep.author().await;
    let before = redkeep.running(&author).await;
    let editor = in_the_editor(&redkeep, &ada).await;
    editor
        .run(&page_script("node-red-contrib-deployer", "deployer.html"))
        .await;
    let answers = editor
        .run_async("return await window.attack_deploy()", vec![])
        .await;
    assert_eq!(
        answers[0],
        json!(202),
        "it is queued like every deploy: {answers}"
    );
    assert_eq!(answers[4], json!(403), "packages are held: {answers}");
    assert_eq!(redkeep.running(&author).await, before, "it was applied");
    let open: Vec<_> = redkeep.deployments().await;
    let open: Vec<_> = open.iter().filter(|it| it["is_open"] == true).collect();
    assert!(
        (1..=10).contains(&open.len()),
        "a person's proposals are bounded: {open:?}"
    );
    for proposal in open {
        assert_eq!(proposal["origin"], "editor");
        assert_eq!(
            proposal["proposer"]["name"], "ada",
            "it must be known whose session it was"
        );
    }
    redkeep
        .recorded("deployment-queued", |it| {
            it["event"]["actor"]["name"] == "ada"
        })
        .await;
    redkeep
        .recorded("proposal-refused", |it| {
            it["event"]["subject"] == "POST /nodes"
        })
        .await;
    editor.close().await;
}
