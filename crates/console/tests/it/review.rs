//! A whole review by forms, from queued to applied, and every way it can end otherwise.

use model::{
    access::Role,
    deployment::State,
    id::DeploymentId,
    instance::{OwnChanges, Policy},
};

use crate::http::{Answer, Console};

const ONE: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"a","type":"inject","z":"t","name":"go","x":100,"y":80,"wires":[["f"]]},{"id":"f","type":"function","z":"t","name":"double","func":"msg.payload *= 2;\nreturn msg;","x":300,"y":80,"wires":[[]]}]"#;

struct Review {
    console: Console,
    rita: String,
}

impl Review {
    async fn of(flows: &str) -> (Self, DeploymentId) {
        let console = Console::new().await;
        let rita = console.person("rita", Role::Reviewer).await;
        console.house.user("ed", Role::Editor).await;
        let id = console.house.propose("ed", flows).await;
        (Self { console, rita }, id)
    }

    async fn page(&self, path: &str) -> Answer {
        self.console.get(&self.rita, path).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.console.post(&self.rita, path, fields).await
    }

    async fn state(&self, id: DeploymentId) -> State {
        self.console.house.store.deployment(id).await.unwrap().state
    }

    /// Follows the redirects of a review, approving whatever is asked, to the confirmation.
    async fn approve_all(&self, id: DeploymentId) {
        let mut path = format!("/deployments/{id}/steps/1");
        for _ in 0..20 {
            if path.ends_with("/confirm") {
                return;
            }
            let page = self.page(&path).await.expect(200);
            let (shown, change) = (page.field("shown"), page.field("change"));
            let fields = [
                ("shown", shown.as_str()),
                ("change", &change),
                ("verdict", "approve"),
            ];
            let answer = self.post(&path, &fields).await.expect(303);
            answer.header("location").clone_into(&mut path);
        }
        panic!("the review does not end: {path}");
    }

    async fn apply(&self, id: DeploymentId) -> Answer {
        let path = format!("/deployments/{id}/confirm");
        let page = self.page(&path).await.expect(200);
        let shown = page.field("shown");
        self.post(&path, &[("shown", &shown), ("do", "apply")])
            .await
    }
}

#[tokio::test]
async fn from_queued_to_applied() {
    let (review, id) = Review::of(ONE).await;
    let list = review.page("/deployments").await.expect(200);
    assert!(list.text.contains("Waits for review") && list.text.contains("ed"));
    let show = review.page("/deployments/1").await.expect(200);
    assert!(
        show.text.contains("Start review") && show.text.contains("<svg"),
        "{}",
        show.text
    );
    assert_eq!(review.state(id).await, State::InReview);
    review.approve_all(id).await;
    let confirm = review.page("/deployments/1/confirm").await.expect(200);
    assert!(
        confirm.text.contains("Apply 3 changes to main"),
        "{}",
        confirm.text
    );
    assert!(
        confirm.text.contains(&confirm.field("shown")),
        "the digest is shown"
    );
    let done = review.apply(id).await.expect(303);
    assert_eq!(done.header("location"), "/deployments/1?done=applied");
    assert!(matches!(review.state(id).await, State::Applied { .. }));
    let page = review.page("/deployments/1?done=applied").await.expect(200);
    assert!(page.text.contains("Applied. Node-RED took it and runs."));
    let running = review
        .console
        .house
        .store
        .baseline(&review.console.house.main)
        .await
        .unwrap();
    assert!(running.unwrap().flows.contains("double"));
}

#[tokio::test]
async fn a_rejection_needs_a_reason_and_keeps_what_was_typed() {
    let (review, id) = Review::of(ONE).await;
    let path = "/deployments/1/steps/2";
    let page = review.page(path).await.expect(200);
    let (shown, change) = (page.field("shown"), page.field("change"));
    let fields = [
        ("shown", shown.as_str()),
        ("change", &change),
        ("verdict", "reject"),
    ];
    let again = review.post(path, &fields).await.expect(422);
    assert!(
        again.text.contains("A rejection needs a reason."),
        "{}",
        again.text
    );
    assert_eq!(
        review
            .console
            .house
            .store
            .decisions(id)
            .await
            .unwrap()
            .len(),
        0
    );
    let whole = review
        .post("/deployments/1/reject", &[("reason", "  ")])
        .await
        .expect(422);
    assert!(whole.text.contains("A rejection needs a reason."));
    let why = [("reason", "not <b>now</b>")];
    review.post("/deployments/1/reject", &why).await.expect(303);
    assert!(matches!(review.state(id).await, State::Rejected { .. }));
    let page = review.page("/deployments/1").await.expect(200);
    assert!(page.text.contains("not &#60;b&#62;now"), "{}", page.text);
}

#[tokio::test]
async fn what_was_not_shown_is_not_decided_and_not_applied() {
    let (review, id) = Review::of(ONE).await;
    let page = review.page("/deployments/1/steps/1").await.expect(200);
    let change = page.field("change");
    let other = "0".repeat(64);
    let fields = [
        ("shown", other.as_str()),
        ("change", &change),
        ("verdict", "approve"),
    ];
    let again = review
        .post("/deployments/1/steps/1", &fields)
        .await
        .expect(422);
    assert!(
        again.text.contains("changed since this page was shown"),
        "{}",
        again.text
    );
    review.approve_all(id).await;
    let fields = [("shown", other.as_str()), ("do", "apply")];
    review
        .post("/deployments/1/confirm", &fields)
        .await
        .expect(409);
    assert!(!matches!(review.state(id).await, State::Applied { .. }));
}

#[tokio::test]
async fn nothing_undecided_is_applied() {
    let (review, id) = Review::of(ONE).await;
    let page = review.page("/deployments/1/confirm").await.expect(200);
    assert!(page.text.contains("3 not decided yet") && page.text.contains("disabled"));
    let refused = review.apply(id).await.expect(409);
    assert!(
        refused.text.contains("3 changes are not decided yet"),
        "{}",
        refused.text
    );
    let shown = page.field("shown");
    let unticked = [("shown", shown.as_str()), ("do", "approve-rest")];
    review
        .post("/deployments/1/confirm", &unticked)
        .await
        .expect(409);
    let ticked = [
        ("shown", shown.as_str()),
        ("do", "approve-rest"),
        ("looked", "yes"),
    ];
    review
        .post("/deployments/1/confirm", &ticked)
        .await
        .expect(303);
    // Code is never approved in a lump: one is left, and decided by itself.
    let refused = review.apply(id).await.expect(409);
    assert!(refused.text.contains("1 change is not decided yet"));
    let code = [
        ("shown", shown.as_str()),
        ("change", "added:f"),
        ("verdict", "approve"),
    ];
    let by_itself = review.post("/deployments/1/steps/2", &code).await;
    assert_eq!(
        by_itself.expect(303).header("location"),
        "/deployments/1/confirm"
    );
    review.apply(id).await.expect(303);
}

#[tokio::test]
async fn four_eyes_are_four_eyes() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    let policy = Policy {
        own_changes: OwnChanges::FourEyes,
        ..Policy::default()
    };
    let house = &console.house;
    house
        .store
        .set_policy(&house.main, &policy, &model::principal::Actor::System)
        .await
        .unwrap();
    let id = house.propose("rita", ONE).await;
    let page = console
        .get(&rita, "/deployments/1/steps/1")
        .await
        .expect(200);
    assert!(
        !page.text.contains("name=\"verdict\""),
        "no buttons for one's own"
    );
    let shown = house
        .store
        .deployment(id)
        .await
        .unwrap()
        .proposal
        .hash()
        .to_string();
    let fields = [
        ("shown", shown.as_str()),
        ("change", "*"),
        ("verdict", "approve"),
    ];
    console
        .post(&rita, "/deployments/1/steps/1", &fields)
        .await
        .expect(403);
}

#[tokio::test]
async fn an_editor_may_look_and_withdraw_but_not_decide() {
    let console = Console::new().await;
    let ed = console.person("ed", Role::Editor).await;
    let other = console.person("olaf", Role::Editor).await;
    let id = console.house.propose("ed", ONE).await;
    let page = console.get(&ed, "/deployments/1/steps/1").await.expect(200);
    assert!(!page.text.contains("name=\"verdict\"") && page.text.contains("A reviewer decides"));
    assert_eq!(
        console.house.store.deployment(id).await.unwrap().state,
        State::Pending
    );
    let shown = console
        .house
        .store
        .deployment(id)
        .await
        .unwrap()
        .proposal
        .hash()
        .to_string();
    let fields = [
        ("shown", shown.as_str()),
        ("change", "*"),
        ("verdict", "approve"),
    ];
    console
        .post(&ed, "/deployments/1/steps/1", &fields)
        .await
        .expect(403);
    let apply = [("shown", shown.as_str()), ("do", "apply")];
    assert!(
        console
            .post(&ed, "/deployments/1/confirm", &apply)
            .await
            .status
            .is_client_error()
    );
    console
        .post(&ed, "/deployments/1/reject", &[("reason", "x")])
        .await
        .expect(403);
    assert!(
        console
            .post(&other, "/deployments/1/withdraw", &[])
            .await
            .status
            .is_client_error()
    );
    console
        .post(&ed, "/deployments/1/withdraw", &[])
        .await
        .expect(303);
    let state = console.house.store.deployment(id).await.unwrap().state;
    assert!(matches!(state, State::Withdrawn { .. }), "{state:?}");
}

#[tokio::test]
async fn a_stale_deployment_says_what_changed_and_is_rebased() {
    let (review, _) = Review::of(ONE).await;
    let house = &review.console.house;
    house.apply("rita", DeploymentId(1)).await;
    let late = house
        .propose("ed", &ONE.replace("\"go\"", "\"start\""))
        .await;
    let quick = house.propose("rita", &ONE.replace("double", "twice")).await;
    house.apply("rita", quick).await;
    let page = review
        .page(&format!("/deployments/{late}"))
        .await
        .expect(200);
    assert!(
        page.text
            .contains("What runs has changed since this was proposed")
    );
    let path = format!("/deployments/{late}/rebase");
    let between = review.page(&path).await.expect(200);
    assert!(between.text.contains("twice"), "{}", between.text);
    review.post(&path, &[]).await.expect(303);
    let state = review.state(late).await;
    assert!(
        matches!(state, State::Pending | State::InReview),
        "{state:?}"
    );
}

#[tokio::test]
async fn when_node_red_does_not_take_it_the_page_says_why() {
    let (review, id) = Review::of(ONE).await;
    review.console.house.refuse();
    review.approve_all(id).await;
    review.apply(id).await;
    let page = review.page("/deployments/1").await.expect(200);
    assert!(
        page.text.contains("missing types: modbus-read"),
        "{}",
        page.text
    );
    let running = review
        .console
        .house
        .store
        .baseline(&review.console.house.main)
        .await
        .unwrap();
    assert_eq!(&*running.unwrap().flows, "[]");
}

#[tokio::test]
async fn going_back_is_a_deployment() {
    let (review, id) = Review::of(ONE).await;
    review.console.house.apply("rita", id).await;
    let page = review.page("/history").await.expect(200);
    let to = page.field("to");
    let back = [("instance", "main"), ("to", to.as_str())];
    let answer = review.post("/history/rollback", &back).await.expect(303);
    assert_eq!(answer.header("location"), "/deployments/2?done=rollback");
    let page = review
        .page("/deployments/2?done=rollback")
        .await
        .expect(200);
    assert!(
        page.text.contains("going back to a snapshot"),
        "{}",
        page.text
    );
}

#[tokio::test]
async fn secrets_are_told_only_as_set_or_changed() {
    let flows = r#"[{"id":"b","type":"mqtt-broker","name":"plant","broker":"h","credentials":{"user":"u-s3cret","password":"p-s3cret"}}]"#;
    let (review, _) = Review::of(flows).await;
    let mut all = String::new();
    for path in [
        "/deployments",
        "/deployments/1",
        "/deployments/1/steps/1",
        "/deployments/1/confirm",
        "/",
    ] {
        all += &review.page(path).await.expect(200).text;
    }
    assert!(all.contains("<code>password</code> <b>set</b>"), "{all}");
    assert!(!all.contains("s3cret"));
}

#[tokio::test]
async fn a_change_is_said_in_words_above_its_values() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    let flows = |repeat: &str| {
        ONE.replace(
            "\"name\":\"go\"",
            &format!("\"name\":\"go\",\"repeat\":\"{repeat}\""),
        )
    };
    let first = console.house.propose("ed", &flows("300")).await;
    console.house.apply("rita", first).await;
    console.house.propose("ed", &flows("18000")).await;
    let page = console
        .get(&rita, "/deployments/2/steps/1")
        .await
        .expect(200)
        .text;
    let said = page
        .find("every 5 <b>minutes</b>")
        .expect("the words before");
    assert!(page.contains("every 5 <b>hours</b>"), "{page}");
    let raw = page.find("<code>repeat</code>").expect("the raw values");
    assert!(
        said < raw && page.contains("18000"),
        "the raw values are there too"
    );
}

#[tokio::test]
async fn a_node_with_a_new_id_is_shown_as_that_and_decided_on_its_own() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    let first = console.house.propose("ed", ONE).await;
    console.house.apply("rita", first).await;
    let again = ONE
        .replace("\"id\":\"f\"", "\"id\":\"f2\"")
        .replace("[\"f\"]", "[\"f2\"]");
    console.house.propose("ed", &again).await;
    let mut pages = String::new();
    for step in 1..=3 {
        pages += &console
            .get(&rita, &format!("/deployments/2/steps/{step}"))
            .await
            .expect(200)
            .text;
    }
    assert!(
        pages.contains("The same as “double” before (id f), with a new id; nothing else differs")
    );
    assert!(pages.contains("Comes back as “double” with the new id f2"));
    assert!(pages.contains("value=\"added:f2\"") && pages.contains("value=\"removed:f\""));
}

#[tokio::test]
async fn a_config_node_names_everybody_it_touches() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    console.house.user("ed", Role::Editor).await;
    let users: String = (0..30)
        .map(|n| format!(r#",{{"id":"m{n}","type":"mqtt in","z":"t","name":"meter {n}","broker":"b","x":1,"y":1,"wires":[]}}"#))
        .collect::<Vec<_>>()
        .concat();
    let flows = |host: &str| {
        format!(
            r#"[{{"id":"t","type":"tab","label":"Hall"}},{{"id":"b","type":"mqtt-broker","broker":"{host}"}}{users}]"#
        )
    };
    let first = console.house.propose("ed", &flows("old")).await;
    console.house.apply("rita", first).await;
    console.house.propose("ed", &flows("new")).await;
    let page = console
        .get(&rita, "/deployments/2/steps/1")
        .await
        .expect(200)
        .text;
    for n in 0..30 {
        assert!(
            page.contains(&format!("meter {n} <span class=\"faint\">on Hall</span>")),
            "meter {n}"
        );
    }
}
