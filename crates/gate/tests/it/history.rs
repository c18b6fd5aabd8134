//! Git's client at the gate: who it is told by a password, here and nowhere else.

use http::StatusCode;
use model::access::{Role, Scope};

use crate::house::House;

const HEAD: &str = "/.redkeep/history.git/HEAD";

fn basic(bearer: &str) -> String {
    let secret = bearer.trim_start_matches("Bearer ");
    let pair = format!("anyone:{secret}");
    format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()))
}

#[tokio::test]
async fn a_token_is_taken_as_password_for_the_history_alone() {
    let house = House::new().await;
    let password = basic(&house.token("ann", Role::Auditor, Scope::Read).await);
    let ask = |method: &str, path: &str| {
        house
            .request(method, path)
            .header("authorization", &password)
    };
    let answer = house.send(ask("GET", HEAD), "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        house.send(ask("GET", "/flows"), "").await.status,
        StatusCode::UNAUTHORIZED
    );
    let push = ask("POST", "/.redkeep/history.git/git-receive-pack");
    assert!(house.send(push, "").await.status.is_client_error());
    assert!(house.node_red.seen().is_empty(), "Node-RED was asked");

    // The editor's page has its user's session, and its scripts are not to be trusted with this.
    let session = house.session("ada", Role::Administrator).await;
    let by_session = house.get(HEAD, &session).await;
    assert_eq!(by_session.status, StatusCode::FORBIDDEN);

    let viewer = basic(&house.token("vic", Role::Viewer, Scope::Read).await);
    let refused = house.request("GET", HEAD).header("authorization", &viewer);
    assert_eq!(house.send(refused, "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn only_git_is_asked_for_a_password() {
    let house = House::new().await;
    let challenge = async |agent: &str, more: &[(&str, &str)]| {
        let mut request = house.request("GET", HEAD).header("user-agent", agent);
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        let answer = house.send(request, "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        answer.headers["www-authenticate"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert!(challenge("git/2.47.3", &[]).await.starts_with("Basic "));
    assert!(challenge("Mozilla/5.0", &[]).await.starts_with("Bearer "));
    // A script of the editor's page may name itself as it likes; its browser tells what it is.
    assert!(
        challenge("git/2", &[("sec-fetch-mode", "cors")])
            .await
            .starts_with("Bearer ")
    );
}
