//! What a person typed is not lost, what asks is not lumped, and who comes too many is told so.

use std::sync::mpsc;

use model::{
    access::Role,
    id::DeploymentId,
    instance::{Policy, Together},
    principal::Actor,
};

use crate::http::{Ask, Console};

/// Three debug nodes: the second with a note to be had, the third too long for a page.
fn flows() -> String {
    let long = "let a = 1;\\n".repeat(1_500);
    format!(
        r#"[{{"id":"t","type":"tab","label":"Tab"}},{{"id":"a","type":"debug","z":"t","name":"first","x":100,"y":80,"wires":[]}},{{"id":"b","type":"debug","z":"t","name":"second","x":100,"y":120,"wires":[]}},{{"id":"l","type":"comment","z":"t","name":"long","info":"{long}","x":100,"y":160,"wires":[]}},{{"id":"i","type":"http in","z":"t","name":"door","url":"/x","method":"get","x":1,"y":1,"wires":[[]]}},{{"id":"e","type":"exec","z":"t","name":"command","command":"reboot","x":300,"y":80,"wires":[[],[],[]]}}]"#
    )
}

async fn strict(console: &Console, demands: &[&str]) {
    let policy = Policy {
        together: Together::Notes,
        demands: demands.iter().map(|it| it.parse().unwrap()).collect(),
        ..Policy::default()
    };
    let house = &console.house;
    let set = house.store.set_policy(&house.main, &policy, &Actor::System);
    set.await.unwrap();
}

#[tokio::test]
async fn too_many_at_once_are_told_to_come_again() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    console.house.propose("ed", &flows()).await;
    console.get(&rita, "/deployments/1").await.expect(200);
    // Every place at the desk is taken, and the line is as long as it gets.
    let desk = console.house.room.desk().clone();
    let mut busy = Vec::new();
    let mut ends = Vec::new();
    for _ in 0..desk.places() {
        let (end, wait) = mpsc::channel::<()>();
        let turn = desk.turn().await.unwrap();
        busy.push(tokio::spawn(turn.work(move || wait.recv().is_ok())));
        ends.push(end);
    }
    let mut line = Vec::new();
    for _ in 0..64 {
        let desk = desk.clone();
        line.push(tokio::spawn(async move { desk.work(|| ()).await }));
    }
    while desk.waiting() < 64 {
        tokio::task::yield_now().await;
    }
    let refused = console.get(&rita, "/deployments/1").await;
    let step = console.get(&rita, "/deployments/1/steps/1").await;
    let picture = console
        .get(&rita, "/api/v1/deployments/1/picture.svg")
        .await;
    for end in ends {
        end.send(()).unwrap();
    }
    for answer in [&refused, &step, &picture] {
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert!(refused.text.contains("try again in a few seconds"));
    for work in busy {
        work.await.unwrap().unwrap();
    }
    for work in line {
        work.await.unwrap().unwrap();
    }
    console.get(&rita, "/deployments/1").await.expect(200);
}

#[tokio::test]
async fn what_policy_asks_and_what_is_too_long_is_not_offered_together() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    console.house.propose("ed", &flows()).await;
    strict(&console, &["exec-command: reason"]).await;
    let path = "/deployments/1/together/added";
    let page = console.get(&rita, path).await.expect(200);
    let form = page.text.split("<form").last().unwrap();
    assert!(form.contains("added:a") && form.contains("added:b"));
    assert!(!form.contains("added:e"), "it asks for a reason");
    assert!(!form.contains("added:l"), "it was not shown whole");
    assert!(page.text.contains("too long to be shown whole"));
    assert!(page.text.len() < 200_000, "{}", page.text.len());
    let rest = [
        ("shown", page.field("shown")),
        ("do", "approve-rest".into()),
    ];
    let rest = rest.iter().map(|(key, value)| (*key, value.as_str()));
    let rest: Vec<_> = rest.chain([("looked", "yes")]).collect();
    console
        .post(&rita, "/deployments/1/confirm", &rest)
        .await
        .expect(303);
    let decisions = console.house.store.decisions(DeploymentId(1)).await;
    let decided = decisions.unwrap();
    assert!(decided.len() >= 2 && decided.iter().all(|it| it.change.0 != "added:e"));
}

#[tokio::test]
async fn a_refused_approval_comes_back_at_its_change_with_what_was_typed() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    console.house.propose("ed", &flows()).await;
    strict(&console, &["exec-command: role administrator"]).await;
    let review = console.get(&rita, "/api/v1/deployments/1").await.json();
    let steps = review["steps"].as_array().unwrap();
    let holds = |step: &&serde_json::Value| step["changes"].to_string().contains("added:e");
    let number = steps.iter().find(holds).unwrap()["number"].clone();
    let path = format!("/deployments/1/steps/{number}");
    let shown = review["shown"].as_str().unwrap().to_owned();
    let long = "x".repeat(4_001);
    for (comment, why) in [
        ("It is needed at night.", "administrator"),
        (long.as_str(), "at most 4000 characters"),
    ] {
        let fields = [
            ("shown", shown.as_str()),
            ("change", "added:e"),
            ("verdict", "approve"),
            ("comment", comment),
        ];
        let page = console.post(&rita, &path, &fields).await.expect(422);
        let article = page
            .text
            .split("<article")
            .find(|it| it.contains(r#"id="added:e""#));
        let article = article.unwrap();
        assert!(article.contains(why), "{article}");
        assert!(article.contains(comment), "what was typed stays");
    }
    let reject = [("shown", shown.as_str()), ("reason", long.as_str())];
    let page = console
        .post(&rita, "/deployments/1/reject", &reject)
        .await
        .expect(422);
    assert!(page.text.contains(&long) && page.text.contains("at most 4000"));
    strict(&console, &["exec-command: refuse"]).await;
    let fields = |reason| {
        [
            ("shown", shown.as_str()),
            ("reason", reason),
            ("name", "main"),
        ]
    };
    let now = "/deployments/1/emergency";
    let page = console.post(&rita, now, &fields("pump stuck")).await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("pump stuck") && page.text.contains("command"));
    let page = console.post(&rita, now, &fields(&long)).await.expect(422);
    assert!(page.text.contains(&long));
}

#[tokio::test]
async fn findings_beyond_a_page_are_counted_and_linked() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    let nodes = (0..200).map(|n| {
        format!(
            r#",{{"id":"e{n}","type":"http in","z":"t","name":"d{n}","url":"/way/{n}","method":"get","x":1,"y":1,"wires":[[]]}},{{"id":"x{n}","type":"exec","z":"t","name":"c{n}","command":"run {n}","x":1,"y":1,"wires":[]}}"#
        )
    });
    let flows = format!(
        r#"[{{"id":"t","type":"tab","label":"T"}}{}]"#,
        nodes.collect::<String>()
    );
    console.house.propose("ed", &flows).await;
    let page = console.get(&rita, "/deployments/1").await.expect(200);
    let count = |text: &str| text.matches(r#"<li class="finding">"#).count();
    assert_eq!(count(&page.text), 60);
    let mut seen = count(&page.text);
    let mut text = page.text;
    while let Some((_, link)) = text
        .split_once("More to know")
        .and_then(|(before, _)| before.rsplit_once("href=\""))
    {
        let path = link.split('#').next().unwrap().to_owned();
        let next = console.get(&rita, &format!("/deployments/1{path}")).await;
        text = next.expect(200).text;
        seen += count(&text);
    }
    assert!(seen > 60 && !text.contains("More to know"), "{seen}");
}

#[tokio::test]
async fn ones_own_password_is_changed_by_the_api_only_with_the_present_one() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let ed = console.house.user("ed", Role::Editor).await;
    let own = console.house.caller("ada").await.principal.user;
    let new = "nine blue boats at sea";
    let put = async |user: model::id::UserId, body: serde_json::Value| {
        let path = format!("/api/v1/users/{}/password", user.0);
        Ask::new(http::Method::PUT, &path)
            .session(&ada)
            .with("origin", crate::house::ORIGIN)
            .json(&body)
            .send(&console.router)
            .await
    };
    put(own, serde_json::json!({ "password": new }))
        .await
        .expect(422);
    let wrong = serde_json::json!({ "password": new, "present": "not my password" });
    put(own, wrong).await.expect(403);
    put(ed, serde_json::json!({ "password": new }))
        .await
        .expect(204);
    console.clock.advance(120);
    let right = serde_json::json!({ "password": new, "present": crate::house::PASSWORD });
    put(own, right).await.expect(204);
}
