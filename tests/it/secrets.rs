//! Credentials: usable by the flows, readable nowhere.

use std::fs;

use serde_json::{Value, json};
use testkit::{Client, Redkeep, flows, until};

const SECRET: &str = "correct-horse-7Qx-battery";
const NEXT: &str = "another-staple-9Zk-secret";

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_used_and_never_shown() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let reviewer = redkeep.person("rita", "reviewer").await;
    let console = reviewer.at_console(&redkeep).await;
    let id = redkeep.propose(&author, &with_password(Some(SECRET))).await;
    shown_nowhere(&redkeep, &author, &console, id, SECRET).await;
    assert_eq!(redkeep.approve_and_apply(id).await["state"], "applied");
    assert_eq!(
        used(&redkeep, &author).await,
        SECRET,
        "the flows cannot use it"
    );
    shown_nowhere(&redkeep, &author, &console, id, SECRET).await;
    let review = redkeep.deployment(id).await.to_string();
    assert!(
        review.contains("password"),
        "the review does not say that it was set: {review}"
    );

    // Deployed again without it: kept. A wrong door never touched it.
    redkeep
        .run_flows(&author, &renamed(with_password(None), "renamed"))
        .await;
    assert_eq!(used(&redkeep, &author).await, SECRET, "it was lost");

    // Changed: only after approval.
    let id = redkeep
        .propose(&author, &renamed(with_password(Some(NEXT)), "renamed"))
        .await;
    assert_eq!(
        used(&redkeep, &author).await,
        SECRET,
        "changed before it was approved"
    );
    shown_nowhere(&redkeep, &author, &console, id, NEXT).await;
    let data = {
        let options = redkeep.options();
        let data = redkeep.stop().await;
        Redkeep::again(data, options).await
    };
    let redkeep = data;
    let author = redkeep.author().await;
    assert_eq!(used(&redkeep, &author).await, SECRET, "lost by a restart");
    assert_eq!(redkeep.approve_and_apply(id).await["state"], "applied");
    until("the changed password", || async {
        (author.get(redkeep.gate_url("/secret")).await.text() == NEXT).then_some(())
    })
    .await;
    let console = reviewer.at_console(&redkeep).await;
    for secret in [SECRET, NEXT] {
        shown_nowhere(&redkeep, &author, &console, id, secret).await;
    }
    redkeep.assert_record_whole().await;
}

/// A tab whose http-request node has a password, and an endpoint that tells it (the flows may).
fn with_password(password: Option<&str>) -> Value {
    let mut node = json!({"id": "req", "type": "http request", "z": "t1", "name": "pump",
        "method": "GET", "ret": "txt", "paytoqs": "ignore", "url": "http://127.0.0.1:9/",
        "tls": "", "persist": false, "proxy": "", "insecureHTTPParser": false,
        "authType": "basic", "senderr": false, "headers": [], "x": 100, "y": 300, "wires": [[]]});
    if let Some(password) = password {
        node["credentials"] = json!({"user": "pump", "password": password});
    }
    let body = "const process = msg.constructor.constructor('return process')();\n\
        const RED = process.mainModule.require('node-red');\n\
        const api = process.mainModule.require('@node-red/runtime/lib/nodes');\n\
        msg.payload = (api.getCredentials('req') || {}).password || 'none'; return msg;";
    let mut flows = vec![flows::tab("t1", "Secrets"), node];
    flows.extend(flows::endpoint("s", "t1", "/secret", body));
    Value::Array(flows)
}

fn renamed(mut flows: Value, name: &str) -> Value {
    flows[1]["name"] = json!(name);
    flows
}

async fn used(redkeep: &Redkeep, client: &Client) -> String {
    redkeep.endpoint(client, "/secret").await
}

/// Looks for the secret in every file of the data directory, in what was said, in the record, and
/// in what pages and APIs answer.
async fn shown_nowhere(
    redkeep: &Redkeep,
    author: &Client,
    console: &Client,
    id: i64,
    secret: &str,
) {
    let needles: Vec<Vec<u8>> = vec![
        secret.as_bytes().to_vec(),
        data_encoding::BASE64.encode(secret.as_bytes()).into_bytes(),
        data_encoding::HEXLOWER
            .encode(secret.as_bytes())
            .into_bytes(),
    ];
    for (path, bytes) in redkeep.data().files() {
        let found = needles
            .iter()
            .any(|needle| bytes.windows(needle.len()).any(|it| it == *needle));
        assert!(!found, "{} holds {secret:?}", path.display());
    }
    let place = |what: &str, text: &str| {
        assert!(!text.contains(secret), "{what} shows {secret:?}: {text}");
    };
    place("standard error", &redkeep.said());
    let id = id.to_string();
    for arguments in [
        &["deployments", "show", &id][..],
        &["deployments", "list", "--all"],
        &["audit", "list", "-n", "1000"],
        &["logs", "-n", "5000"],
        &["status"],
    ] {
        place(&arguments.join(" "), &redkeep.cli(arguments).await.stdout);
    }
    for path in [
        "/flows",
        "/flow/t1",
        "/flow/global",
        "/credentials/http-request/req",
        "/settings",
    ] {
        place(path, &author.get(redkeep.gate_url(path)).await.text());
    }
    let pages = [
        format!("/deployments/{id}"),
        format!("/deployments/{id}/steps/1"),
        format!("/deployments/{id}/steps/2"),
        format!("/deployments/{id}/confirm"),
        "/history".to_owned(),
        "/record".to_owned(),
        "/logs".to_owned(),
    ];
    for path in pages {
        let page = console.get(format!("{}{path}", redkeep.console())).await;
        assert!(page.status < 500, "{path}: {}", page.status);
        place(&path, &page.text());
    }
    // Nor on a command line or in an environment of the processes.
    for pid in redkeep.family() {
        for file in ["cmdline", "environ"] {
            let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            place(file, &String::from_utf8_lossy(&text));
        }
    }
}
