//! Users of a Node-RED brought along: a real settings file, hashes as Node-RED makes them.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use testkit::{Person, Redkeep};

/// The modules of the Node-RED this one runs.
fn modules(redkeep: &Redkeep) -> PathBuf {
    let trees = fs::read_dir(redkeep.path().join("trees")).unwrap();
    let mut modules = trees.flatten().map(|it| it.path().join("node_modules"));
    modules.find(|it| it.join("node-red").is_dir()).unwrap()
}

/// What `node-red admin hash-pw` prints: bcryptjs, eight rounds.
fn hash_pw(redkeep: &Redkeep, password: &str) -> String {
    let script = "process.stdout.write(require(process.argv[1]).hashSync(process.argv[2], 8))";
    let library = modules(redkeep).join("bcryptjs");
    let made = Command::new("node")
        .args(["-e", script])
        .arg(library)
        .arg(password)
        .output();
    let made = made.unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    String::from_utf8(made.stdout).unwrap()
}

/// The settings file Node-RED comes with, its `adminAuth` taken out of the comment and filled in.
fn settings(redkeep: &Redkeep, users: &str) -> String {
    let text = fs::read_to_string(modules(redkeep).join("node-red/settings.js")).unwrap();
    let start = text.find("//adminAuth: {").unwrap();
    let end = start + text[start..].find("//},").unwrap();
    let auth = format!("adminAuth: {{ type: \"credentials\", users: [{users}] }},\n    ");
    format!("{}{auth}{}", &text[..start], &text[end + 4..])
}

/// What is kept of a password.
async fn stored(redkeep: &Redkeep, name: &str) -> String {
    let path = redkeep.path().join("redkeep.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut db = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options)
        .await
        .unwrap();
    let found = sqlx::query_scalar("SELECT password FROM users WHERE name = ?").bind(name);
    found.fetch_one(&mut db).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_of_node_red_are_good_until_they_are_changed() {
    let redkeep = Redkeep::up().await;
    redkeep.person("ada", "administrator").await;
    let (ann, mut bo) = (Person::named("ann"), Person::named("bo"));
    "password".clone_into(&mut bo.password);
    let users = format!(
        "{{ username: \"ann\", password: {:?}, permissions: \"*\" }},\n\
         {{ username: \"bo\", password: {:?}, permissions: [\"flows.read\", \"nodes.write\"] }},\n\
         {{ username: \"cy\", password: process.env.CY, permissions: \"*\" }}",
        hash_pw(&redkeep, &ann.password),
        hash_pw(&redkeep, &bo.password),
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.js");
    fs::write(&file, settings(&redkeep, &users)).unwrap();
    let imported = redkeep
        .cli(&["user", "import", file.to_str().unwrap()])
        .await;
    assert_ne!(
        imported.code,
        Some(0),
        "one could not be brought along: {}",
        imported.stdout
    );
    for words in [
        "imported ann as editor",
        "imported bo as viewer, without nodes.write",
        "not imported: cy: its password is worked out by code",
    ] {
        assert!(
            imported.stdout.contains(words),
            "{words}: {}",
            imported.stdout
        );
    }

    assert!(stored(&redkeep, "ann").await.starts_with("$2b$08$"));
    let wrong = Person {
        password: "seven green miles to run".to_owned(),
        ..ann.clone()
    };
    let answer = wrong.sign_in(&redkeep.client(), &redkeep, &[]).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    ann.at_console(&redkeep).await;
    assert!(
        stored(&redkeep, "ann").await.starts_with("$argon2id$"),
        "it was not hashed anew"
    );
    ann.at_console(&redkeep).await;

    // Eight letters are too weak here: good once, to choose another.
    let client = redkeep.client();
    let answer = bo.sign_in(&client, &redkeep, &[]).await;
    assert_eq!(
        answer.header("location"),
        "/account?done=weak",
        "{}",
        answer.text()
    );
    let page = client
        .get(format!("{}/deployments", redkeep.console()))
        .await;
    assert_eq!(page.header("location"), "/account?done=weak");
    let reads: Value = redkeep.cli(&["user", "list"]).await.ok().json();
    let bo = reads["users"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["name"] == "bo");
    assert_eq!(bo.unwrap()["must_change_password"], true);
    redkeep.assert_record_whole().await;
}
