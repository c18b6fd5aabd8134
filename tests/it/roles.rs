//! Roles made here, through both doors.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Redkeep, comms::Comms};

async fn set(redkeep: &Redkeep, name: &str, permissions: &[&str]) {
    let mut arguments = vec!["role", "set", name];
    arguments.extend(permissions);
    redkeep.cli(&arguments).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_changed_under_a_live_editor_and_a_token() {
    let redkeep = Redkeep::up().await;
    redkeep.person("ada", "administrator").await;
    set(
        &redkeep,
        "shift",
        &["read-runtime", "trigger", "read-queue"],
    )
    .await;
    let ann = redkeep.person("ann", "shift").await;
    let editor = ann.at_editor(&redkeep).await;
    let mut comms = Comms::open(&redkeep, &editor).await;
    let token = redkeep.token("ann", &["admin"]).await;
    let queue = redkeep.api_url("/deployments");
    token.get(queue.clone()).await.expect(200);
    // Without `propose` nothing of hers comes into the queue.
    let flows = testkit::flows::greeting("/hello", "x");
    redkeep
        .post_flows(&editor, &flows, "full")
        .await
        .expect(403);

    set(&redkeep, "shift", &["read-runtime", "propose"]).await;
    let second = Duration::from_secs(1);
    assert!(
        comms.closes_within(second * 5).await,
        "the live socket went on as before"
    );
    token.get(queue).await.expect(403);
    redkeep.propose(&editor, &flows).await;
    let refused = redkeep.cli(&["role", "remove", "shift"]).await;
    assert!(refused.stderr.contains("ann"), "{}", refused.stderr);
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_what_they_do_not_hold() {
    let redkeep = Redkeep::up().await;
    redkeep.person("ada", "administrator").await;
    set(&redkeep, "desk", &["read-runtime", "administer"]).await;
    set(&redkeep, "shift", &["read-runtime", "trigger"]).await;
    redkeep.person("dan", "desk").await;
    redkeep.person("vic", "viewer").await;
    let dan = redkeep.token("dan", &["admin"]).await;
    let users = redkeep.cli(&["user", "list"]).await.ok().json();
    let id = |name: &str| {
        let all = users["users"].as_array().unwrap().iter();
        let found = all.clone().find(|it| it["name"] == name).unwrap();
        found["id"].as_i64().unwrap()
    };
    let (ada, vic, own) = (id("ada"), id("vic"), id("dan"));
    let url = |path: String| redkeep.api_url(&path);
    let refused = |answer: testkit::Answer| {
        let said: Value = answer.expect(403).json();
        assert_eq!(said["error"]["code"], "not-held", "{said}");
    };
    let put = async |path: String, body: Value| dan.ask("PUT", url(path)).json(&body).send().await;
    for role in ["administrator", "shift", "editor"] {
        refused(put(format!("/users/{vic}/role"), json!({ "role": role })).await);
        refused(put(format!("/users/{own}/role"), json!({ "role": role })).await);
        refused(
            dan.post(url("/enrolments".to_owned()), &json!({ "role": role }))
                .await,
        );
    }
    refused(
        put(
            "/roles/more".to_owned(),
            json!({ "permissions": ["apply"] }),
        )
        .await,
    );
    refused(
        dan.post(url(format!("/users/{ada}/reset")), &json!({}))
            .await,
    );
    let token = json!({ "user": "ada", "scopes": ["admin"], "label": "x", "days": 1 });
    refused(dan.post(url("/tokens".to_owned()), &token).await);
    // What he holds he may give.
    put(
        "/roles/less".to_owned(),
        json!({ "permissions": ["read-runtime"] }),
    )
    .await
    .expect(200);
    let enrol = json!({ "role": "less" });
    dan.post(url("/enrolments".to_owned()), &enrol)
        .await
        .expect(200);
    redkeep.assert_record_whole().await;
}
