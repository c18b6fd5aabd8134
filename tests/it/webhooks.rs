//! Signed webhooks at the real gate: what openssl signs is let in to Node-RED, and nothing else.

use std::{path::Path, process::Stdio};

use serde_json::json;
use testkit::{Redkeep, flows, http::place, until};
use tokio::process::Command;

const SECRET: &str = "a secret that both sides know";

async fn run(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let done = tokio::time::timeout(testkit::wait::PATIENCE, command.output()).await;
    let done = done.expect("it ends").expect("it can be run");
    String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
}

struct Site {
    redkeep: Redkeep,
    dir: tempfile::TempDir,
}

impl Site {
    /// HMAC-SHA-256 of a text as openssl makes it, in hexadecimal digits.
    async fn sign(&self, text: &str) -> String {
        std::fs::write(self.dir.path().join("text"), text).unwrap();
        let said = run(
            self.dir.path(),
            "openssl",
            &["dgst", "-sha256", "-hmac", SECRET, "text"],
        )
        .await;
        said.trim().rsplit(' ').next().unwrap().to_owned()
    }

    /// Posts a body with these headers; the answer's text, then its status.
    async fn post(&self, path: &str, body: &str, headers: &[&str]) -> String {
        let url = self.redkeep.gate_url(path);
        let (host, port) = place(&url.parse().unwrap()).unwrap();
        let to = format!("{host}:{port}:127.0.0.1");
        let ca = self.redkeep.ready["ca_file"].as_str().unwrap();
        let mut arguments = vec![
            "-sS",
            "--noproxy",
            "*",
            "--cacert",
            ca,
            "--resolve",
            &to,
            "-w",
            "\n%{http_code}",
            "--data-binary",
            body,
            "-H",
            "content-type: text/plain",
        ];
        for header in headers {
            arguments.extend(["-H", header]);
        }
        arguments.push(&url);
        run(self.dir.path(), "curl", &arguments).await
    }
}

/// A flow that answers with the body it got.
fn echo(path: &str) -> serde_json::Value {
    let mut flows = flows::greeting(path, "");
    for node in flows.as_array_mut().unwrap() {
        if node["type"] == "http in" {
            node["method"] = json!("post");
        }
        if node["type"] == "function" {
            node["func"] = json!("msg.payload = 'got ' + msg.payload; return msg;");
        }
    }
    flows
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_request_reaches_the_flow_and_any_other_is_refused_in_words() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    redkeep.run_flows(&author, &echo("/hook")).await;
    let site = Site {
        redkeep,
        dir: tempfile::tempdir().unwrap(),
    };
    let rule = |path: &str, signed_by: serde_json::Value| {
        json!({ "areas": ["endpoints"], "paths": [path], "who": "public", "signed_by": signed_by,
                "bounds": { "body_bytes": 1000 } })
    };
    let rules = json!({ "rules": [rule("/hook",
        json!({ "header": "x-hub-signature-256", "secret": "hub", "prefix": "sha256=" }))] });
    let file = site.dir.path().join("rules.json");
    std::fs::write(&file, rules.to_string()).unwrap();
    let set = ["access", "set", file.to_str().unwrap()];
    site.redkeep.cli(&set).await.ok();
    a_rule_whose_secret_is_not_kept_lets_nobody_in(&site).await;
    let kept = site
        .redkeep
        .verb(&["access", "secrets", "--keep", "hub"], Some(SECRET))
        .await;
    let kept = kept.ok().json();
    assert_eq!(kept["secrets"][0]["name"], "hub");
    assert!(!kept.to_string().contains(SECRET), "{kept}");
    the_form_of_github(&site).await;
    let rules = json!({ "rules": [rule("/hook",
        json!({ "header": "stripe-signature", "secret": "hub", "form": "timestamped" }))] });
    std::fs::write(&file, rules.to_string()).unwrap();
    site.redkeep.cli(&set).await.ok();
    the_form_of_stripe(&site).await;
    let asked = [
        "access", "simulate", "/hook", "--from", "10.0.0.9", "--method", "POST",
    ];
    let said = site.redkeep.cli(&asked).await.ok().json();
    assert!(
        said["why"]
            .as_str()
            .unwrap()
            .contains("signed in stripe-signature"),
        "{said}"
    );
}

async fn a_rule_whose_secret_is_not_kept_lets_nobody_in(site: &Site) {
    let header = format!("x-hub-signature-256: sha256={}", site.sign("x").await);
    let said = site.post("/hook", "x", &[&header]).await;
    assert!(
        said.ends_with("\n401") && said.contains("not kept"),
        "{said}"
    );
}

async fn the_form_of_github(site: &Site) {
    let body = "{\"pump\": 3}";
    let digits = site.sign(body).await;
    let header = format!("x-hub-signature-256: sha256={digits}");
    let said = until("the signed request is let in", || async {
        let said = site.post("/hook", body, &[&header]).await;
        said.ends_with("\n200").then_some(said)
    })
    .await;
    assert!(said.starts_with("got {\"pump\": 3}"), "{said}");
    let truncated = &header[..header.len() - 2];
    let other = format!("x-hub-signature-256: sha1={digits}");
    for (headers, body, why) in [
        (vec![], body, "is missing"),
        (vec![&*header], "{\"pump\": 4}", "does not fit"),
        (vec![truncated], body, "32 bytes"),
        (vec![&*header, &*header], body, "twice"),
        (vec![&*other], body, "begin as the rule says"),
    ] {
        let said = site.post("/hook", body, &headers).await;
        assert!(
            said.ends_with("\n401") && said.contains(why),
            "{why}: {said}"
        );
    }
    let long = "x".repeat(1001);
    let header = format!("x-hub-signature-256: sha256={}", site.sign(&long).await);
    let said = site.post("/hook", &long, &[&header]).await;
    assert!(said.ends_with("\n413"), "{said}");
}

async fn the_form_of_stripe(site: &Site) {
    #[expect(
        clippy::disallowed_methods,
        reason = "what real programs sign has the real time"
    )]
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signed = async |seconds: u64| {
        let digits = site.sign(&format!("{seconds}.paid")).await;
        format!("stripe-signature: t={seconds},v1={digits}")
    };
    let good = signed(now).await;
    let said = until("the signed request is let in", || async {
        let said = site.post("/hook", "paid", &[&good]).await;
        said.ends_with("\n200").then_some(said)
    })
    .await;
    assert!(said.starts_with("got paid"), "{said}");
    let again = site.post("/hook", "paid", &[&good]).await;
    assert!(
        again.ends_with("\n401") && again.contains("taken already"),
        "{again}"
    );
    let old = site
        .post("/hook", "paid", &[&signed(now - 400).await])
        .await;
    assert!(
        old.ends_with("\n401") && old.contains("too far from now"),
        "{old}"
    );
    let moved = good.replace(&format!("t={now}"), &format!("t={}", now + 1));
    let moved = site.post("/hook", "paid", &[&moved]).await;
    assert!(
        moved.ends_with("\n401") && moved.contains("does not fit"),
        "{moved}"
    );
}
