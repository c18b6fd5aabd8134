//! Every page, for every role, with whatever strangers put into it.

use model::access::Role;
use store::LogLevel;

use crate::http::{Ask, Console};

/// Flows by somebody who means harm: markup in every place a page shows.
pub(crate) const HOSTILE: &str = r#"[
{"id":"t<b>","type":"tab","label":"<script>alert(1)</script>","info":"\u202e"},
{"id":"c\"","type":"mqtt-broker","name":"'\"><img src=x onerror=alert(1)>","broker":"x\" onload=\"y"},
{"id":"f","type":"function","z":"t<b>","name":"</textarea><script>alert(2)</script>","func":"</td><script>alert(3)</script>\nreturn msg;","x":100,"y":80,"wires":[["gone"]],"</code><script>":"<svg onload=alert(4)>"},
{"id":"e","type":"exec","z":"t<b>","name":"e","command":"\"><script>","x":300,"y":80,"wires":[[],[],[]]}
]"#;

async fn filled() -> (Console, Vec<(Role, String)>) {
    let console = Console::new().await;
    let mut people = Vec::new();
    for role in Role::ALL {
        people.push((role, console.person(role.as_str(), role).await));
    }
    let first = console.house.propose("editor", HOSTILE).await;
    console.house.apply("reviewer", first).await;
    console
        .house
        .propose("editor", &HOSTILE.replace("return msg;", "return null;"))
        .await;
    let text = "<script>alert(5)</script>\u{1b}[31m".to_owned();
    let lines = [(console.house.store.clock().now(), LogLevel::Error, text)];
    console
        .house
        .store
        .keep_log(&console.house.main, &lines)
        .await
        .unwrap();
    (console, people)
}

fn paths() -> Vec<String> {
    let mut paths = Vec::new();
    let pages = console::PAGE_ROUTES
        .iter()
        .filter(|(method, _)| *method == "get");
    for (_, path) in pages {
        for id in ["1", "2"] {
            for step in 1..=6 {
                paths.push(
                    path.replace("{id}", id)
                        .replace("{kind}", "added")
                        .replace("{number}", &step.to_string()),
                );
            }
        }
    }
    for query in [
        "?mode=before",
        "?mode=after",
        "?tab=t%3Cb%3E",
        "?from=1",
        "?done=applied",
    ] {
        paths.push(format!("/deployments/1{query}"));
    }
    for path in [
        "/deployments?show=all&instance=main",
        "/deployments/2/steps/1?full=1",
    ] {
        paths.push(path.to_owned());
    }
    for path in [
        "/record?kind=login+failed&user=%3Cscript%3E",
        "/logs?instance=main&after=1",
    ] {
        paths.push(path.to_owned());
    }
    paths.sort();
    paths.dedup();
    paths
}

/// The checks on every answer (no script, no handlers, the policy) are made by the client.
#[tokio::test]
async fn every_page_renders_for_every_role_whatever_it_shows() {
    let (console, people) = filled().await;
    for (role, session) in &people {
        for path in paths() {
            let answer = console.get(session, &path).await;
            let status = answer.status.as_u16();
            assert!(
                matches!(status, 200 | 303 | 403 | 404 | 409),
                "{role} {path}: {status}"
            );
            let is_of_all = matches!(
                path.as_str(),
                "/" | "/account" | "/settings" | "/components"
            );
            if *role == Role::Administrator || is_of_all {
                assert!(status < 500 && status != 403, "{role} {path}: {status}");
            }
        }
    }
    let admin = &people
        .iter()
        .find(|(role, _)| *role == Role::Administrator)
        .unwrap()
        .1;
    let shown = console.get(admin, "/deployments/1").await.expect(200).text;
    assert!(
        shown.contains("&#60;script&#62;alert(1)"),
        "the label is shown, escaped"
    );
}

#[tokio::test]
async fn what_a_role_may_not_see_it_does_not_see() {
    let (console, people) = filled().await;
    let table = [
        ("/deployments", [false, true, true, true, true]),
        ("/deployments/1", [false, true, true, true, true]),
        ("/deployments/2/confirm", [false, false, true, true, false]),
        ("/history", [false, true, true, true, true]),
        ("/record", [false, false, true, true, true]),
        ("/access", [false, false, false, true, false]),
        ("/logs", [false, true, true, true, true]),
        ("/", [true; 5]),
    ];
    for (path, allowed) in table {
        for ((role, session), allowed) in people.iter().zip(allowed) {
            let status = console.get(session, path).await.status.as_u16();
            assert_eq!(status, if allowed { 200 } else { 403 }, "{role} {path}");
        }
    }
}

#[tokio::test]
async fn nobody_sees_nothing_but_the_doors() {
    let (console, _) = filled().await;
    for path in paths() {
        let answer = Ask::get(&path)
            .with("sec-fetch-site", "none")
            .send(&console.router)
            .await;
        let open = ["/sign-in", "/sign-in/continue"];
        if open.contains(&path.as_str()) {
            answer.expect(200);
        } else if path == "/enrol"
            || path.starts_with("/install")
            || path.starts_with("/sign-in/back/")
        {
            // Without a link there is nothing to enrol with; without an authority, no root.
            answer.expect(404);
        } else {
            let answer = answer.expect(303);
            assert!(
                answer.header("location").starts_with("/sign-in?next="),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn assets_are_kept_and_named_by_their_content() {
    let console = Console::new().await;
    let page = Ask::get("/sign-in/continue")
        .send(&console.router)
        .await
        .expect(200);
    let (_, rest) = page.text.split_once("href=\"/assets/console.").unwrap();
    let path = format!("/assets/console.{}", rest.split('"').next().unwrap());
    let style = Ask::get(&path).send(&console.router).await.expect(200);
    assert!(style.header("cache-control").contains("immutable"));
    assert!(
        style.text.contains(".rk-picture"),
        "the picture's rules are in it"
    );
    assert!(
        !style.text.contains("url("),
        "nothing is fetched from a stylesheet"
    );
    Ask::get("/assets/mark.svg")
        .send(&console.router)
        .await
        .expect(200);
}

#[tokio::test]
async fn what_is_hidden_in_code_is_shown_to_the_reviewer() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    let flows = r#"[{"id":"t","type":"tab","label":"T"},{"id":"f","type":"function","z":"t","func":"if (a\u202e) {\u200b}\nreturn msg;","x":1,"y":1,"wires":[]}]"#;
    console.house.propose("ed", flows).await;
    let mut pages = String::new();
    for step in 1..=2 {
        pages += &console
            .get(&rita, &format!("/deployments/1/steps/{step}"))
            .await
            .text;
    }
    assert!(pages.contains("⟨U+202E⟩") && pages.contains("⟨U+200B⟩"));
}
