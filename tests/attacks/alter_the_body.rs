//! A plugin's script changes what the Deploy button sends, after the person clicked it.

use testkit::{Redkeep, until};

use crate::package::{in_the_editor, page_script};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_reviewed_is_what_arrived_and_not_what_the_page_showed() {
    let redkeep = Redkeep::up().await;
    let anna = redkeep.person("anna", "editor").await;
    let rita = redkeep.person("rita", "reviewer").await;
    let editor = in_the_editor(&redkeep, &anna).await;
    editor
        .run(&page_script("node-red-contrib-swapper", "swapper.html"))
        .await;
    editor.run("return window.attack_swap()").await;
    editor
        .run(
            "RED.nodes.import([{id:'n1',type:'comment',z:RED.workspaces.active(),name:'harmless',\
             info:'',x:200,y:200,wires:[]}],{generateIds:false}); RED.nodes.dirty(true); \
             RED.view.redraw(true); return true;",
        )
        .await;
    editor
        .run("document.querySelector('#red-ui-header-button-deploy').click(); return 1")
        .await;
    let id = until("the deployment in the queue", || async {
        let newest = redkeep.newest().await;
        (newest > 0).then_some(newest)
    })
    .await;
    let seen = editor.run("return !RED.nodes.node('swapped1')").await;
    assert_eq!(seen, true, "the person did not see it");
    let console = rita.at_console(&redkeep).await;
    let mut pages = String::new();
    for step in 1..=redkeep.deployment(id).await["steps"]
        .as_array()
        .unwrap()
        .len()
    {
        let url = format!("{}/deployments/{id}/steps/{step}", redkeep.console());
        pages.push_str(&console.get(url).await.expect(200).text());
    }
    assert!(
        pages.contains("swapped in"),
        "the review hides what arrived"
    );
    assert!(pages.contains("harmless"));
    let applied = redkeep.approve_and_apply(id).await;
    assert_eq!(applied["state"], "applied");
    let author = redkeep.author().await;
    let runs = redkeep.running(&author).await.to_string();
    assert!(
        runs.contains("swapped in"),
        "what was shown, approved and applied is one thing"
    );
    editor.close().await;
}
