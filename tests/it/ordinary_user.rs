//! Redkeep as somebody who is not root: everything works, Node-RED is still jailed, and what such a
//! user cannot have is said.

use std::{fs, path::Path};

use serde_json::{Value, json};
use testkit::{Client, DataDir, NodeRed, Options, Redkeep, built, flows, processes::Kernel};

/// "nobody" on every Linux.
const NOBODY: u32 = 65_534;

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_way_without_root() {
    let data = DataDir::with_own_copy(NodeRed::V5).await;
    let options = unprivileged(&data);
    let redkeep = Redkeep::start_with(data.given_to(NOBODY), options).await;
    let own = Kernel::of(redkeep.pid()).uid();
    assert_ne!(own, 0, "this test must not run Redkeep as root");

    redkeep.person("anna", "editor").await;
    redkeep.person("ben", "reviewer").await;
    let anna = redkeep.token("anna", &["propose"]).await;
    let ben = redkeep.token("ben", &["review"]).await;
    let id = redkeep
        .propose(&anna, &flows::greeting("/hello", "one"))
        .await;
    review(&redkeep, &ben, id).await;
    assert_eq!(redkeep.endpoint(&anna, "/hello").await, "one");
    // A page of the editor, with a session.
    let editor = testkit::Person::named("anna").at_editor(&redkeep).await;
    let page = editor.get(redkeep.gate_url("/")).await.expect(200).text();
    assert!(page.contains("<title>Node-RED"), "{page}");

    the_jail_holds(&redkeep, &anna, own).await;
    what_is_missing_is_said(&redkeep).await;
    let options = redkeep.options();
    let data = redkeep.stop().await;
    let redkeep = Redkeep::again(data, options).await;
    redkeep.assert_record_whole().await;
}

/// Not root. As root, the binary is lent to "nobody", in a place where nobody can read it.
fn unprivileged(data: &DataDir) -> Options {
    if !rustix::process::geteuid().is_root() {
        return Options::default();
    }
    let lent = data.beside("redkeep");
    fs::copy(built::binary(), &lent).unwrap();
    let words = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --";
    Options {
        through: words.split(' ').map(str::to_owned).collect(),
        binary: Some(lent),
        ..Options::default()
    }
}

async fn review(redkeep: &Redkeep, ben: &Client, id: i64) {
    let shown = redkeep.deployment(id).await["shown"].clone();
    let all = json!({"shown": shown, "choices": "all-approve"});
    let one = json!({"shown": shown});
    for (verb, body) in [("decisions", &all), ("approve", &one), ("apply", &one)] {
        let url = redkeep.api_url(&format!("/deployments/{id}/{verb}"));
        ben.post(url, body).await.expect(200);
    }
    assert_eq!(redkeep.state(id).await, "applied");
}

async fn the_jail_holds(redkeep: &Redkeep, anna: &Client, own: u32) {
    let node = redkeep.node_pids();
    assert!(!node.is_empty());
    for pid in node {
        Kernel::of(pid).assert_confined();
    }
    for pid in redkeep.family() {
        assert_eq!(Kernel::of(pid).uid(), own, "process {pid} is another user");
    }
    // Node-RED is the very user who owns Redkeep's files, and still cannot have them.
    let tries = [
        format!(
            "return require('fs').readFileSync({}, 'latin1').length",
            quoted(redkeep, "redkeep.db")
        ),
        format!(
            "return require('fs').readdirSync({})",
            quoted(redkeep, "keys")
        ),
        format!("process.kill({}, 0)", redkeep.pid()),
        "return require('child_process').execFileSync('/usr/bin/id').toString()".to_owned(),
        "return await new Promise((yes, no) => require('net').createServer()\
         .on('error', no).listen(0, '127.0.0.1', () => yes('listens')))"
            .to_owned(),
    ];
    for code in tries {
        redkeep
            .run_flows(anna, &flows::hostile("/attack", &code))
            .await;
        let outcome = redkeep.endpoint(anna, "/attack").await;
        let outcome: Value = serde_json::from_str(&outcome).unwrap();
        let failed = outcome["failed"]
            .as_str()
            .unwrap_or_else(|| panic!("{code}: {outcome}"));
        assert!(
            !failed.contains("not defined"),
            "the attack is broken: {failed}"
        );
    }
    // A file it makes at that place is in a folder of its own, which nobody else sees.
    let file = redkeep.path().join("redkeep.toml");
    let code = format!(
        "require('fs').writeFileSync({}, 'x'); return 'tried'",
        json!(file)
    );
    redkeep
        .run_flows(anna, &flows::hostile("/attack", &code))
        .await;
    redkeep.endpoint(anna, "/attack").await;
    assert!(!file.exists(), "Node-RED wrote Redkeep's configuration");
}

fn quoted(redkeep: &Redkeep, file: &str) -> Value {
    let path = redkeep.path().join(Path::new(file));
    assert!(path.exists(), "{}", path.display());
    json!(path)
}

async fn what_is_missing_is_said(redkeep: &Redkeep) {
    let status = redkeep.cli(&["status"]).await.ok().json();
    let layers = status["instances"][0]["enforcement"]
        .as_array()
        .unwrap()
        .clone();
    let lacking: Vec<_> = layers
        .iter()
        .filter(|it| it["state"] != "enforced")
        .collect();
    let user = layers.iter().find(|it| it["layer"] == "user");
    let user = user.unwrap_or_else(|| panic!("nothing is said about the user: {layers:?}"));
    assert_ne!(
        user["state"], "enforced",
        "an ordinary user has no other one to give: {user}"
    );
    let said = redkeep.said();
    for layer in lacking {
        let (name, note) = (
            layer["layer"].as_str().unwrap(),
            layer["note"].as_str().unwrap(),
        );
        assert!(note.len() > 10, "{layer} does not say what to do");
        assert!(
            said.contains(&format!("the jail lacks {name}")),
            "{name} is not said:\n{said}"
        );
    }
    // And in words, for whoever reads it.
    let plain = redkeep.plainly(&["status"]).await.ok().stdout;
    assert!(
        plain.contains("- user: ") || plain.contains("~ user: "),
        "{plain}"
    );
}
