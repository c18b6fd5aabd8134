//! What is accepted: forms of our own pages, with their session's token, and nothing else.

use axum::http::Method;
use model::{access::Role, instance::RehearsalPolicy};
use store::SessionKind;

use crate::{
    house::{GATE, ORIGIN},
    http::{Ask, Console},
};

/// Every page that does something.
fn posts() -> Vec<String> {
    let posts = console::PAGE_ROUTES
        .iter()
        .filter(|(method, _)| *method == "post");
    posts
        .map(|(_, path)| {
            path.replace("{id}", "1")
                .replace("{number}", "1")
                .replace("{kind}", "added")
        })
        .collect()
}

#[tokio::test]
async fn a_form_from_another_origin_is_refused_everywhere() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let csrf = console.get(&ada, "/account").await.field("csrf");
    let elsewhere = [
        vec![("origin", GATE)],
        vec![("origin", "null")],
        vec![("origin", "https://keep.localhost:8443.evil.example")],
        vec![("origin", "http://keep.localhost:8443")],
        vec![],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("origin", ORIGIN), ("sec-fetch-site", "same-site")],
    ];
    for path in posts() {
        for headers in &elsewhere {
            let mut ask = Ask::new(Method::POST, &path).session(&ada);
            for (name, value) in headers {
                ask = ask.with(name, value);
            }
            let ask = ask.with("content-type", "application/x-www-form-urlencoded");
            let answer = ask.with("x-csrf", &csrf).send(&console.router).await;
            assert_eq!(answer.status, 403, "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn a_form_without_its_token_is_refused() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let rita = console.person("rita", Role::Reviewer).await;
    let other = console.get(&rita, "/account").await.field("csrf");
    let guarded = posts().into_iter().filter(|path| {
        !matches!(
            path.as_str(),
            "/sign-in"
                | "/sign-in/passkey"
                | "/sign-in/with"
                | "/enrol"
                | "/enrol/confirm"
                | "/enrol/passkey"
        )
    });
    for path in guarded {
        for token in ["", "0", other.as_str()] {
            let ask = Ask::post(&path, &[("csrf", token)]).session(&ada);
            assert_eq!(
                ask.send(&console.router).await.status,
                403,
                "{path} {token:?}"
            );
        }
        let nobody = Ask::post(&path, &[("csrf", &other)])
            .send(&console.router)
            .await;
        assert_eq!(
            nobody.expect(303).header("location"),
            "/sign-in?next=%2F",
            "{path}"
        );
    }
}

#[tokio::test]
async fn an_editor_session_and_a_token_open_no_page() {
    let console = Console::new().await;
    console.person("ada", Role::Administrator).await;
    let gate = console.session("ada", SessionKind::Gate).await;
    console.get(&gate, "/").await.expect(303);
    let by = Ask::get("/api/v1/users")
        .session(&gate)
        .send(&console.router)
        .await;
    assert_eq!(by.status, 401);
    let caller = console.house.caller("ada").await;
    let new = store::NewToken {
        user: caller.principal.user,
        label: "t".to_owned(),
        scopes: vec![model::access::Scope::Admin],
        expires_at: console.house.store.clock().now().plus_seconds(60),
        networks: Vec::new(),
    };
    let (_, secret) = console
        .house
        .store
        .make_token(new, &caller.actor())
        .await
        .unwrap();
    Ask::get("/")
        .bearer(&secret)
        .send(&console.router)
        .await
        .expect(303);
}

#[tokio::test]
async fn another_origins_page_cannot_fetch_ours() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    for path in ["/", "/api/v1/users", "/deployments"] {
        for (mode, dest) in [
            ("no-cors", "image"),
            ("cors", "empty"),
            ("navigate", "iframe"),
        ] {
            let ask = Ask::get(path)
                .session(&ada)
                .with("sec-fetch-site", "same-site");
            let ask = ask
                .with("sec-fetch-mode", mode)
                .with("sec-fetch-dest", dest);
            assert_eq!(ask.send(&console.router).await.status, 403, "{path} {dest}");
        }
    }
    let link = Ask::get("/")
        .session(&ada)
        .with("sec-fetch-site", "same-site");
    let link = link
        .with("sec-fetch-mode", "navigate")
        .with("sec-fetch-dest", "document");
    link.send(&console.router).await.expect(200);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let large = "x".repeat(300 << 10);
    let answer = console
        .post(&ada, "/settings/policy", &[("commands", &large)])
        .await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
}

#[tokio::test]
async fn a_forms_token_is_another_in_each_answer() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let one = console.get(&ada, "/account").await.field("csrf");
    let two = console.get(&ada, "/account").await.field("csrf");
    // Neither the pad nor what lies under it may stand in two answers: lengths would tell it.
    assert_eq!(one.len(), 128);
    for (one, two) in [(&one[..64], &two[..64]), (&one[64..], &two[64..])] {
        assert_ne!(one, two);
    }
    let turned = if one.ends_with('0') { "1" } else { "0" };
    let turned = format!("{}{turned}", &one[..127]);
    for (token, is_good) in [(&one, true), (&two, true), (&one, true), (&turned, false)] {
        let ask = Ask::post("/record/verify", &[("csrf", token)]).session(&ada);
        let answer = ask.send(&console.router).await;
        let is_let_in = answer.status.as_u16() != 403;
        assert_eq!(is_let_in, is_good, "{token}: {}", answer.status);
    }
}

#[tokio::test]
async fn an_instances_rehearsals_are_set_on_its_page() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let page = console.get(&ada, "/settings").await.expect(200);
    let chosen = r#"value="shown" checked"#;
    assert!(page.text.contains(chosen), "{}", page.text);
    for (rehearsal, policy) in [
        ("required", RehearsalPolicy::Required),
        ("off", RehearsalPolicy::Off),
        ("shown", RehearsalPolicy::Shown),
    ] {
        let fields = [("instance", "main"), ("rehearsal", rehearsal)];
        let set = console.post(&ada, "/settings/policy", &fields).await;
        set.expect(303);
        let instance = console.house.store.instance(&console.house.main).await;
        assert_eq!(instance.unwrap().policy.rehearsal, policy);
    }
}
