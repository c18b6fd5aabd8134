//! Low-risk changes of a kind on one page, approved together.

use model::{access::Role, id::DeploymentId};

use crate::http::Console;

const FLOWS: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"a","type":"debug","z":"t","name":"first","x":100,"y":80,"wires":[]},{"id":"b","type":"debug","z":"t","name":"second","x":100,"y":120,"wires":[]},{"id":"e","type":"exec","z":"t","name":"command","command":"reboot","x":300,"y":80,"wires":[[],[],[]]}]"#;

#[tokio::test]
async fn what_was_shown_is_approved_and_what_weighs_more_is_left() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    console.house.propose("ed", FLOWS).await;
    let show = console.get(&rita, "/deployments/1").await.expect(200);
    let path = "/deployments/1/together/added";
    assert!(show.text.contains(path) && show.text.contains("2 added nodes"));
    let page = console.get(&rita, path).await.expect(200);
    assert!(page.text.contains("first") && page.text.contains("second"));
    assert!(!page.text.contains("reboot"), "{}", page.text);
    let shown = page.field("shown");
    let fields = |names: &[&'static str]| {
        let mut fields = vec![("shown", shown.as_str())];
        fields.extend(names.iter().map(|name| ("change", *name)));
        fields
    };
    let heavy = fields(&["added:a", "added:e"]);
    let refused = console.post(&rita, path, &heavy).await.expect(409);
    assert!(
        refused.text.contains("decide it by itself"),
        "{}",
        refused.text
    );
    let light = fields(&["added:a", "added:b"]);
    let done = console.post(&rita, path, &light).await.expect(303);
    assert!(done.header("location").contains("/steps/"));
    let decided = console
        .house
        .store
        .decisions(DeploymentId(1))
        .await
        .unwrap();
    assert_eq!(decided.len(), 2);
    let confirm = console
        .get(&rita, "/deployments/1/confirm")
        .await
        .expect(200);
    assert!(
        confirm.text.contains("must be decided one by one"),
        "{}",
        confirm.text
    );
}
