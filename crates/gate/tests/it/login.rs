//! Coming in by way of the console, and going out.

use http::StatusCode;
use model::access::Role;
use store::SessionKind;

use crate::house::House;

#[tokio::test]
async fn a_browser_is_sent_to_the_console_and_comes_back() {
    let house = House::new().await;
    let page = || house.request("GET", "/?x=1").header("accept", "text/html");
    let answer = house.send(page(), "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    assert!(
        location.starts_with("https://keep.localhost:9443/sign-in?gate=main&state="),
        "{location}"
    );
    let state = location
        .split("state=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Secure")
    );
    let entry = cookie.split(';').next().unwrap().to_owned();

    let user = house.user("ann", Role::Editor).await;
    let console = house
        .store
        .open_session(user, SessionKind::Console, None, None, "test")
        .await
        .unwrap()
        .0;
    let code = house.store.issue_entry_code(&console, &state);
    let enter = format!("/.redkeep/enter?code={code}&state={state}");
    // Without this browser's cookie the code is worth nothing, and is not used up.
    let answer = house.send(house.request("GET", &enter), "").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = house
        .send(house.request("GET", &enter).header("cookie", &entry), "")
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.headers["location"], "/?x=1");
    let session = answer.headers["set-cookie"]
        .to_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert!(session.starts_with("__Host-redkeep-gate="));
    assert_eq!(house.get("/flows", &session).await.status, StatusCode::OK);
    let again = house
        .send(house.request("GET", &enter).header("cookie", &entry), "")
        .await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "a code is good once");

    let answer = house
        .send(house.script("POST", "/.redkeep/leave", &session), "")
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(
        house.get("/flows", &session).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_program_is_told_and_the_editor_offers_to_sign_in() {
    let house = House::new().await;
    let answer = house.send(house.request("GET", "/flows"), "").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["code"], "unauthorized");
    let answer = house.send(house.request("GET", "/auth/login"), "").await;
    assert_eq!(answer.json()["prompts"][0]["url"], "/");
    let picture = answer.json()["image"].as_str().unwrap().to_owned();
    assert!(
        picture.starts_with("data:image/"),
        "a picture behind the login is never shown"
    );
    let cookie = house.session("ann", Role::Editor).await;
    assert_eq!(
        house.get("/auth/login", &cookie).await.json(),
        serde_json::json!({})
    );
    assert!(house.node_red.seen().is_empty());
}

#[tokio::test]
async fn neither_a_console_session_nor_a_doubled_cookie_is_good_here() {
    let house = House::new().await;
    let user = house.user("ann", Role::Editor).await;
    let opened = house
        .store
        .open_session(user, SessionKind::Console, None, None, "x")
        .await
        .unwrap();
    let console = format!("__Host-redkeep-gate={}", opened.1.0);
    assert_eq!(
        house.get("/flows", &console).await.status,
        StatusCode::UNAUTHORIZED
    );
    let good = house.session_of(user).await;
    let doubled = format!("{good}; {good}");
    assert_eq!(
        house.get("/flows", &doubled).await.status,
        StatusCode::UNAUTHORIZED
    );
}
