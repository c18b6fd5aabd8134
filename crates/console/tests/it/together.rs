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

/// The changes a page's form for several carries.
fn carried(page: &str) -> Vec<&str> {
    let form = page.split("class=\"decide bulk\"").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    let values = form.split("name=\"change\" value=\"").skip(1);
    values.map(|it| it.split('"').next().unwrap()).collect()
}

#[tokio::test]
async fn a_refused_form_for_several_comes_back_with_the_same_ones() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    let mut flows = vec![serde_json::json!({"id": "t", "type": "tab", "label": "Tab"})];
    flows.extend((0..120).map(|n| {
        serde_json::json!({"id": format!("n{n}"), "type": "debug", "z": "t", "x": 100, "y": 40 * n, "wires": []})
    }));
    let flows = serde_json::Value::from(flows).to_string();
    console.house.propose("ed", &flows).await;
    let mut path = String::new();
    for step in 1..10 {
        path = format!("/deployments/1/steps/{step}");
        let page = console.get(&rita, &path).await.expect(200);
        if page.text.contains("class=\"decide bulk\"") {
            break;
        }
    }
    let asked = format!("{path}?from=50");
    let page = console.get(&rita, &asked).await.expect(200);
    let there = carried(&page.text);
    assert!(there.len() > 10, "{there:?}");
    let (shown, from) = (page.field("shown"), page.field("from"));
    let mut fields = vec![
        ("shown", shown.as_str()),
        ("from", from.as_str()),
        ("together", "yes"),
        ("verdict", "reject"),
        ("comment", ""),
    ];
    fields.extend(there.iter().map(|change| ("change", *change)));
    let back = console.post(&rita, &path, &fields).await.expect(422);
    assert_eq!(carried(&back.text), there);
    // What is too long is refused before anything else is looked at.
    let long = "x".repeat(4_001);
    let fields = [
        ("shown", shown.as_str()),
        ("together", "yes"),
        ("verdict", "reject"),
        ("comment", long.as_str()),
        ("change", "added:nothing"),
    ];
    let back = console.post(&rita, &path, &fields).await.expect(422);
    assert!(back.text.contains("4000") || back.text.contains("4,000"));
    assert!(back.text.contains(&long), "what was typed comes back");
}
