//! Sessions as they are listed and ended, wall displays, and the one list of factors.

use model::{
    access::Role,
    rules::{AccessRules, Source},
};
use serde_json::json;
use store::SessionKind;

use crate::{
    house::PASSWORD,
    http::{Ask, Console},
};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";

async fn named(console: &Console) {
    let text = r#"{"networks":{"plant":["192.0.2.0/24"]}}"#;
    let rules: AccessRules = serde_json::from_str(text).unwrap();
    let by = model::principal::Actor::System;
    let set = console.house.store.set_access_rules(0, &rules, None, &by);
    set.await.unwrap();
}

#[tokio::test]
async fn sessions_say_on_what_device_and_from_which_network_and_end_but_for_this_one() {
    let console = Console::new().await;
    named(&console).await;
    let ed = console.person("ed", Role::Editor).await;
    let user = console.house.caller("ed").await.principal.user;
    let hostile = "<script>\u{202e}evil".repeat(20);
    for agent in [FIREFOX, hostile.as_str()] {
        let address = Some("192.0.2.9".parse().unwrap());
        let kind = SessionKind::Console;
        let opened = console
            .house
            .store
            .open_session(user, kind, None, address, agent);
        opened.await.unwrap();
    }
    let page = console.get(&ed, "/account").await.expect(200);
    assert!(page.text.contains("Firefox on Linux"), "{}", page.text);
    assert!(page.text.contains("192.0.2.9 (plant)"));
    assert!(page.text.contains("a program that calls itself") && !page.text.contains('\u{202e}'));
    let listed = Ask::get("/api/v1/sessions").session(&ed);
    let listed = listed.send(&console.router).await.expect(200).json();
    let found = listed["sessions"].as_array().unwrap().iter();
    let found: Vec<_> = found.map(|it| (&it["device"], &it["network"])).collect();
    assert_eq!(found[1], (&json!("Firefox on Linux"), &json!("plant")));
    assert_eq!(found.len(), 3);
    let others = "/account/sessions/revoke-others";
    console.post(&ed, others, &[]).await.expect(303);
    assert_eq!(
        console
            .house
            .store
            .sessions(Some(user))
            .await
            .unwrap()
            .len(),
        1
    );
    console.get(&ed, "/account?done=others").await.expect(200);
}

#[tokio::test]
async fn an_administrator_makes_a_wall_display_and_revokes_it() {
    let console = Console::new().await;
    named(&console).await;
    let ada = console.person("ada", Role::Administrator).await;
    let ed = console.person("ed", Role::Editor).await;
    let path = "/access/kiosks";
    let fields = |networks: &'static str| {
        let mut fields = vec![("name", "control <room>"), ("instance", "main")];
        fields.extend([
            ("path", "/dashboard"),
            ("days", "14"),
            ("networks", networks),
        ]);
        fields
    };
    console.post(&ed, path, &fields("plant")).await.expect(403);
    // A name nobody defined would let nobody in; what was typed stays.
    let wrong = console.post(&ada, path, &fields("plnat")).await.expect(422);
    assert!(wrong.text.contains("There is no network called plnat"));
    assert!(
        wrong.text.contains("value=\"control &#60;room&#62;\"")
            && wrong.text.contains("value=\"14\"")
    );
    let made = console.post(&ada, path, &fields("plant")).await.expect(200);
    let (_, rest) = made.text.split_once("/.redkeep/kiosk?code=").unwrap();
    let link = rest.split('<').next().unwrap();
    assert!(made.text.contains("<svg class=\"qr\""));
    let listed = console.house.store.kiosks().await.unwrap().remove(0);
    let plant: Vec<Source> = vec!["plant".parse().unwrap()];
    assert_eq!((listed.networks, listed.life_seconds), (plant, 14 * 86_400));
    let page = console.get(&ada, "/access").await.expect(200);
    assert!(page.text.contains("link not opened yet") && !page.text.contains(link));
    let from = "192.0.2.30".parse().unwrap();
    let store = &console.house.store;
    let opened = store
        .open_kiosk(link, &console.house.main, from, FIREFOX)
        .await;
    let (secret, _) = opened.unwrap().unwrap();
    let page = console.get(&ada, "/access").await.expect(200);
    assert!(
        page.text.contains("Firefox on Linux, 192.0.2.30 (plant)"),
        "{}",
        page.text
    );
    // Its cookie opens nothing of the console.
    console.get(&secret.0, "/account").await.expect(303);
    let revoke = format!("/access/kiosks/{}/revoke", listed.id);
    console.post(&ed, &revoke, &[]).await.expect(403);
    console.post(&ada, &revoke, &[]).await.expect(303);
    let main = &console.house.main;
    assert!(
        store
            .kiosk_principal(&secret.0, main, from)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn all_that_somebody_signs_in_with_is_in_one_list_with_its_last_use() {
    let console = Console::new().await;
    let ed = console.person("ed", Role::Editor).await;
    let list = async || {
        let page = console.get(&ed, "/account").await.expect(200);
        let (_, list) = page.text.split_once("<h2 id=\"factors\">").unwrap();
        list.split("</section>").next().unwrap().to_owned()
    };
    let before = list().await;
    for what in [
        "Password",
        "Codes of an authenticator app",
        "Recovery codes",
    ] {
        assert!(before.contains(what), "{what}: {before}");
    }
    assert_eq!(before.matches(">never<").count(), 3, "{before}");
    let fields = [("name", "ed"), ("password", PASSWORD)];
    let sign_in = Ask::post("/sign-in", &fields).send(&console.router);
    sign_in.await.expect(303);
    let after = list().await;
    assert_eq!(after.matches(">never<").count(), 2, "{after}");
}
