//! The same requests against bare Node-RED and through the gate: the gate may differ only where it
//! is named here.

mod bare;
mod editor_files;

use serde_json::{Value, json};
use testkit::{Answer, Client, DataDir, NodeRed, Options, Redkeep, flows};

use bare::Bare;

/// One way to ask, told to both sides.
struct Asked {
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Option<Value>,
    allowed: Difference,
}

/// How the gate may answer differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// Not at all: status, content type and body are the same.
    None,
    /// The body is changed on its way, and why; the status and the kind are the same.
    Patched(&'static str),
    /// Only the status is the same: the bodies hold times, ids or versions of their own.
    Own(&'static str),
    /// The gate answers in Node-RED's stead, with this status.
    Refused(u16, &'static str),
}

use Difference::{None as Same, Own, Patched, Refused};

const JSON: &[(&str, &str)] = &[("accept", "application/json")];
const HTML: &[(&str, &str)] = &[("accept", "text/html")];
const V2: &[(&str, &str)] = &[
    ("node-red-api-version", "v2"),
    ("accept", "application/json"),
];
const NO_SUCH: &[(&str, &str)] = &[
    ("node-red-api-version", "v9"),
    ("accept", "application/json"),
];

fn get(path: &'static str, headers: &'static [(&str, &str)], allowed: Difference) -> Asked {
    Asked {
        method: "GET",
        path,
        headers,
        body: None,
        allowed,
    }
}

#[expect(clippy::too_many_lines, reason = "one straight sequence")]
fn questions() -> Vec<Asked> {
    vec![
        get(
            "/",
            HTML,
            Patched("the key against stale caches is each start's own"),
        ),
        get("/red/red.min.js", &[], Same),
        get("/red/images/node-red.svg", &[], Same),
        get("/vendor/vendor.js", &[], Same),
        get(
            "/red/no-such-file.js",
            &[],
            Own("the page of a 404 is the gate's own"),
        ),
        get("/favicon.ico", &[], Same),
        get("/theme", JSON, Same),
        get("/locales/nodes?lng=en-US", JSON, Same),
        get(
            "/locales/editor?lng=de",
            JSON,
            Patched("the word for a deploy that is queued"),
        ),
        get(
            "/settings",
            JSON,
            Patched("permissions and the word on the button"),
        ),
        get(
            "/settings/user",
            JSON,
            Own("each user has settings of their own"),
        ),
        get("/flows", JSON, Same),
        get("/flows", V2, Same),
        get("/flows", NO_SUCH, Same),
        get("/flows/state", JSON, Same),
        get("/flow/t1", JSON, Same),
        get("/flow/global", JSON, Same),
        get("/flow/none", JSON, Same),
        get("/nodes", JSON, Same),
        get("/nodes", HTML, Same),
        get("/nodes/node-red", JSON, Same),
        get("/nodes/node-red/inject", JSON, Same),
        get("/nodes/no-such-module", JSON, Same),
        get("/plugins", JSON, Same),
        get("/plugins", HTML, Patched("the count of what waits")),
        get("/icons", JSON, Same),
        get("/icons/node-red/inject.svg", &[], Same),
        get("/context/global", JSON, Same),
        get("/library/local/flows/", JSON, Same),
        get("/credentials/http-request/none", JSON, Same),
        get(
            "/auth/login",
            JSON,
            Own("the gate tells the way to its own login"),
        ),
        get("/hello", &[], Same),
        get("/hello?a=1&b=%20x", &[], Same),
        get("/projects", JSON, Refused(403, "projects are Redkeep's")),
        get(
            "/settings/user/keys",
            JSON,
            Refused(403, "Node-RED's SSH keys are not used"),
        ),
        Asked {
            method: "POST",
            path: "/inject/none",
            headers: JSON,
            body: Some(json!({})),
            allowed: Own("the gate itself looks up whether the id is an inject node"),
        },
        Asked {
            method: "HEAD",
            path: "/flows",
            headers: JSON,
            body: None,
            allowed: Same,
        },
        Asked {
            method: "POST",
            path: "/nodes",
            headers: JSON,
            body: Some(json!({"module": "x"})),
            allowed: Refused(403, "packages are held"),
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn node_red_5_is_the_same_through_the_gate() {
    compare(NodeRed::V5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_red_4_is_the_same_through_the_gate() {
    compare(NodeRed::V4).await;
}

async fn compare(node_red: NodeRed) {
    let flows = flows::greeting("/hello", "one");
    let redkeep = Redkeep::start(Options {
        node_red,
        ..Options::default()
    })
    .await;
    redkeep.person("ada", "administrator").await;
    let author = redkeep.author().await;
    redkeep.run_flows(&author, &flows).await;
    let gated = redkeep.token("ada", &["admin"]).await;
    redkeep.endpoint(&gated, "/hello").await;
    let data = DataDir::with(node_red).await;
    let bare = Bare::start(&data, &flows).await;
    let mut differences = Vec::new();
    for asked in questions() {
        let through = through(&redkeep, &gated, &asked).await;
        let direct = bare
            .ask(asked.method, asked.path, asked.headers, asked.body.as_ref())
            .await;
        if let Some(difference) = differs(&asked, &direct, &through) {
            differences.push(format!("{} {}: {difference}", asked.method, asked.path));
        }
    }
    assert!(
        differences.is_empty(),
        "not named here:\n{}",
        differences.join("\n")
    );
}

async fn through(redkeep: &Redkeep, client: &Client, asked: &Asked) -> Answer {
    let mut request = client.ask(asked.method, redkeep.gate_url(asked.path));
    for (name, value) in asked.headers {
        request = request.header(name, value);
    }
    match &asked.body {
        Some(body) => request.json(body).send().await,
        None => request.send().await,
    }
}

fn differs(asked: &Asked, direct: &Answer, through: &Answer) -> Option<String> {
    if let Refused(status, why) = asked.allowed {
        let is_refused = through.status == status;
        return (!is_refused).then(|| format!("{} instead of {status} ({why})", through.status));
    }
    if direct.status != through.status {
        return Some(format!(
            "status {} became {}",
            direct.status, through.status
        ));
    }
    let kind = |answer: &Answer| {
        answer
            .header("content-type")
            .to_lowercase()
            .replace(' ', "")
    };
    if matches!(asked.allowed, Same | Patched(_)) && kind(direct) != kind(through) {
        return Some(format!(
            "content type {} became {}",
            kind(direct),
            kind(through)
        ));
    }
    if asked.allowed != Same || direct.body == through.body {
        return None;
    }
    let (one, other) = (shortened(&direct.text()), shortened(&through.text()));
    Some(format!(
        "body of {} bytes became {}:\n  {one}\n  {other}",
        direct.body.len(),
        through.body.len()
    ))
}

fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
