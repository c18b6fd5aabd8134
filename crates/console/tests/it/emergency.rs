//! Applying before review, by its page, and the flag it leaves.

use axum::http::Method;
use model::{
    access::Role,
    deployment::State,
    id::DeploymentId,
    instance::{Emergencies, Policy},
    principal::Actor,
};

use crate::http::{Ask, Console};

const ONE: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"a","type":"inject","z":"t","name":"go","x":100,"y":80,"wires":[[]]}]"#;
const FLAG: &str = "Emergency, not looked at yet";

#[tokio::test]
async fn the_page_says_what_will_happen_and_asks_for_the_name() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    let rob = console.person("rob", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    let id = console.house.propose("ed", ONE).await;
    let show = console.get(&rita, "/deployments/1").await.expect(200);
    assert!(show.text.contains("Apply now as an emergency"));
    let path = "/deployments/1/emergency";
    let page = console.get(&rita, path).await.expect(200);
    assert!(
        page.text.contains("Apply 2 changes to main now"),
        "{}",
        page.text
    );
    let shown = page.field("shown");
    let fields = |reason: &'static str, name: &'static str| {
        [
            ("shown", shown.clone()),
            ("reason", reason.to_owned()),
            ("name", name.to_owned()),
        ]
    };
    for (reason, name, why) in [
        ("", "main", "say why this cannot wait"),
        ("pump stuck", "", "Type main"),
        ("pump stuck", "other", "Type main"),
    ] {
        let fields = fields(reason, name);
        let fields: Vec<_> = fields
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let again = console.post(&rita, path, &fields).await.expect(422);
        assert!(again.text.contains(why), "{}", again.text);
        assert!(again.text.contains(reason), "what was typed stays");
    }
    let state = console.house.store.deployment(id).await.unwrap().state;
    assert!(!matches!(state, State::Applied { .. }));
    let right = fields("pump stuck", "main");
    let right: Vec<_> = right
        .iter()
        .map(|(key, value)| (*key, value.as_str()))
        .collect();
    let done = console.post(&rita, path, &right).await.expect(303);
    assert_eq!(done.header("location"), "/deployments/1?done=emergency");
    for path in ["/deployments", "/history", "/deployments?show=all"] {
        let page = console.get(&rob, path).await.expect(200);
        assert!(page.text.contains(FLAG), "{path}: {}", page.text);
    }
    let home = console.get(&rob, "/").await.expect(200);
    assert!(
        home.text
            .contains("Emergency deployment 1 was applied before review")
    );
    let own = console.get(&rita, "/deployments/1").await.expect(200);
    assert!(!own.text.contains("I have reviewed what was applied"));
    console
        .post(&rita, "/deployments/1/emergency-review", &[])
        .await
        .expect(403);
    console
        .post(&rob, "/deployments/1/emergency-review", &[])
        .await
        .expect(303);
    for path in ["/", "/deployments", "/history"] {
        let page = console.get(&rob, path).await.expect(200);
        assert!(!page.text.contains(FLAG), "{path}");
    }
}

#[tokio::test]
async fn where_the_rules_say_no_nothing_offers_it() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    let ed = console.person("ed", Role::Editor).await;
    console.house.propose("ed", ONE).await;
    let refused = console.get(&ed, "/deployments/1").await.expect(200);
    assert!(!refused.text.contains("as an emergency"));
    console
        .get(&ed, "/deployments/1/emergency")
        .await
        .expect(403);
    let policy = Policy {
        emergencies: Emergencies::Never,
        ..Policy::default()
    };
    let house = &console.house;
    let set = house.store.set_policy(&house.main, &policy, &Actor::System);
    set.await.unwrap();
    let page = console.get(&rita, "/deployments/1").await.expect(200);
    assert!(!page.text.contains("as an emergency"));
    let refused = console
        .get(&rita, "/deployments/1/emergency")
        .await
        .expect(403);
    assert!(
        refused.text.contains("have it reviewed"),
        "{}",
        refused.text
    );
    let shown = house
        .store
        .deployment(DeploymentId(1))
        .await
        .unwrap()
        .proposal
        .hash();
    let shown = shown.to_string();
    let fields = [
        ("shown", shown.as_str()),
        ("reason", "now"),
        ("name", "main"),
    ];
    console
        .post(&rita, "/deployments/1/emergency", &fields)
        .await
        .expect(403);
    let body = serde_json::json!({ "shown": shown, "reason": "now" });
    let session = Ask::new(Method::POST, "/api/v1/deployments/1/emergency-apply");
    let api = session
        .session(&rita)
        .with("origin", crate::house::ORIGIN)
        .json(&body)
        .send(&console.router)
        .await
        .expect(403);
    assert_eq!(api.json()["error"]["code"], "no-emergency");
}
