//! Two instances under one Redkeep: each with its own address, jail, policy and queue.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Client, Options, Redkeep, flows, processes::Kernel, until};

const CONFIG: &str = "[instance.mill]\nlisten = \"127.0.0.1:0\"\n\
                      [instance.pump]\nlisten = \"127.0.0.1:0\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_have_nothing_in_common() {
    let redkeep = Redkeep::start(Options {
        config: Some(CONFIG.to_owned()),
        ..Options::default()
    })
    .await;
    redkeep.person("ada", "administrator").await;
    let ada = redkeep.token("ada", &["admin"]).await;
    let (mill, pump) = (editor(&redkeep, "mill"), editor(&redkeep, "pump"));
    assert_ne!(mill, pump);
    each_has_a_jail_of_its_own(&redkeep);
    each_has_a_queue_of_its_own(&redkeep, &ada, &mill, &pump).await;
    each_has_a_policy_of_its_own(&redkeep, &ada).await;
    one_cannot_see_the_other(&redkeep, &ada, &pump).await;
    redkeep.assert_record_whole().await;
}

fn editor(redkeep: &Redkeep, id: &str) -> String {
    let all = redkeep.ready["instances"].as_array().unwrap();
    let found = all.iter().find(|it| it["id"] == id);
    let found = found.unwrap_or_else(|| panic!("no instance {id}: {}", redkeep.ready));
    assert_eq!(found["status"]["phase"], "ready", "{found}");
    found["editor"]
        .as_str()
        .unwrap()
        .trim_end_matches('/')
        .to_owned()
}

fn each_has_a_jail_of_its_own(redkeep: &Redkeep) {
    let nodes = redkeep.node_pids();
    let kernels: Vec<_> = nodes.into_iter().map(Kernel::of).collect();
    let users: BTreeSet<_> = kernels.iter().map(Kernel::uid).collect();
    let spaces: BTreeSet<_> = kernels.iter().map(|it| it.namespace("mnt")).collect();
    assert_eq!(kernels.len(), 2);
    // Users of their own are root's to give.
    if Kernel::of(redkeep.pid()).uid() == 0 {
        assert_eq!((users.len(), spaces.len()), (2, 2), "{kernels:?}");
    }
}

async fn runs(client: &Client, editor: &str) -> Value {
    let asked = client.ask("GET", format!("{editor}/flows"));
    let asked = asked.header("node-red-api-version", "v2").send().await;
    asked.expect(200).json()["flows"].clone()
}

async fn each_has_a_queue_of_its_own(redkeep: &Redkeep, ada: &Client, mill: &str, pump: &str) {
    let flows = flows::greeting("/hello", "pump");
    let asked = ada
        .ask("POST", format!("{pump}/flows"))
        .header("node-red-api-version", "v2")
        .json(&json!({"flows": flows}));
    let id = asked.send().await.expect(202).json()["redkeep"]["deployment"].clone();
    let listed = |name: &'static str| async move {
        let found = redkeep
            .cli(&["deployments", "list", "--instance", name])
            .await
            .ok()
            .json();
        testkit::verbs::listed(&found, "deployments").len()
    };
    assert_eq!((listed("pump").await, listed("mill").await), (1, 0));
    let applied = redkeep.approve_and_apply(id.as_i64().unwrap()).await;
    assert_eq!(applied["state"], "applied", "{applied}");
    assert_eq!(runs(ada, pump).await, flows);
    assert_eq!(runs(ada, mill).await, json!([]), "applied to the other too");
    until("the endpoint of one", || async {
        (ada.get(format!("{pump}/hello")).await.text() == "pump").then_some(())
    })
    .await;
    assert_ne!(ada.get(format!("{mill}/hello")).await.text(), "pump");
}

async fn each_has_a_policy_of_its_own(redkeep: &Redkeep, ada: &Client) {
    let policy = |id: &str| redkeep.api_url(&format!("/instances/{id}"));
    let mut rules = ada.get(policy("pump")).await.expect(200).json()["policy"].clone();
    let before = ada.get(policy("mill")).await.expect(200).json()["policy"].clone();
    rules["public_paths"] = json!(["/hello"]);
    let set = ada
        .ask("PUT", format!("{}/policy", policy("pump")))
        .json(&rules);
    assert!((200..300).contains(&set.send().await.status));
    let after = ada.get(policy("mill")).await.expect(200).json()["policy"].clone();
    assert_eq!(after, before, "the other's policy changed with it");
}

async fn one_cannot_see_the_other(redkeep: &Redkeep, ada: &Client, pump: &str) {
    let other = redkeep.path().join("instances/mill");
    assert!(other.is_dir());
    let code = format!("return require('fs').readdirSync({})", json!(other));
    let body = json!({"instance": "pump", "flows": flows::hostile("/look", &code)});
    let asked = ada.post(redkeep.api_url("/deployments"), &body).await;
    let id = asked.expect(202).json()["deployment"]["id"]
        .as_i64()
        .unwrap();
    assert_eq!(redkeep.approve_and_apply(id).await["state"], "applied");
    let outcome = until("what was seen", || async {
        let answer = ada.get(format!("{pump}/look")).await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    let failed = outcome["failed"].as_str().unwrap_or_default();
    assert!(["ENOENT", "EACCES"].contains(&failed), "{outcome}");
}
