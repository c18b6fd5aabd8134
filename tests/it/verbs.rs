//! The command line as a person reads it: without `--json`, every verb says what it found.

use std::process::Stdio;

use serde_json::json;
use testkit::{Redkeep, flows, html};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::test(flavor = "multi_thread")]
async fn every_verb_says_what_it_found() {
    let redkeep = Redkeep::up().await;
    the_line_of_up_tells_the_versions(&redkeep);
    let author = redkeep.author().await;
    status_tells_what_runs(&redkeep).await;
    a_deployment_is_shown_whole(&redkeep, &author).await;
    people_and_tokens(&redkeep).await;
    the_record(&redkeep).await;
    the_certificate(&redkeep).await;
    the_api_describes_itself(&redkeep).await;
    the_log_is_followed(&redkeep, &author).await;
    let data = redkeep.stop().await;
    let ended = testkit::verbs::cli(&data.path(), &["status"], None).await;
    assert_eq!(ended.code, Some(3), "documented: not running: {ended:?}");
}

/// What a verb prints for people.
async fn plain(redkeep: &Redkeep, arguments: &[&str]) -> String {
    redkeep.plainly(arguments).await.ok().stdout
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not said:\n{text}");
    }
}

fn the_line_of_up_tells_the_versions(redkeep: &Redkeep) {
    let instance = &redkeep.ready["instances"][0];
    assert_eq!(redkeep.ready["version"], env!("CARGO_PKG_VERSION"));
    assert!(
        instance["node_red"].as_str().unwrap().starts_with("5."),
        "{instance}"
    );
    assert!(
        instance["node"].as_str().unwrap().starts_with("24."),
        "{instance}"
    );
    assert_eq!(instance["status"]["phase"], "ready");
}

async fn status_tells_what_runs(redkeep: &Redkeep) {
    let text = plain(redkeep, &["status"]).await;
    let version = redkeep.ready["instances"][0]["node_red"].as_str().unwrap();
    says(
        &text,
        &[
            &format!("console  {}", redkeep.console()),
            &format!("editor  {}", redkeep.editor()),
            &format!("main  Node-RED {version}"),
            ": ready since 20",
            "landlock",
            "seccomp",
            "waiting for review: 0",
        ],
    );
}

async fn a_deployment_is_shown_whole(redkeep: &Redkeep, author: &testkit::Client) {
    let mut proposed = flows::greeting("/hello", "one");
    let all = proposed.as_array_mut().unwrap();
    all.push(
        json!({"id": "req", "type": "http request", "z": "t1", "name": "pump room",
        "url": "http://pump.example/start", "method": "GET", "x": 1, "y": 2, "wires": [["g-f"]],
        "credentials": {"user": "operator", "password": "hidden-from-everybody"}}),
    );
    let id = redkeep.propose(author, &proposed).await.to_string();
    let text = plain(redkeep, &["deployments", "show", &id]).await;
    let hash = redkeep.deployment(id.parse().unwrap()).await["shown"].clone();
    says(
        &text,
        &[
            hash.as_str().unwrap(),
            "who       author through the admin API (by token from 127.0.0.1)",
            "added pump room (http request, node)",
            "url: + http://pump.example/start",
            "+ wire pump room, output 1 → ",
            "credential password: set",
            "warning  ",
            "What is left",
            "pump.example",
        ],
    );
    assert!(!text.contains("hidden-from-everybody"), "{text}");
    // Every change of it.
    let changes = redkeep.deployment(id.parse().unwrap()).await["diff"]["changes"].clone();
    for change in changes.as_array().unwrap() {
        says(&text, &[change["label"].as_str().unwrap()]);
    }
    says(
        &plain(redkeep, &["deployments", "list"]).await,
        &["pending", "author", "api"],
    );
    says(
        &plain(redkeep, &["status"]).await,
        &["waiting for review: 1"],
    );
    let text = plain(
        redkeep,
        &["deployments", "reject", &id, "--reason", "not today"],
    )
    .await;
    says(&text, &["is rejected", "not today"]);
    let late = redkeep.cli(&["deployments", "rehearse", &id]).await;
    assert_eq!(late.code, Some(4), "{}", late.stderr);
    says(&late.stderr, &["only what waits"]);
    says(
        &plain(redkeep, &["deployments", "list"]).await,
        &["Nothing waits"],
    );
    says(
        &plain(redkeep, &["deployments", "rollback"]).await,
        &["HASH", "now"],
    );
}

async fn people_and_tokens(redkeep: &Redkeep) {
    let text = plain(redkeep, &["user", "add", "nora", "--role", "reviewer"]).await;
    let link = text.lines().find(|line| line.starts_with("https://"));
    let link = link.unwrap_or_else(|| panic!("no enrolment link: {text}"));
    let page = redkeep.client().get(link).await.expect(200).text();
    assert!(
        page.contains("nora") && html::field(&page, "token").is_some(),
        "{page}"
    );
    says(
        &plain(redkeep, &["user", "list"]).await,
        &["author", "editor"],
    );
    says(
        &plain(redkeep, &["token", "list"]).await,
        &["author", "propose", "202"],
    );
}

async fn the_record(redkeep: &Redkeep) {
    let text = plain(redkeep, &["audit", "list", "-n", "500"]).await;
    says(
        &text,
        &[
            "deployment-queued",
            "deployment 1",
            "author",
            "local-administrator",
        ],
    );
    says(
        &plain(redkeep, &["audit", "verify"]).await,
        &["entries, all in place"],
    );
    // From where: the address stands beside the name.
    let queued = redkeep.recorded("deployment-queued", |_| true).await;
    assert_eq!(queued["event"]["actor"]["address"], "127.0.0.1", "{queued}");
}

async fn the_certificate(redkeep: &Redkeep) {
    let file = std::fs::read_to_string(redkeep.ready["ca_file"].as_str().unwrap()).unwrap();
    assert_eq!(plain(redkeep, &["ca", "show"]).await.trim(), file.trim());
    let json = redkeep.cli(&["ca", "show"]).await.ok().json();
    assert_eq!(json["pem"].as_str().map(str::trim), Some(file.trim()));
}

async fn the_api_describes_itself(redkeep: &Redkeep) {
    let asked = redkeep.client().get(redkeep.api_url("/openapi.json")).await;
    let described = asked.expect(200).json();
    assert!(
        described["openapi"].as_str().unwrap().starts_with("3."),
        "{described}"
    );
    assert!(described["paths"].as_object().unwrap().len() > 20);
}

async fn the_log_is_followed(redkeep: &Redkeep, author: &testkit::Client) {
    let mut follow = tokio::process::Command::from(redkeep.command(&["logs", "-f"]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert!(
        first.starts_with("20"),
        "a line begins with its time: {first}"
    );
    // What is said from now on comes by itself.
    let body = "node.warn('the pump coughs ' + (40 + 2)); msg.payload = 'x'; return msg;";
    let mut said = vec![flows::tab("t1", "Log")];
    said.extend(flows::endpoint("g", "t1", "/say", body));
    redkeep.run_flows(author, &json!(said)).await;
    redkeep.endpoint(author, "/say").await;
    let coughed = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("it goes on");
            if line.contains("the pump coughs 42") {
                return line;
            }
        }
    };
    let line = tokio::time::timeout(testkit::wait::PATIENCE, coughed)
        .await
        .unwrap();
    assert!(line.contains("Z warn "), "time and level: {line}");
    follow.kill().await.unwrap();
}
