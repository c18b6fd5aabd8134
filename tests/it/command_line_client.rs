//! `node-red-admin`, the command-line client that comes with Node-RED, of the very version that the
//! lock file names: pointed at the gate as its documentation says, with a Redkeep token.

use std::process::Stdio;

use serde_json::{Value, json};
use testkit::{NodeRed, Options, Redkeep, flows, verbs::Ended};

#[tokio::test(flavor = "multi_thread")]
async fn node_red_admin_reads_and_proposes_and_changes_nothing_node_red_5() {
    admin(NodeRed::V5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_red_admin_reads_and_proposes_and_changes_nothing_node_red_4() {
    admin(NodeRed::V4).await;
}

async fn admin(node_red: NodeRed) {
    let redkeep = Redkeep::start(Options {
        node_red,
        ..Options::default()
    })
    .await;
    redkeep.person("ada", "administrator").await;
    let ada = redkeep.token("ada", &["admin"]).await;
    let running = json!([
        flows::tab("t1", "Bench"),
        flows::inject("i1", "t1", &["d1"]),
        flows::debug("d1", "t1")
    ]);
    redkeep.run_flows(&ada, &running).await;
    let client = Admin::new(&redkeep);
    without_a_login_it_is_told_so(&redkeep, &client).await;
    client.log_in(ada.bearer().unwrap());
    it_reads(&client).await;
    changes_of_the_palette_are_refused_in_plain_words(&redkeep, &client).await;
    a_deploy_is_queued(&redkeep, &client).await;
    effects_of_what_was_approved_work(&redkeep, &client).await;
    redkeep.assert_record_whole().await;
}

/// The client with a user directory of its own.
struct Admin<'a> {
    redkeep: &'a Redkeep,
    home: tempfile::TempDir,
}

impl<'a> Admin<'a> {
    fn new(redkeep: &'a Redkeep) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self { redkeep, home }
    }

    /// It keeps its login in this file; the token stands where Node-RED's own would.
    fn log_in(&self, token: &str) {
        let login = json!({"target": self.redkeep.editor(), "tokens": {"access_token": token}});
        std::fs::write(self.home.path().join(".cli-config.json"), login.to_string()).unwrap();
    }

    async fn node(&self, arguments: &[&str]) -> Ended {
        let tree = self.redkeep.data().tree();
        let output = tokio::process::Command::new(tree.join("node/bin/node"))
            .args(arguments)
            .current_dir(tree.join("node_modules/node-red-admin"))
            .env_clear()
            .env("HOME", self.home.path())
            .env(
                "NODE_EXTRA_CA_CERTS",
                self.redkeep.ready["ca_file"].as_str().unwrap(),
            )
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        let home = self.home.path().to_str().unwrap();
        let all = [&["node-red-admin.js"], arguments, &["--userDir", home]].concat();
        self.node(&all).await
    }

    /// A request by the client's own code, for what it has no command for.
    async fn request(&self, path: &str, options: &Value) -> Ended {
        let script = format!(
            "require('./lib/config').init({home});\
             require('./lib/request').request({path}, {options}).then(\
               it => console.log(JSON.stringify(it ?? null)),\
               e => {{ require('./lib/result').warn(e); \
                 console.log(JSON.stringify({{threw: e.message}})); process.exit(1); }});",
            home = json!(self.home.path()),
            path = json!(path),
        );
        self.node(&["-e", &script]).await
    }
}

async fn without_a_login_it_is_told_so(redkeep: &Redkeep, client: &Admin<'_>) {
    client.run(&["target", redkeep.editor()]).await.ok();
    let asked = client.run(&["list"]).await;
    assert_eq!(asked.code, Some(1), "{asked:?}");
    assert!(asked.stderr.contains("Not logged in"), "{asked:?}");
}

async fn it_reads(client: &Admin<'_>) {
    let listed = client.run(&["list", "--json"]).await.ok().json();
    let sets = listed.as_array().expect("a list of node sets");
    assert!(
        sets.iter().any(|set| set["id"] == "node-red/inject"),
        "{listed}"
    );
    let about = client
        .run(&["info", "node-red/inject", "--json"])
        .await
        .ok();
    assert!(about.stdout.contains("inject"), "{about:?}");
}

async fn changes_of_the_palette_are_refused_in_plain_words(redkeep: &Redkeep, client: &Admin<'_>) {
    let before = client.run(&["list", "--json"]).await.ok().json();
    for arguments in [
        &["install", "node-red-node-random"][..],
        &["install", "x", "https://packages.example/x.tgz"],
        &["disable", "node-red/inject"],
        &["enable", "node-red/inject"],
        &["disable", "node-red"],
        &["remove", "node-red-node-random"],
    ] {
        let asked = client.run(arguments).await;
        assert_eq!(asked.code, Some(1), "{arguments:?} was done: {asked:?}");
        assert!(asked.stderr.contains("403: "), "{arguments:?}: {asked:?}");
        assert!(
            asked.stderr.contains("review") || asked.stderr.contains("Redkeep"),
            "{arguments:?} is refused without a clear word: {asked:?}"
        );
    }
    assert_eq!(client.run(&["list", "--json"]).await.ok().json(), before);
    let refused = redkeep.audit("proposal-refused").await;
    let by_ada = refused
        .iter()
        .filter(|it| it["event"]["actor"]["name"] == "ada");
    assert!(
        by_ada.count() >= 6,
        "not all of them are on record: {refused:#?}"
    );
}

async fn a_deploy_is_queued(redkeep: &Redkeep, client: &Admin<'_>) {
    let author = redkeep.author().await;
    let before = redkeep.running(&author).await;
    let known = redkeep.newest().await;
    let options = json!({"method": "POST", "data": flows::greeting("/hello", "by hand")});
    // The client knows 200 and 204 as success; 202 it shows with the words that came with it.
    let asked = client.request("/flows", &options).await;
    let told = format!("{}{}", asked.stdout, asked.stderr);
    assert!(
        told.contains("202"),
        "it is not said that it only waits: {asked:?}"
    );
    let id = redkeep.newest().await;
    assert!(id > known, "nothing was queued: {asked:?}");
    assert_eq!(redkeep.state(id).await, "pending");
    assert_eq!(redkeep.deployment(id).await["origin"], "api");
    assert_eq!(redkeep.running(&author).await, before, "it was applied");
    assert_eq!(redkeep.approve_and_apply(id).await["state"], "applied");
    assert_eq!(redkeep.endpoint(&author, "/hello").await, "by hand");
}

async fn effects_of_what_was_approved_work(redkeep: &Redkeep, client: &Admin<'_>) {
    let id = redkeep.newest().await;
    let back = redkeep.author().await;
    let running = json!([
        flows::tab("t1", "Bench"),
        flows::inject("i1", "t1", &["d1"]),
        flows::debug("d1", "t1")
    ]);
    assert!(redkeep.run_flows(&back, &running).await > id);
    let injected = client
        .request("/inject/i1", &json!({"method": "POST", "data": {}}))
        .await;
    assert_eq!(injected.code, Some(0), "{injected:?}");
    redkeep
        .recorded("triggered", |it| it["event"]["actor"]["name"] == "ada")
        .await;
    node_reds_own_log_names_them(redkeep).await;
}

/// People by their name, Redkeep by its own; not who only looks, nor whom a flow answers.
async fn node_reds_own_log_names_them(redkeep: &Redkeep) {
    let log = testkit::until("the inject in the log", || async {
        let log = redkeep.cli(&["logs", "-n", "1000"]).await.ok().stdout;
        log.contains("ada: POST /inject/i1 (200)").then_some(log)
    })
    .await;
    assert!(log.contains("redkeep: POST /flows (20"), "{log}");
    assert!(!log.contains(": GET /"), "{log}");
}
