//! Threads, versions and several reviewers, as the pages and the API show them.

use axum::http::Method;
use model::access::Role;
use serde_json::json;

use crate::{
    house::ORIGIN,
    http::{Ask, Console},
};

const ONE: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"a","type":"debug","z":"t","name":"first","x":100,"y":80,"wires":[]},{"id":"b","type":"debug","z":"t","name":"second","x":100,"y":120,"wires":[]}]"#;

#[tokio::test]
async fn a_question_is_asked_and_answered_on_the_step() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    let ed = console.person("ed", Role::Editor).await;
    let olaf = console.person("olaf", Role::Editor).await;
    console.house.propose("ed", ONE).await;
    let path = "/deployments/1/comments";
    let fields = |text: &'static str| [("change", "added:a"), ("step", "2"), ("text", text)];
    let asked = console.post(&rita, path, &fields("Why <b>this</b>?")).await;
    assert_eq!(
        asked.expect(303).header("location"),
        "/deployments/1/steps/2"
    );
    console
        .post(&ed, path, &fields("For the pump."))
        .await
        .expect(303);
    console
        .post(&olaf, path, &fields("Me too"))
        .await
        .expect(403);
    let empty = console.post(&rita, path, &fields(" ")).await.expect(422);
    assert!(empty.text.contains("say-error-"), "{}", empty.text);
    let long = "long ".repeat(2_000);
    for (fields, is_on_its_page) in [
        (vec![("text", long.as_str())], "id=\"say-error\""),
        (
            vec![("change", "added:a"), ("step", "2"), ("text", &long)],
            "id=\"say-error-",
        ),
    ] {
        let refused = console.post(&rita, path, &fields).await.expect(422);
        assert!(refused.text.contains(is_on_its_page), "{}", refused.text);
        assert!(
            refused.text.contains(long.trim_end()),
            "what was typed is lost"
        );
    }
    let step = console
        .get(&rita, "/deployments/1/steps/2")
        .await
        .expect(200);
    assert!(
        step.text.contains("Why &#60;b&#62;this&#60;/b&#62;?"),
        "{}",
        step.text
    );
    assert!(step.text.contains("For the pump.") && step.text.contains("proposer"));
    let why = [("text", "The pump needs it.")];
    console.post(&ed, path, &why).await.expect(303);
    let show = console.get(&rita, "/deployments/1").await.expect(200);
    let (_, summary) = show.text.split_once("<dt>Why</dt>").unwrap();
    assert!(
        summary
            .split("<dt>")
            .next()
            .unwrap()
            .contains("The pump needs it.")
    );
    let listed = Ask::get("/api/v1/deployments/1/comments").session(&rita);
    let listed = listed.send(&console.router).await.expect(200).json();
    assert_eq!(listed["comments"].as_array().unwrap().len(), 3);
    let by_api = Ask::new(Method::POST, "/api/v1/deployments/1/comments")
        .session(&rita)
        .with("origin", ORIGIN)
        .json(&json!({ "text": "Seen.", "change": "added:b" }))
        .send(&console.router)
        .await;
    assert_eq!(by_api.expect(200).json()["text"], "Seen.");
}

#[tokio::test]
async fn a_new_version_says_what_is_new_and_what_was_decided_before() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    console.house.propose("ed", ONE).await;
    let page = console.get(&rita, "/deployments/1").await.expect(200);
    let shown = page.text.split_once("applied as</dt><dd><code>").unwrap().1;
    let shown = shown.split('<').next().unwrap().to_owned();
    let fields = [
        ("shown", shown.as_str()),
        ("change", "added:a"),
        ("verdict", "approve"),
    ];
    console
        .post(&rita, "/deployments/1/steps/2", &fields)
        .await
        .expect(303);
    console
        .house
        .propose("ed", &ONE.replace("second", "other"))
        .await;
    let show = console.get(&rita, "/deployments/2").await.expect(200);
    assert!(
        show.text.contains("of the same proposal, after"),
        "{}",
        show.text
    );
    let step = console
        .get(&rita, "/deployments/2/steps/2")
        .await
        .expect(200);
    assert!(step.text.contains("decided on version 1"), "{}", step.text);
    assert!(step.text.contains("New in this version"));
}

#[tokio::test]
async fn a_reviewer_sees_the_others_and_is_told_when_overtaken() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    let rob = console.person("rob", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    console.house.propose("ed", ONE).await;
    let path = "/deployments/1/steps/2";
    let shown = console.get(&rob, path).await.expect(200).field("shown");
    let fields = |verdict: &'static str, seen: &str| {
        vec![
            ("shown", shown.clone()),
            ("change", "added:a".to_owned()),
            ("verdict", verdict.to_owned()),
            ("comment", "because".to_owned()),
            ("seen", seen.to_owned()),
        ]
    };
    let post = async |session: &str, fields: Vec<(&'static str, String)>| {
        let fields: Vec<_> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        console.post(session, path, &fields).await
    };
    post(&rita, fields("reject", "")).await.expect(303);
    let told = post(&rob, fields("approve", "")).await.expect(422);
    assert!(
        told.text.contains("Rita rejected added:a already"),
        "{}",
        told.text
    );
    assert!(told.text.contains("by <b>rita</b>"));
    let (_, rest) = told.text.split_once("name=\"seen\" value=\"").unwrap();
    // What is undecided comes first and has no mark.
    let marks = rest.split("name=\"seen\" value=\"");
    let marks: Vec<_> = marks.map(|it| it.split('"').next().unwrap()).collect();
    let mark = marks
        .into_iter()
        .find(|mark| !mark.is_empty())
        .unwrap()
        .to_owned();
    post(&rob, fields("approve", &mark)).await.expect(303);
    let list = console.get(&rita, "/deployments/1").await.expect(200);
    assert!(list.text.contains(">rob<"), "{}", list.text);
}
