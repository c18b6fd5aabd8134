//! Proposing flows through the gate, and what runs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{Answer, Client, Redkeep, until, verbs::listed, wait::within};

/// Two runs, each with a start and a watch, and some that found no processor free.
const REHEARSED_WITHIN: Duration = Duration::from_mins(8);

impl Redkeep {
    /// An address of the editor's origin.
    pub fn gate_url(&self, path: &str) -> String {
        format!("{}{path}", self.editor())
    }

    /// An address of the API.
    pub fn api_url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.console())
    }

    /// A request to the gate as the editor's page (with a session) or a script (with a token)
    /// sends it.
    pub fn at_gate<'a>(
        &self,
        client: &'a Client,
        method: &str,
        path: &str,
    ) -> crate::http::Asking<'a> {
        let asking = client.ask(method, self.gate_url(path));
        if client.bearer().is_some() || method == "GET" {
            return asking;
        }
        asking
            .header("origin", self.editor())
            .header("sec-fetch-site", "same-origin")
    }

    /// `POST /flows` as this client, of this deployment type, in the second version of the API.
    pub async fn post_flows(&self, client: &Client, flows: &Value, kind: &str) -> Answer {
        self.at_gate(client, "POST", "/flows")
            .header("node-red-api-version", "v2")
            .header("node-red-deployment-type", kind)
            .json(&json!({ "flows": flows }))
            .send()
            .await
    }

    /// Proposes flows, which must be queued; gives the deployment's number.
    pub async fn propose(&self, client: &Client, flows: &Value) -> i64 {
        let before = self.newest().await;
        let answer = self.post_flows(client, flows, "full").await.expect(202);
        assert!(
            answer.json()["rev"].is_string(),
            "the editor needs a rev: {}",
            answer.text()
        );
        let after = self.newest().await;
        assert!(after > before, "nothing was queued");
        after
    }

    /// The newest deployment's number; 0 when there is none.
    pub async fn newest(&self) -> i64 {
        let found = self.deployments().await;
        found
            .iter()
            .filter_map(|it| it["id"].as_i64())
            .max()
            .unwrap_or(0)
    }

    /// How a deployment stands.
    pub async fn state(&self, id: i64) -> String {
        let found = self
            .deployments()
            .await
            .into_iter()
            .find(|it| it["id"] == id);
        let found = found.unwrap_or_else(|| panic!("there is no deployment {id}"));
        found["state"].as_str().expect("a state").to_owned()
    }

    /// The deployments, newest first, ended ones too.
    pub async fn deployments(&self) -> Vec<Value> {
        let found = self
            .cli(&["deployments", "list", "--all"])
            .await
            .ok()
            .json();
        listed(&found, "deployments")
    }

    /// One deployment, with its changes.
    pub async fn deployment(&self, id: i64) -> Value {
        self.cli(&["deployments", "show", &id.to_string()])
            .await
            .json()
    }

    /// Waits until a deployment was tried, and gives what was seen. A rehearsal gives way to everything
    /// else: where the machine had nothing left for it, it is asked for again, as a person would.
    pub async fn rehearsed(&self, id: i64) -> Value {
        within(REHEARSED_WITHIN, "the rehearsal to be over", || async {
            let seen = self.deployment(id).await["rehearsal"].clone();
            let why = seen["why"].as_str().unwrap_or_default();
            if why.contains("when the machine is quieter") {
                self.cli(&["deployments", "rehearse", &id.to_string()])
                    .await;
                return None;
            }
            (seen["state"] != "running" && !seen.is_null()).then_some(seen)
        })
        .await
    }

    /// Approves and applies a deployment as the local administrator; gives how it stands then.
    pub async fn approve_and_apply(&self, id: i64) -> Value {
        let shown = self.deployment(id).await["shown"]
            .as_str()
            .expect("a hash")
            .to_owned();
        let id = id.to_string();
        self.cli(&["deployments", "approve", &id, "--hash", &shown])
            .await
            .ok();
        let applied = self
            .cli(&["deployments", "apply", &id, "--hash", &shown])
            .await;
        let answer = applied.json();
        answer.get("deployment").cloned().unwrap_or(answer)
    }

    /// What Node-RED says runs: flows and revision.
    pub async fn running(&self, client: &Client) -> Value {
        let url = self.gate_url("/flows");
        let answer = client
            .ask("GET", url)
            .header("node-red-api-version", "v2")
            .send()
            .await;
        answer.expect(200).json()
    }

    /// Somebody who proposes by token, made at the first call.
    pub async fn author(&self) -> Client {
        let users = self.cli(&["user", "list"]).await.ok().json();
        let users = listed(&users, "users");
        if !users.iter().any(|user| user["name"] == "author") {
            self.person("author", "editor").await;
        }
        self.token("author", &["propose"]).await
    }

    /// Proposes these flows, approves and applies them, and waits until they run.
    pub async fn run_flows(&self, author: &Client, flows: &Value) -> i64 {
        let id = self.propose(author, flows).await;
        let applied = self.approve_and_apply(id).await;
        assert_eq!(applied["state"], "applied", "{applied}");
        id
    }

    /// Asks an endpoint until it answers 200, and gives the answer's text.
    pub async fn endpoint(&self, client: &Client, path: &str) -> String {
        let what = format!("an answer of {path}");
        until(&what, || async {
            let answer = client.get(self.gate_url(path)).await;
            (answer.status == 200).then(|| answer.text())
        })
        .await
    }

    /// Sets one rule of the instance's policy, by the API as the local administrator.
    pub async fn set_policy(&self, admin: &Client, change: &Value) {
        let url = self.api_url("/instances/main");
        let mut policy = admin.get(&url).await.expect(200).json()["policy"].clone();
        let fields = change.as_object().expect("an object of rules");
        for (name, value) in fields {
            policy[name] = value.clone();
        }
        let set = admin
            .ask("PUT", format!("{url}/policy"))
            .json(&policy)
            .send()
            .await;
        assert!(
            (200..300).contains(&set.status),
            "{}: {}",
            set.status,
            set.text()
        );
    }
}
