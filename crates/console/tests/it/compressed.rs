//! Pages of a review go compressed; pages with a secret never do.

use std::io::Read as _;

use axum::{
    body::Body,
    http::{Request, header},
};
use http_body_util::BodyExt as _;
use model::access::Role;
use tower::ServiceExt as _;

use crate::http::Console;

/// The answer's encoding, and its bytes as they go over the line.
async fn asked(console: &Console, session: &str, path: &str, takes: &str) -> (String, Vec<u8>) {
    let request = Request::get(path)
        .header(header::COOKIE, format!("__Host-redkeep-console={session}"))
        .header(header::ACCEPT_ENCODING, takes)
        .body(Body::empty())
        .unwrap();
    let response = console.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    let headers = response.headers();
    let said = headers.get(header::CONTENT_ENCODING);
    let said = said.map_or("", |it| it.to_str().unwrap()).to_owned();
    assert_eq!(
        headers.contains_key(header::VARY),
        !said.is_empty(),
        "{path}"
    );
    assert!(
        headers.contains_key(header::CONTENT_SECURITY_POLICY),
        "{path}"
    );
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (said, bytes.to_vec())
}

#[tokio::test]
async fn a_review_page_of_a_large_deployment_is_small_on_the_line() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let nodes = (0..3_000).map(|n| {
        format!(
            r#",{{"id":"n{n}","type":"change","z":"t","name":"step {n}","x":{},"y":{},"wires":[["n{}"]],"rules":[{{"t":"set","p":"payload.{n}","to":"{}"}}]}}"#,
            n % 60 * 160,
            n / 60 * 60,
            n + 1,
            n * 7919,
        )
    });
    let flows = format!(
        r#"[{{"id":"t","type":"tab","label":"Large"}}{}]"#,
        nodes.collect::<String>()
    );
    let id = console.house.propose("ada", &flows).await;
    for path in ["", "/steps/1", "/steps/2", "/confirm", "/together/added"] {
        let path = format!("/deployments/{id}{path}");
        let (said, packed) = asked(&console, &ada, &path, "gzip, br").await;
        assert_eq!(said, "gzip", "{path}");
        assert!(packed.len() < 200_000, "{path}: {} bytes", packed.len());
        let mut page = String::new();
        let mut unpacked = flate2::read::GzDecoder::new(packed.as_slice());
        unpacked.read_to_string(&mut page).unwrap();
        assert!(page.ends_with("</html>"), "{path} is cut");
        assert!(page.len() > 3 * packed.len(), "{path} hardly shrank");
        let (said, plain) = asked(&console, &ada, &path, "br, gzip;q=0").await;
        assert!(
            said.is_empty() && plain.starts_with(b"<!doctype html>"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn pages_with_secrets_are_never_compressed() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    for path in [
        "/account",
        "/access",
        "/settings",
        "/logs",
        "/record",
        "/api/v1/instances",
    ] {
        let (said, _) = asked(&console, &ada, path, "gzip").await;
        assert_eq!(said, "", "{path}");
    }
    let (said, _) = asked(&console, &ada, "/history", "gzip").await;
    assert_eq!(said, "gzip", "and others are");
}
