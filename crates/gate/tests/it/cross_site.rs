//! Another site's page, with the user's session.

use http::StatusCode;
use model::access::{Role, Scope};

use crate::house::House;

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Administrator).await;
    for (origin, site) in [
        (None, None),
        (Some("null"), Some("cross-site")),
        (Some("https://evil.example"), Some("cross-site")),
        (Some("https://keep.localhost:9443"), Some("same-site")),
        (Some(house.origin.as_str()), Some("cross-site")),
    ] {
        for path in [
            "/flows",
            "/inject/i1",
            "/api/pump/1",
            "/.redkeep/leave",
            "/settings/user",
        ] {
            let mut request = house.request("POST", path).header("cookie", &cookie);
            if let Some(origin) = origin {
                request = request.header("origin", origin);
            }
            if let Some(site) = site {
                request = request.header("sec-fetch-site", site);
            }
            let answer = house.send(request, "").await;
            assert_eq!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{path} from {origin:?}"
            );
        }
    }
    assert!(house.node_red.seen().is_empty());
}

#[tokio::test]
async fn a_token_needs_no_page() {
    let house = House::new().await;
    let token = house.token("bot", Role::Editor, Scope::Propose).await;
    let request = house
        .request("POST", "/inject/i1")
        .header("authorization", &token);
    assert_eq!(house.send(request, "").await.status, StatusCode::OK);
    assert!(!house.node_red.last().headers.contains_key("authorization"));
    let wrong = house
        .request("GET", "/flows")
        .header("authorization", "Bearer rk_wrong");
    assert_eq!(house.send(wrong, "").await.status, StatusCode::UNAUTHORIZED);
}
