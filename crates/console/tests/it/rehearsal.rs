//! A rehearsal that led nowhere is asked for again from the page and by the API.

use axum::http::Method;
use model::{access::Role, clock::Timestamp, rehearsal::Rehearsal};

use crate::http::{Ask, Console};

const ONE: &str = r#"[{"id":"t","type":"tab","label":"Tab"}]"#;
const AGAIN: &str = "Rehearse again";

#[tokio::test]
async fn whoever_decides_can_have_it_tried_again() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    let ed = console.person("ed", Role::Editor).await;
    let id = console.house.propose("ed", ONE).await;
    let store = &console.house.store;
    let impossible = Rehearsal::Impossible {
        at: Timestamp(1),
        why: "no namespaces here".into(),
    };
    for by_api in [false, true] {
        let deployment = store.deployment(id).await.unwrap();
        assert!(store.set_rehearsal(&deployment, &impossible).await.unwrap());
        let page = console.get(&rita, "/deployments/1").await.expect(200);
        assert!(page.text.contains(AGAIN), "{}", page.text);
        let page = console.get(&ed, "/deployments/1").await.expect(200);
        assert!(!page.text.contains(AGAIN));
        let path = "/deployments/1/rehearse";
        console.post(&ed, path, &[]).await.expect(403);
        assert!(store.rehearsal(id).await.unwrap().is_some());
        if by_api {
            let ask = Ask::new(Method::POST, &format!("/api/v1{path}"));
            let ask = ask.session(&rita).with("origin", crate::house::ORIGIN);
            ask.send(&console.router).await.expect(200);
        } else {
            console.post(&rita, path, &[]).await.expect(303);
        }
        assert_eq!(store.rehearsal(id).await.unwrap(), None);
        // It waits already: nothing to ask for.
        let page = console.get(&rita, "/deployments/1").await.expect(200);
        assert!(page.text.contains("Waits for its turn") && !page.text.contains(AGAIN));
    }
}
