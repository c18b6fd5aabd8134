//! Who may come from where, asked of the real doors. A proxy that is believed tells where people are.

use serde_json::{Value, json};
use testkit::{Client, Options, Redkeep};

const OFFICE: &str = "10.1.2.3";
const ELSEWHERE: &str = "198.51.100.7";

/// Loopback is a proxy whose word is taken.
fn behind_a_proxy() -> Options {
    let config = "[proxies]\ntrusted = [\"127.0.0.1\"]\nspeaks = \"forwarded\"\n";
    Options {
        config: Some(config.to_owned()),
        ..Options::default()
    }
}

/// The status of a GET from this address.
async fn status(client: &Client, url: &str, from: &str) -> u16 {
    let forwarded = format!("for={from}");
    let asked = client.ask("GET", url).header("forwarded", &forwarded);
    asked.send().await.status
}

/// The simulator's outcome for a request from this address.
async fn simulated(redkeep: &Redkeep, from: &str) -> Value {
    let asked = [
        "access",
        "simulate",
        "/settings",
        "--from",
        from,
        "--role",
        "administrator",
        "--token",
    ];
    redkeep.cli(&asked).await.ok().json()
}

fn only_the_office() -> Value {
    json!({
        "networks": { "office": ["10.1.0.0/16"] },
        "rules": [
            { "areas": ["console"], "from": ["office"], "who": "login" },
            { "areas": ["console"], "who": "nobody" },
            { "from": ["office"], "who": "login" },
            { "who": "nobody" },
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_do_what_the_simulator_says_and_the_machine_is_the_way_back() {
    let redkeep = Redkeep::start(behind_a_proxy()).await;
    redkeep.person("ada", "administrator").await;
    let client = redkeep.token("ada", &["admin"]).await;
    let editor = format!("{}/settings", redkeep.editor());
    let console = format!("{}/api/v1/access/rules", redkeep.console());
    for from in [OFFICE, ELSEWHERE] {
        assert_eq!(status(&client, &editor, from).await, 200, "{from}");
        assert_eq!(status(&client, &console, from).await, 200, "{from}");
    }

    let rules = only_the_office().to_string();
    let set = redkeep.verb(&["access", "set", "-"], Some(&rules)).await;
    assert!(
        set.ok().json()["trial"].is_null(),
        "the machine tries nothing out"
    );
    for (from, expected, outcome) in [(OFFICE, 200, "allowed"), (ELSEWHERE, 403, "refused")] {
        assert_eq!(status(&client, &editor, from).await, expected, "{from}");
        assert_eq!(status(&client, &console, from).await, expected, "{from}");
        assert_eq!(simulated(&redkeep, from).await["outcome"], outcome);
    }
    let itself = client.get(&editor).await.status;
    assert_eq!(
        itself, 403,
        "a proxy that names nobody is asked for where it is itself"
    );
    let unreadable = client.ask("GET", &editor).header("forwarded", "for=\"");
    assert_eq!(unreadable.send().await.status, 400);

    shut_out_by_oneself(&redkeep, &client, &editor, &console).await;
    the_machine_takes_all_rules_away(redkeep, &client, &editor).await;
}

/// Asked twice, then on trial, ended at the machine.
async fn shut_out_by_oneself(redkeep: &Redkeep, client: &Client, editor: &str, console: &str) {
    let forwarded = format!("for={OFFICE}");
    let version = redkeep.cli(&["access", "rules"]).await.ok().json()["version"].clone();
    let mut body = json!({ "version": version, "rules": { "rules": [{ "who": "nobody" }] } });
    let put = |body: &Value| {
        client
            .ask("PUT", console)
            .header("forwarded", &forwarded)
            .json(body)
    };
    let asked = put(&body).send().await;
    assert_eq!(asked.status, 409, "{}", asked.text());
    assert_eq!(
        status(client, editor, OFFICE).await,
        200,
        "nothing changed yet"
    );
    body["shut_out"] = json!(true);
    let tried = put(&body).send().await.expect(200).json();
    assert!(tried["trial"]["undo_at"].is_number(), "{tried}");
    assert_eq!(status(client, editor, OFFICE).await, 403);
    redkeep.cli(&["access", "undo"]).await.ok();
    assert_eq!(status(client, editor, OFFICE).await, 200);
    assert_eq!(
        status(client, editor, ELSEWHERE).await,
        403,
        "what held before holds"
    );
}

/// Also while nothing runs.
async fn the_machine_takes_all_rules_away(redkeep: Redkeep, client: &Client, editor: &str) {
    let secret = client.bearer().unwrap().to_owned();
    let path = editor.strip_prefix(redkeep.editor()).unwrap().to_owned();
    let data = redkeep.stop().await;
    testkit::verbs::cli(&data.path(), &["access", "reset"], None)
        .await
        .ok();
    let redkeep = Redkeep::again(data, behind_a_proxy()).await;
    let client = redkeep.client().with_bearer(&secret);
    let editor = format!("{}{path}", redkeep.editor());
    assert_eq!(status(&client, &editor, ELSEWHERE).await, 200);
}
