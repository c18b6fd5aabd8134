//! `redkeep check gate`: an installation as it is looked at from the outside.

use serde_json::{Value, json};
use testkit::{Redkeep, verbs::Ended};

/// What it says in JSON, and how it ended.
async fn checked(redkeep: &Redkeep) -> Ended {
    redkeep.cli(&["check", "gate"]).await
}

fn told(ended: &Ended, level: &str, about: &str) -> Vec<String> {
    let found = ended.json();
    let points = found["points"].as_array().unwrap().iter();
    points
        .filter(|it| it["level"] == level && it["about"] == about)
        .map(|it| {
            let way = &it["way"];
            assert!(level != "mend" || way.is_string(), "no way out: {it}");
            it["text"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[track_caller]
fn says(texts: &[String], words: &[&str]) {
    for word in words {
        let is_said = texts.iter().any(|text| text.contains(word));
        assert!(is_said, "{word:?} is not said: {texts:#?}");
    }
}

fn to_mend(ended: &Ended) -> Value {
    ended.json()["to_mend"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_outside_can_see_is_told_and_what_to_mend() {
    let redkeep = Redkeep::up().await;
    a_clean_installation_has_nothing_to_mend(&redkeep).await;
    a_stray_node_red_is_named(&redkeep).await;
    what_is_open_without_a_login_is_named(&redkeep).await;
    a_login_with_a_password_alone_is_named(&redkeep).await;
    let data = redkeep.stop().await;
    let ended = testkit::verbs::cli(&data.path(), &["check", "gate"], None).await;
    assert_eq!(ended.json()["is_running"], false);
    says(
        &told(&ended, "look", "doors"),
        &["Redkeep is not running", "nothing listens on port 8443"],
    );
    says(
        &told(&ended, "mend", "logins"),
        &["a password alone lets in: bob"],
    );
    let config = data.path().join("redkeep.toml");
    std::fs::write(&config, "[login]\npasskey_required = [\"reviever\"]\n").unwrap();
    let ended = testkit::verbs::cli(&data.path(), &["check", "gate"], None).await;
    says(
        &told(&ended, "mend", "logins"),
        &["a role that there is none of: reviever"],
    );
}

async fn a_clean_installation_has_nothing_to_mend(redkeep: &Redkeep) {
    let ended = checked(redkeep).await;
    assert_eq!(
        (ended.code, to_mend(&ended)),
        (Some(0), json!(0)),
        "{ended:?}"
    );
    let port = |origin: &str| origin.rsplit(':').next().unwrap().to_owned();
    says(
        &told(&ended, "good", "doors"),
        &[
            &format!(
                "gate of main: 127.0.0.1:{} can be reached from this machine",
                port(redkeep.editor())
            ),
            &format!(
                "console: 127.0.0.1:{} can be reached from this machine",
                port(redkeep.console())
            ),
        ],
    );
    // As a handshake with the doors showed it: the file holds the leaf's key and is nobody's to read.
    says(
        &told(&ended, "good", "certificates"),
        &["keep.localhost", "is good until 20"],
    );
    says(
        &told(&ended, "look", "certificates"),
        &["Redkeep's own authority"],
    );
    says(
        &told(&ended, "good", "listeners"),
        &["no Node-RED listens past the gate"],
    );
    says(
        &told(&ended, "good", "paths"),
        &["every address asks for a login"],
    );
    says(&told(&ended, "look", "logins"), &["nobody can log in yet"]);
    let plain = redkeep.plainly(&["check", "gate"]).await.ok().stdout;
    assert!(plain.contains("Nothing to mend."), "{plain}");
}

async fn a_stray_node_red_is_named(redkeep: &Redkeep) {
    let stray = std::net::TcpListener::bind("127.0.0.1:1880").unwrap();
    let ended = checked(redkeep).await;
    assert_eq!(
        (ended.code, to_mend(&ended)),
        (Some(1), json!(1)),
        "{ended:?}"
    );
    says(
        &told(&ended, "mend", "listeners"),
        &["127.0.0.1:1880", "Node-RED"],
    );
    drop(stray);
    assert_eq!(to_mend(&checked(redkeep).await), 0);
}

async fn what_is_open_without_a_login_is_named(redkeep: &Redkeep) {
    let rules = json!({ "rules": [
        { "areas": ["endpoints"], "paths": ["/hook"], "who": "public" },
        { "areas": ["console"], "from": ["127.0.0.0/8"], "who": "login" },
    ]});
    let rules = rules.to_string();
    let set = redkeep.verb(&["access", "set", "-"], Some(&rules)).await;
    set.ok();
    let ended = checked(redkeep).await;
    assert_eq!(to_mend(&ended), 0, "{ended:?}");
    let open = told(&ended, "look", "paths");
    says(&open, &["/hook", "from anywhere", "access rule 1"]);
    assert_eq!(open.len(), 1, "{open:?}");
}

async fn a_login_with_a_password_alone_is_named(redkeep: &Redkeep) {
    let add = [
        "user",
        "add",
        "bob",
        "--role",
        "viewer",
        "--password-stdin",
        "--no-second-factor",
    ];
    redkeep.verb(&add, Some("tram oyster dial\n")).await.ok();
    let ended = checked(redkeep).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    says(
        &told(&ended, "mend", "logins"),
        &["a password alone lets in: bob"],
    );
    let plain = redkeep.plainly(&["check", "gate"]).await.stdout;
    assert!(plain.contains("1 thing to mend."), "{plain}");
}
