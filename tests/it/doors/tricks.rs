//! Paths, bodies and framing that two readers could read differently.

use serde_json::json;
use testkit::{Client, Redkeep, flows};

use super::reject_all;

/// Every way to write the address of a route that changes what runs.
pub(super) async fn path_tricks_apply_nothing(redkeep: &Redkeep, author: &Client) {
    let before = redkeep.running(author).await;
    let smuggled = json!({"flows": flows::greeting("/smuggled", "in")});
    let flow = json!({"label": "smuggled", "nodes": []});
    let paths = [
        "/flows/",
        "/Flows",
        "/FLOWS",
        "/%66lows",
        "/%46LOWS/",
        "//flows",
        "/./flows",
        "/x/../flows",
        "/flows;x",
        "/flows%2f",
        "/flows%00",
        "/flows%20",
        "/flows?x=/flows/state",
        "/flows#x",
        "/flow",
        "/flow/",
        "/FLOW",
        "/%66low",
        "/flow/t1",
        "/Flow/t1/",
        "/flow/%74%31",
        "/flow/global",
        "/flow//t1",
        "/flow/t1/../t1",
        "/nodes",
        "/nodes/",
        "/Nodes",
        "/projects",
        "/projects/x",
        "/flows/state",
        "/flows/State/",
        "/library/local/flows/x",
        "/.redkeep/flows",
        "/settings/user/keys",
    ];
    for path in paths {
        for method in ["POST", "PUT", "DELETE", "PATCH", "POST"] {
            let body = if path.to_lowercase().contains("flows") {
                &smuggled
            } else {
                &flow
            };
            let url = redkeep.gate_url(path.split('#').next().unwrap());
            let asked = author
                .ask(method, url)
                .header("node-red-api-version", "v2")
                .header("x-http-method-override", "POST")
                .header("x-original-url", "/flows")
                .header("x-rewrite-url", "/flows")
                .json(body);
            let status = asked.send().await.status;
            assert!(status < 500, "{method} {path}: {status}");
        }
    }
    assert_eq!(
        redkeep.running(author).await,
        before,
        "a path trick was applied"
    );
    assert_eq!(author.get(redkeep.gate_url("/hello")).await.text(), "one");
    reject_all(redkeep).await;
}

/// Bodies and framing that two readers could read differently.
pub(super) async fn framing_tricks_apply_nothing(redkeep: &Redkeep, author: &Client) {
    let before = redkeep.running(author).await;
    let known = redkeep.newest().await;
    let host = redkeep.editor().trim_start_matches("https://");
    let bearer = author.bearer().unwrap();
    let inner = json!({"flows": flows::greeting("/smuggled", "in")}).to_string();
    let smuggle = format!(
        "POST /flows HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{inner}",
        inner.len()
    );
    let start = |rest: &str| {
        format!("GET /flows HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\n{rest}")
    };
    let ambiguous = [
        start(&format!(
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggle}"
        )),
        start(&format!(
            "Content-Length: 0\r\nContent-Length: 5\r\n\r\n{smuggle}"
        )),
        start(&format!(
            "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggle}"
        )),
        start(&format!(
            "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{smuggle}"
        )),
        start(&format!(
            "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggle}"
        )),
    ];
    for request in &ambiguous {
        let answer = author.raw(redkeep.editor(), request.as_bytes()).await;
        let first = answer.lines().next().unwrap_or_default();
        assert!(!first.contains(" 200 "), "{request}\n→ {first}");
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(
            answers <= 1,
            "a second request was read out of the first:\n{request}\n{answer}"
        );
    }
    let forms = [
        (
            "application/x-www-form-urlencoded",
            "label=csrf&nodes[0][id]=a&nodes[0][type]=comment",
        ),
        ("text/plain", "{\"label\":\"x\",\"nodes\":[]}"),
        ("multipart/form-data; boundary=x", "--x--"),
    ];
    for (kind, body) in forms {
        for path in ["/flow", "/flows", "/nodes"] {
            let asked = redkeep
                .at_gate(author, "POST", path)
                .header("content-type", kind);
            let status = asked.body(body).send().await.status;
            assert!((400..500).contains(&status), "{kind} {path}: {status}");
        }
    }
    assert_eq!(redkeep.newest().await, known, "something was queued");
    assert_eq!(
        redkeep.running(author).await,
        before,
        "something was applied"
    );
}
