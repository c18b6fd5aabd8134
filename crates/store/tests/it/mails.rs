//! What waits to be told by mail.

use model::{
    access::Role,
    audit::EventKind,
    id::UserId,
    mail::{Alert, MailWishes, Topic},
    principal::Actor,
};
use serde_json::json;
use store::WaitingMail;

use crate::house::{House, START};

/// Between two mails about one topic, in seconds.
const EVERY: i64 = 900;

/// A ledger with somebody who gets alerts, beginning to be told now.
async fn house() -> (House, UserId) {
    let house = House::new().await;
    let ada = house.user("ada", Role::Administrator).await;
    let address = "ada@plant.example".parse().unwrap();
    let wishes = MailWishes::default();
    let set = house
        .store
        .set_mail(ada.id, Some(&address), wishes, &Actor::System);
    set.await.unwrap();
    assert_eq!(house.store.note_mails(EVERY).await.unwrap(), (0, false));
    (house, ada.id)
}

async fn happens(house: &House, kind: EventKind, instance: &str) {
    let instance = instance.parse().unwrap();
    let recorded = house.store.record(
        kind,
        &Actor::System,
        Some(&instance),
        "x",
        json!({ "runs": "x" }),
    );
    recorded.await.unwrap();
}

async fn due(house: &House) -> Option<WaitingMail> {
    while house.store.note_mails(EVERY).await.unwrap().1 {}
    house.store.next_mail().await.unwrap().0
}

fn pass(house: &House, seconds: i64) {
    house.clock.advance(seconds);
}

#[tokio::test]
async fn what_was_before_and_what_nobody_wishes_is_told_to_nobody() {
    let house = House::new().await;
    let ada = house.user("ada", Role::Administrator).await;
    let address = "ada@plant.example".parse().unwrap();
    let none = MailWishes {
        alerts: false,
        ..MailWishes::default()
    };
    let set = async |wishes| {
        let set = house
            .store
            .set_mail(ada.id, Some(&address), wishes, &Actor::System);
        set.await.unwrap();
    };
    set(MailWishes::default()).await;
    happens(&house, EventKind::MemoryDrift, "main").await;
    pass(&house, 10);
    assert_eq!(due(&house).await, None, "it was before mail was set up");
    set(none).await;
    happens(&house, EventKind::MemoryDrift, "main").await;
    pass(&house, 10);
    assert_eq!(due(&house).await, None);
    set(MailWishes::default()).await;
    happens(&house, EventKind::MemoryDrift, "main").await;
    assert_eq!(
        due(&house).await,
        None,
        "what follows at once comes with it"
    );
    pass(&house, 10);
    assert!(due(&house).await.is_some());
    let changed = house.kinds().await;
    let changed = changed.iter().filter(|it| **it == EventKind::UserChanged);
    assert_eq!(
        changed.count(),
        3,
        "every change of an address is on record"
    );
}

#[tokio::test]
async fn fifty_events_make_two_mails() {
    let (house, ada) = house().await;
    happens(&house, EventKind::MemoryDrift, "main").await;
    pass(&house, 5);
    let first = due(&house).await.unwrap();
    assert_eq!((first.user, first.count), (ada, 1));
    let main = "main".parse().unwrap();
    assert_eq!(first.topic, Topic::Alert(Alert::Memory, Some(main)));
    // While it is under way, and after it.
    for _ in 0..49 {
        happens(&house, EventKind::MemoryDrift, "main").await;
        assert_eq!(due(&house).await.map(|it| it.since), Some(START));
    }
    house.store.close_mail(&first, true, EVERY).await.unwrap();
    assert_eq!(due(&house).await, None, "not again so soon");
    pass(&house, EVERY - 1);
    assert_eq!(due(&house).await, None);
    pass(&house, 2);
    let second = due(&house).await.unwrap();
    assert_eq!((second.count, second.entries.len()), (49, 10));
    house.store.close_mail(&second, true, EVERY).await.unwrap();
    pass(&house, EVERY + 1);
    assert_eq!(due(&house).await, None);
    assert_eq!(house.store.waiting_mails().await.unwrap().0, 0);
}

#[tokio::test]
async fn what_waits_outlives_a_restart_but_not_three_days() {
    let (house, _) = house().await;
    happens(&house, EventKind::MemoryDrift, "main").await;
    pass(&house, 5);
    let mail = due(&house).await.unwrap();
    house.store.put_off_mail(&mail, 60, true).await.unwrap();
    let again = house.again().await;
    assert_eq!(again.next_mail().await.unwrap(), (None, 0));
    pass(&house, 61);
    let (waiting, _) = again.next_mail().await.unwrap();
    assert_eq!(waiting.unwrap().tries, 1);
    pass(&house, 3 * 24 * 3600 + 10);
    assert_eq!(again.next_mail().await.unwrap(), (None, 1));
    assert_eq!(again.waiting_mails().await.unwrap().0, 0);
}

#[tokio::test]
async fn nobody_is_flooded_and_the_queue_has_an_end() {
    let (house, _) = house().await;
    for number in 0..250 {
        happens(&house, EventKind::MemoryDrift, &format!("i{number}")).await;
    }
    pass(&house, 5);
    let mut sent = 0;
    while let Some(mail) = due(&house).await {
        house.store.close_mail(&mail, true, EVERY).await.unwrap();
        sent += 1;
    }
    assert_eq!(sent, 30, "within an hour");
    assert_eq!(house.store.waiting_mails().await.unwrap().0, 200 - 30);
    pass(&house, 3_601);
    assert!(due(&house).await.is_some());
}

#[tokio::test]
async fn what_is_too_much_for_one_leaves_the_others_theirs_and_is_recorded() {
    let (house, _) = house().await;
    for number in 0..150 {
        happens(&house, EventKind::MemoryDrift, &format!("i{number}")).await;
    }
    let address = "eve@plant.example".parse().unwrap();
    for number in 0..10 {
        due(&house).await;
        let name = format!("eve{number}");
        let eve = house.user(&name, Role::Administrator).await;
        let (wishes, by) = (MailWishes::default(), Actor::System);
        let set = house.store.set_mail(eve.id, Some(&address), wishes, &by);
        set.await.unwrap();
    }
    for number in 150..400 {
        happens(&house, EventKind::MemoryDrift, &format!("i{number}")).await;
    }
    due(&house).await;
    // Eleven people, 200 each, 2,000 together.
    assert_eq!(house.store.waiting_mails().await.unwrap().0, 2_000);
    let dropped = house.details(EventKind::MailDropped).await;
    let count = |it: &serde_json::Value| it["count"].as_u64().unwrap();
    let noted = 400 + 10 * 250;
    assert_eq!(dropped.iter().map(count).sum::<u64>(), noted - 2_000);
    let ada: u64 = dropped
        .iter()
        .filter(|it| it["user"] == "ada")
        .map(count)
        .sum();
    assert!(ada >= 200, "{dropped:?}");
}

#[tokio::test]
async fn a_person_who_goes_takes_their_mails_along() {
    let (house, ada) = house().await;
    house.user("eve", Role::Administrator).await;
    happens(&house, EventKind::MemoryDrift, "main").await;
    pass(&house, 5);
    let mail = due(&house).await.unwrap();
    house.store.remove_user(ada, &Actor::System).await.unwrap();
    assert_eq!(due(&house).await, None);
    house.store.close_mail(&mail, true, EVERY).await.unwrap();
    assert_eq!(house.store.waiting_mails().await.unwrap().0, 0);
}
