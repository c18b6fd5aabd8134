//! A Node-RED that refuses, dies, lies or bends, and code inside it that helps itself.

use deploy::SaveVerdict;
use model::{
    audit::EventKind,
    deployment::{Origin, State},
    flow::credentials::Credentials,
};
use store::AuditFilter;

use crate::house::{FLOWS, House, Mood, editor, reviewer};

async fn given(mood: Mood) -> (House, State, String) {
    let house = House::new().await;
    let rita = reviewer();
    let first = house.propose(&editor(), FLOWS).await;
    house.apply(&rita, first.id).await;
    let before = house.running().await.flows.to_string();
    *house.node_red.mood.lock().unwrap() = mood;
    let queued = house
        .propose(&editor(), &FLOWS.replace("return msg;", "return 9;"))
        .await;
    let state = house.apply(&rita, queued.id).await.state;
    (house, state, before)
}

#[tokio::test]
async fn whatever_goes_wrong_the_old_baseline_is_back_and_the_reason_is_said() {
    for mood in [
        Mood::Refuses,
        Mood::DiesAfterSaving,
        Mood::Bends,
        Mood::Smuggles,
        Mood::Lies,
        Mood::Halts,
        Mood::Halts,
    ] {
        let (house, state, before) = given(mood).await;
        let State::Failed { reason, .. } = state else {
            panic!("{mood:?}: {state:?}")
        };
        assert!(!reason.is_empty());
        let running = house.running().await;
        assert_eq!(&*running.flows, before, "{mood:?}");
        assert!(running.credentials.0.is_empty(), "{mood:?}");
        assert!(
            *house.node_red.reloads.lock().unwrap() > 0,
            "{mood:?}: Node-RED goes back too"
        );
    }
}

#[tokio::test]
async fn after_a_failure_the_next_deployment_applies() {
    let (house, _, _) = given(Mood::DiesAfterSaving).await;
    *house.node_red.mood.lock().unwrap() = Mood::Obedient;
    let queued = house
        .propose(&editor(), &FLOWS.replace("return msg;", "return 9;"))
        .await;
    let applied = house.apply(&reviewer(), queued.id).await;
    assert!(matches!(applied.state, State::Applied { .. }));
}

#[tokio::test]
async fn a_save_from_inside_is_refused_queued_once_and_recorded() {
    let house = House::new().await;
    for _ in 0..3 {
        let saved = house
            .room
            .save_flows(&house.main, FLOWS.as_bytes(), Some("admin".into()))
            .await;
        assert!(matches!(saved.unwrap(), SaveVerdict::Refused { .. }));
    }
    assert_eq!(&*house.running().await.flows, "[]");
    let open = house.store().deployments(None, true, 10).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].origin, Origin::Runtime);
    assert_eq!(
        open[0].proposer.user(),
        None,
        "a claimed name is not an identity"
    );
    let filter = AuditFilter {
        kind: Some(EventKind::RuntimeRefused),
        ..AuditFilter::default()
    };
    assert!(!house.store().audit(&filter).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_loop_inside_does_not_fill_the_queue() {
    let house = House::new().await;
    for number in 0..100 {
        let text = FLOWS.replace("return msg;", &format!("return {number};"));
        house
            .room
            .save_flows(&house.main, text.as_bytes(), None)
            .await
            .unwrap();
    }
    let all = house.store().deployments(None, false, 1000).await.unwrap();
    assert!(all.len() <= 20, "{} were kept", all.len());
    let filter = AuditFilter {
        kind: Some(EventKind::RuntimeRefused),
        limit: 1000,
        ..AuditFilter::default()
    };
    let recorded = house.store().audit(&filter).await.unwrap().len();
    assert_eq!(recorded, 60, "nothing is ever removed from the record");
}

#[tokio::test]
async fn what_is_not_flows_is_refused_and_kept_out() {
    let house = House::new().await;
    for text in [
        "",
        "{}",
        "[1]",
        "[{}]",
        "nonsense",
        "[{\"id\":\"a\",\"type\":\"x\",\"type\":\"y\"}]",
    ] {
        let saved = house
            .room
            .save_flows(&house.main, text.as_bytes(), None)
            .await
            .unwrap();
        assert!(matches!(saved, SaveVerdict::Refused { .. }), "{text}");
    }
    assert!(
        house
            .store()
            .deployments(None, false, 10)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn credentials_alone_cannot_be_changed_from_inside() {
    let house = House::new().await;
    let smuggled: Credentials =
        serde_json::from_value(serde_json::json!({ "a": { "password": "x" } })).unwrap();
    house.room.save_credentials(&house.main, smuggled);
    let saved = house
        .room
        .save_flows(&house.main, b"[]", None)
        .await
        .unwrap();
    assert!(matches!(saved, SaveVerdict::Refused { .. }));
    assert!(house.running().await.credentials.0.is_empty());
    // Nor are they left behind for the next one.
    let saved = house
        .room
        .save_flows(&house.main, b"[]", None)
        .await
        .unwrap();
    assert_eq!(saved, SaveVerdict::Unchanged);
}

#[tokio::test]
async fn a_crash_loop_takes_back_what_never_ran_well_and_nothing_else() {
    let house = House::new().await;
    let rita = reviewer();
    let first = house.propose(&editor(), FLOWS).await;
    house.apply(&rita, first.id).await;
    house
        .store()
        .mark_ran_well(&house.main, house.running().await.baseline.hash())
        .await
        .unwrap();
    assert!(
        house
            .room
            .give_up(&house.main, "died")
            .await
            .unwrap()
            .is_none()
    );
    let second = house
        .propose(&editor(), &FLOWS.replace("return msg;", "return 9;"))
        .await;
    house.apply(&rita, second.id).await;
    let failed = house
        .room
        .give_up(&house.main, "died")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(failed.id, second.id);
    assert!(matches!(failed.state, State::Failed { .. }));
    assert_eq!(house.running().await.baseline.flows, first.proposal.flows);
}

#[tokio::test]
async fn an_apply_that_was_interrupted_is_approved_again_and_nothing_of_it_runs() {
    let house = House::new().await;
    let rita = reviewer();
    let queued = house.propose(&editor(), FLOWS).await;
    house
        .decide_all(&rita, queued.id, model::deployment::Verdict::Approve)
        .await;
    let shown = queued.proposal.hash();
    house.room.approve(&rita, queued.id, shown).await.unwrap();
    house.interrupt(queued.id, &rita).await;
    let state = house.state(queued.id).await;
    assert!(matches!(state, State::Approved { by, .. } if by == rita.actor()));
    assert_eq!(&*house.running().await.flows, "[]");
    let applied = house.room.apply(&rita, queued.id, shown).await.unwrap();
    assert!(matches!(applied.state, State::Applied { .. }));
}

#[tokio::test]
async fn flows_whose_nodes_are_missing_are_kept_where_nothing_ran_before() {
    let house = House::new().await;
    *house.node_red.mood.lock().unwrap() = Mood::Halts;
    let queued = house.propose(&editor(), FLOWS).await;
    let applied = house.apply(&reviewer(), queued.id).await;
    assert!(
        matches!(applied.state, State::Applied { .. }),
        "{:?}",
        applied.state
    );
}
