//! Changes that try to come by another way than the gate: from inside Node-RED, by files, and
//! flows that kill it.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::{Value, json};
use testkit::{Client, Options, Redkeep, flows, until};

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_inside_or_from_disk_is_queued_and_undone() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "one"))
        .await;
    a_file_edited_while_running(&redkeep, &author).await;
    a_file_removed_or_replaced(&redkeep).await;
    let redkeep = a_file_edited_while_stopped(redkeep).await;
    let author = redkeep.author().await;
    flows_set_by_a_node(&redkeep, &author).await;
    flows_posted_by_a_node(&redkeep, &author).await;
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_that_kill_node_red_are_taken_back() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "one"))
        .await;
    it_dies_at_once(&redkeep, &author).await;
    it_dies_at_every_start(&redkeep, &author).await;
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_bent_in_memory_are_seen_shown_and_gone_after_a_restart() {
    let options = Options {
        config: Some("[watch]\nmemory_seconds = 1\n".to_owned()),
        ..Options::default()
    };
    let redkeep = Redkeep::start(options).await;
    let author = redkeep.author().await;
    // Not through Node-RED's own function, which saves and is refused: straight into what it holds.
    let code = "const flows = require('@node-red/runtime/lib/flows');\n\
        const held = flows.getFlows().flows;\n\
        held.push({id:'s9', type:'tab', label:'Smuggled', credentials:{pin:'s3cret'}});\n\
        return held.length;";
    redkeep
        .run_flows(&author, &flows::hostile("/attack", code))
        .await;
    let good = redkeep.running(&author).await;
    let outcome = redkeep.endpoint(&author, "/attack").await;
    assert!(outcome.contains("\"done\":5"), "it bent nothing: {outcome}");

    let row = redkeep.recorded("memory-drift", |_| true).await;
    let what = row["event"]["detail"]["what"].as_str().unwrap_or_default();
    assert!(what.contains("adds the tab Smuggled"), "{row}");
    assert!(!row.to_string().contains("s3cret"), "{row}");
    let ada = redkeep.person("ada", "administrator").await;
    let admin = redkeep.token("ada", &["admin"]).await;
    let state = || async {
        let url = redkeep.api_url("/instances/main");
        admin.get(url).await.expect(200).json()
    };
    let what = state().await["drift"]["what"].clone();
    assert!(
        what.as_str()
            .is_some_and(|it| it.contains("adds the tab Smuggled"))
    );
    let overview = ada.at_console(&redkeep).await;
    let overview = overview.get(format!("{}/", redkeep.console())).await.text();
    assert!(
        overview.contains("main runs something nobody approved"),
        "{overview}"
    );
    assert!(overview.contains("Restart from the baseline"), "{overview}");

    let restarted = admin
        .post(redkeep.api_url("/instances/main/restart"), &json!({}))
        .await;
    assert!(
        (200..300).contains(&restarted.status),
        "{}",
        restarted.text()
    );
    redkeep
        .recorded("memory-drift", |it| {
            it["event"]["detail"]["what"] == "the baseline runs again"
        })
        .await;
    assert_eq!(state().await["drift"], Value::Null);
    assert_eq!(redkeep.running(&author).await, good);
    // A look each second, and a row for each content only.
    assert_eq!(redkeep.audit("memory-drift").await.len(), 2);
}

fn flows_file(redkeep: &Redkeep) -> PathBuf {
    redkeep.path().join("instances/main/flows.json")
}

/// Waits for a deployment newer than `known` of this origin.
async fn queued_from(redkeep: &Redkeep, known: i64, origin: &str) -> Value {
    until(&format!("a deployment from {origin}"), || async {
        let found = redkeep.deployments().await;
        found
            .into_iter()
            .find(|it| it["id"].as_i64() > Some(known) && it["origin"] == origin)
    })
    .await
}

async fn file_says(redkeep: &Redkeep, expected: &Value) {
    until("the flows file as it was approved", || async {
        let text = fs::read(flows_file(redkeep)).ok()?;
        (serde_json::from_slice::<Value>(&text).ok()? == *expected).then_some(())
    })
    .await;
}

async fn a_file_edited_while_running(redkeep: &Redkeep, author: &Client) {
    let file = flows_file(redkeep);
    let good = flows::greeting("/hello", "one");
    file_says(redkeep, &good).await;
    let known = redkeep.newest().await;
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode | 0o200)).unwrap();
    fs::write(&file, flows::greeting("/hello", "edited").to_string()).unwrap();
    let queued = queued_from(redkeep, known, "disk").await;
    assert_eq!(queued["state"], "pending", "{queued}");
    file_says(redkeep, &good).await;
    redkeep.recorded("disk-drift", |_| true).await;
    assert_eq!(author.get(redkeep.gate_url("/hello")).await.text(), "one");
    let id = queued["id"].to_string();
    redkeep
        .cli(&["deployments", "reject", &id, "--reason", "who was that?"])
        .await
        .ok();
}

async fn a_file_removed_or_replaced(redkeep: &Redkeep) {
    let file = flows_file(redkeep);
    let good = flows::greeting("/hello", "one");
    fs::remove_file(&file).unwrap();
    file_says(redkeep, &good).await;
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
    file_says(redkeep, &good).await;
    assert!(
        fs::read_to_string("/etc/passwd").unwrap().contains("root:"),
        "written through a link"
    );
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    file_says(redkeep, &good).await;
}

async fn a_file_edited_while_stopped(redkeep: Redkeep) -> Redkeep {
    let good = flows::greeting("/hello", "one");
    let (file, options) = (flows_file(&redkeep), redkeep.options());
    let known = redkeep.newest().await;
    let data = redkeep.stop().await;
    fs::write(
        &file,
        flows::greeting("/hello", "edited at night").to_string(),
    )
    .unwrap();
    let redkeep = Redkeep::again(data, options).await;
    let queued = queued_from(&redkeep, known, "disk").await;
    assert_eq!(queued["state"], "pending", "{queued}");
    file_says(&redkeep, &good).await;
    let author = redkeep.author().await;
    assert_eq!(redkeep.endpoint(&author, "/hello").await, "one");
    let id = queued["id"].to_string();
    redkeep
        .cli(&["deployments", "reject", &id, "--reason", "no"])
        .await
        .ok();
    redkeep
}

/// In-process code calls Node-RED's own function for setting flows, with a forged name.
async fn flows_set_by_a_node(redkeep: &Redkeep, author: &Client) {
    let code = "const runtime = require('@node-red/runtime');\n\
        const smuggled = [{id:'s1',type:'tab',label:'Smuggled'}];\n\
        return await runtime.flows.setFlows({user:{username:'ada',permissions:'*'}, \
          flows:{flows:smuggled}, deploymentType:'full', req:{}});";
    let hostile = flows::hostile("/attack", code);
    redkeep.run_flows(author, &hostile).await;
    let before = redkeep.running(author).await;
    let known = redkeep.newest().await;
    let outcome: Value = serde_json::from_str(&redkeep.endpoint(author, "/attack").await).unwrap();
    assert!(
        outcome["failed"].is_string(),
        "flows were set from inside: {outcome}"
    );
    let queued = queued_from(redkeep, known, "runtime").await;
    assert_eq!(queued["state"], "pending", "{queued}");
    assert_eq!(
        queued["proposer"]["who"], "runtime",
        "it was believed to be a person: {queued}"
    );
    redkeep.recorded("runtime-refused", |_| true).await;
    // The same flows run, and they still run.
    until("the same flows", || async {
        let answer = author.ask("GET", redkeep.gate_url("/flows"));
        let answer = answer.header("node-red-api-version", "v2").send().await;
        (answer.status == 200 && answer.json() == before).then_some(())
    })
    .await;
    let id = queued["id"].to_string();
    redkeep
        .cli(&["deployments", "reject", &id, "--reason", "no"])
        .await
        .ok();
}

/// In-process code posts to Node-RED's own admin API over its own socket, with every header it can
/// make up or steal.
async fn flows_posted_by_a_node(redkeep: &Redkeep, author: &Client) {
    let code = "const http = require('http');\n\
        const path = require.main.require('node-red').settings.uiPort;\n\
        const stolen = msg.req.headers;\n\
        const tries = [{}, stolen, {authorization: 'Bearer x'}];\n\
        const answers = [];\n\
        for (const extra of tries) { answers.push(await new Promise((resolve, reject) => {\n\
          const headers = Object.assign({}, extra, {'content-type':'application/json',\n\
            'node-red-api-version':'v2'});\n\
          delete headers['content-length'];\n\
          const req = http.request({socketPath: path, path: '/flows', method: 'POST', headers},\n\
            res => { res.resume(); resolve(res.statusCode); });\n\
          req.on('error', e => resolve(String(e.code)));\n\
          req.end(JSON.stringify({flows:[{id:'s2',type:'tab',label:'Posted'}]}));\n\
        })); }\n\
        return answers;";
    redkeep
        .run_flows(author, &flows::hostile("/attack", code))
        .await;
    let before = redkeep.running(author).await;
    let answer = redkeep.endpoint(author, "/attack").await;
    let outcome: Value = serde_json::from_str(&answer).unwrap();
    let statuses = outcome["done"]
        .as_array()
        .unwrap_or_else(|| panic!("never tried: {outcome}"));
    for status in statuses {
        assert!(
            !matches!(status.as_u64(), Some(200..300)),
            "flows were set: {outcome}"
        );
        assert!(
            status.is_u64(),
            "it must have reached Node-RED to be refused there: {outcome}"
        );
    }
    let runs = redkeep.running(author).await;
    assert_eq!(runs, before, "flows were set from inside");
}

async fn it_dies_at_once(redkeep: &Redkeep, author: &Client) {
    let known = redkeep.newest().await;
    let good = redkeep.running(author).await;
    let deadly = deadly("process.kill(process.pid, 'SIGKILL')");
    let id = redkeep.propose(author, &deadly).await;
    assert!(id > known);
    redkeep.approve_and_apply(id).await;
    taken_back(redkeep, author, id, &good).await;
}

async fn it_dies_at_every_start(redkeep: &Redkeep, author: &Client) {
    let good = redkeep.running(author).await;
    // It lives long enough to be called ready, and dies a little later, every time.
    let id = redkeep
        .propose(author, &deadly("setTimeout(() => process.exit(1), 1500)"))
        .await;
    redkeep.approve_and_apply(id).await;
    taken_back(redkeep, author, id, &good).await;
}

/// Flows whose function node runs this as soon as it is made.
fn deadly(code: &str) -> Value {
    let mut node = flows::function_node("d1", "t9", "return msg;", &[]);
    node["initialize"] = json!(format!(
        "const process = Buffer.constructor.constructor('return process')(); \
         const setTimeout = process.mainModule.require('timers').setTimeout; {code};"
    ));
    json!([flows::tab("t9", "Deadly"), node])
}

async fn taken_back(redkeep: &Redkeep, author: &Client, id: i64, good: &Value) {
    testkit::wait::within(
        std::time::Duration::from_mins(3),
        "the deployment taken back",
        || async { (redkeep.state(id).await == "failed").then_some(()) },
    )
    .await;
    let failed = redkeep.deployment(id).await;
    let shown = redkeep.cli(&["deployments", "show", &id.to_string()]).await;
    assert_eq!(
        shown.code,
        Some(0),
        "showing a failed deployment is no failure"
    );
    let reason = failed["reason"].as_str().unwrap_or_default();
    assert!(reason.len() > 10, "it does not say why: {failed}");
    let subject = format!("deployment {id}");
    redkeep
        .recorded("apply-failed", |it| {
            it["event"]["subject"] == subject.as_str()
        })
        .await;
    assert_eq!(redkeep.endpoint(author, "/hello").await, "one");
    until("the old flows", || async {
        let answer = author.ask("GET", redkeep.gate_url("/flows"));
        let answer = answer.header("node-red-api-version", "v2").send().await;
        (answer.status == 200 && answer.json() == *good).then_some(())
    })
    .await;
}
