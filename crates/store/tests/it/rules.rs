use model::{
    audit::EventKind,
    clock::Clock as _,
    principal::Actor,
    rules::{AccessRules, Rule},
};
use store::StoreError;

use crate::house::{House, actor};

fn shut() -> AccessRules {
    let rule: Rule = serde_json::from_str(r#"{"areas": ["editor"], "who": "nobody"}"#).unwrap();
    AccessRules {
        rules: vec![rule],
        ..AccessRules::default()
    }
}

#[tokio::test]
async fn rules_have_versions_and_nobody_overwrites_what_they_did_not_see() {
    let house = House::new().await;
    let store = &house.store;
    let first = store.access_rules().await.unwrap();
    assert_eq!((first.version, first.rules), (0, AccessRules::default()));
    let mut told = store.rules_changes();
    let kept = store
        .set_access_rules(0, &shut(), None, &actor(1, "ann"))
        .await
        .unwrap();
    assert_eq!((kept.version, &kept.rules, kept.trial), (1, &shut(), None));
    assert_eq!(kept.by, Some(actor(1, "ann")));
    assert!(told.has_changed().unwrap(), "the doors are told");
    told.mark_unchanged();
    let late = store
        .set_access_rules(0, &AccessRules::default(), None, &actor(2, "bob"))
        .await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    let mut wrong = shut();
    wrong.rules[0].who = model::rules::Who::Public;
    let wrong = store
        .set_access_rules(1, &wrong, None, &Actor::System)
        .await;
    assert!(matches!(wrong, Err(StoreError::Conflict(_))), "{wrong:?}");
    assert!(!told.has_changed().unwrap());
    assert_eq!(house.kinds().await, [EventKind::RulesChanged]);
    assert_eq!(house.again().await.access_rules().await.unwrap(), kept);
}

#[tokio::test]
async fn a_trial_undoes_itself_also_when_nothing_ran_meanwhile() {
    let house = House::new().await;
    let ann = actor(1, "ann");
    let tried = house
        .store
        .set_access_rules(0, &shut(), Some(600), &ann)
        .await
        .unwrap();
    let undo_at = tried.trial.expect("a trial").undo_at;
    assert_eq!(undo_at, house.clock.now().plus_seconds(600));
    assert_eq!(house.store.access_rules().await.unwrap().rules, shut());
    let more = house.store.set_access_rules(1, &shut(), None, &ann).await;
    assert!(matches!(more, Err(StoreError::Conflict(_))), "{more:?}");
    house.clock.advance(599);
    assert!(!house.store.settle_access_rules().await.unwrap());
    house.clock.advance(1);
    // Opened anew, as after a restart: nothing has settled anything.
    let again = house.again().await;
    let held = again.access_rules().await.unwrap();
    assert_eq!((held.rules, held.trial), (AccessRules::default(), None));
    let confirmed = again.confirm_access_rules(1, &ann).await;
    assert!(
        matches!(confirmed, Err(StoreError::Conflict(_))),
        "too late"
    );
    let mut told = again.rules_changes();
    assert!(again.settle_access_rules().await.unwrap());
    assert!(told.has_changed().unwrap());
    told.mark_unchanged();
    assert!(!again.settle_access_rules().await.unwrap(), "once");
    let settled = again.access_rules().await.unwrap();
    assert_eq!((settled.version, settled.by), (2, Some(Actor::System)));
    assert_eq!(house.kinds().await, [EventKind::RulesChanged; 2]);
}

#[tokio::test]
async fn a_trial_is_confirmed_or_undone() {
    let house = House::new().await;
    let (store, ann) = (&house.store, actor(1, "ann"));
    store
        .set_access_rules(0, &shut(), Some(600), &ann)
        .await
        .unwrap();
    let undone = store.undo_access_rules(&ann).await.unwrap();
    assert_eq!((undone.version, undone.rules), (2, AccessRules::default()));
    assert!(store.undo_access_rules(&ann).await.is_err());
    store
        .set_access_rules(2, &shut(), Some(600), &ann)
        .await
        .unwrap();
    assert!(store.confirm_access_rules(1, &ann).await.is_err());
    let stands = store.confirm_access_rules(3, &ann).await.unwrap();
    assert_eq!((stands.rules, stands.trial), (shut(), None));
    house.clock.advance(10_000);
    assert_eq!(store.access_rules().await.unwrap().rules, shut());
}
