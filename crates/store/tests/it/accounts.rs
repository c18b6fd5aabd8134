use std::net::IpAddr;

use model::{access::Role, audit::EventKind as E, clock::Clock as _, id::UserId, principal::Actor};
use store::{AuditFilter, LoginAttempt, PasswordError, SecondFactor, Secret, StoreError};

use crate::house::{House, PASSWORD, START, actor, new_user, with_factor};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

/// The code of a factor at the clock's time.
pub(crate) fn code(house: &House, factor: &SecondFactor) -> String {
    let totp = totp_rs::Builder::new()
        .with_secret(factor.secret.expose())
        .build()
        .unwrap();
    let now = house.clock.now().unix_seconds();
    totp.generate(u64::try_from(now).unwrap()).to_string()
}

async fn attempt(house: &House, name: &str, password: &str, from: &str) -> LoginAttempt {
    house
        .store
        .log_in(name, &secret(password), None, Some(address(from)))
        .await
        .unwrap()
}

fn limited(attempt: &LoginAttempt) -> i64 {
    match attempt {
        LoginAttempt::Limited {
            retry_after_seconds,
        } => *retry_after_seconds,
        _ => 0,
    }
}

#[tokio::test]
async fn the_right_password_lets_in() {
    let house = House::new().await;
    house.user("Ann", Role::Editor).await;
    let accepted = attempt(&house, "aNN", PASSWORD, "192.0.2.1").await;
    let LoginAttempt::Accepted(user) = accepted else {
        panic!("{accepted:?}")
    };
    assert_eq!(
        (user.name.as_str(), user.last_login_at),
        ("Ann", Some(START))
    );
    let wrong = attempt(&house, "Ann", "tram oyster dia1", "192.0.2.1").await;
    assert!(matches!(wrong, LoginAttempt::Wrong));
    assert_eq!(
        house.kinds().await,
        [E::UserAdded, E::LoggedIn, E::LoginFailed]
    );
    let anns = AuditFilter {
        user: Some("Ann".into()),
        ..AuditFilter::default()
    };
    assert_eq!(house.store.audit(&anns).await.unwrap().len(), 3);
    assert_eq!(house.store.verify_audit().await.unwrap(), (3, vec![]));
}

#[tokio::test]
async fn an_unknown_name_is_told_nothing_else_and_is_not_written_down() {
    let house = House::new().await;
    house.user("ann", Role::Editor).await;
    for name in ["hunter2secret", "ann smith", "", &"x".repeat(5000)] {
        let wrong = attempt(&house, name, PASSWORD, "192.0.2.1").await;
        assert!(matches!(wrong, LoginAttempt::Wrong), "{name}");
    }
    let entries = house.store.audit(&AuditFilter::default()).await.unwrap();
    assert_eq!(entries.len(), 5);
    for entry in &entries[..4] {
        let text = serde_json::to_string(&entry.event).unwrap();
        assert!(
            !text.contains("hunter2secret") && !text.contains("smith"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn known_and_unknown_accounts_wait_alike_and_longer_each_time() {
    let house = House::new().await;
    house.user("ann", Role::Editor).await;
    for name in ["ann", "nobody"] {
        let mut delays = Vec::new();
        for failure in 1..=15 {
            // From everywhere, so that only the account counts.
            let from = format!("192.0.2.{failure}");
            let wrong = attempt(&house, name, "wrong", &from).await;
            assert!(
                matches!(wrong, LoginAttempt::Wrong),
                "{name} {failure} {wrong:?}"
            );
            if failure >= 5 {
                let delay = limited(&attempt(&house, name, "wrong", "198.51.100.1").await);
                delays.push(delay);
                house.clock.advance(delay);
            }
        }
        assert_eq!(
            delays,
            [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900],
            "{name}"
        );
    }
}

#[tokio::test]
async fn waiting_is_for_the_account_that_was_attacked() {
    let house = House::new().await;
    house.user("ann", Role::Editor).await;
    house.user("bob", Role::Editor).await;
    for number in 1..=5 {
        attempt(&house, "ann", "wrong", &format!("192.0.2.{number}")).await;
    }
    let waits = attempt(&house, "ann", PASSWORD, "203.0.113.1").await;
    assert!(
        limited(&waits) > 0,
        "the right password waits too: {waits:?}"
    );
    let bob = attempt(&house, "bob", PASSWORD, "203.0.113.1").await;
    assert!(matches!(bob, LoginAttempt::Accepted(_)), "{bob:?}");
    // Once a wait, however often it is tried.
    attempt(&house, "ann", PASSWORD, "203.0.113.2").await;
    let told = house
        .kinds()
        .await
        .into_iter()
        .filter(|kind| *kind == E::LoginLimited)
        .count();
    assert_eq!(told, 1);
    house.clock.advance(3);
    let ann = attempt(&house, "ann", PASSWORD, "203.0.113.1").await;
    assert!(matches!(ann, LoginAttempt::Accepted(_)), "{ann:?}");
    let again = attempt(&house, "ann", "wrong", "203.0.113.1").await;
    assert!(
        matches!(again, LoginAttempt::Wrong),
        "the count began anew: {again:?}"
    );
}

#[tokio::test]
async fn a_network_that_tries_many_names_waits_and_success_does_not_help_it() {
    let house = House::new().await;
    house.user("eve", Role::Viewer).await;
    for number in 1..=4 {
        attempt(&house, &format!("name{number}"), "wrong", "2001:db8::1").await;
    }
    let own = attempt(&house, "eve", PASSWORD, "2001:db8::2").await;
    assert!(matches!(own, LoginAttempt::Accepted(_)), "{own:?}");
    attempt(&house, "name5", "wrong", "2001:db8::3").await;
    let waits = attempt(&house, "name6", "wrong", "2001:db8::4").await;
    assert!(limited(&waits) > 0, "{waits:?}");
    let elsewhere = attempt(&house, "name6", "wrong", "2001:db8:0:1::4").await;
    assert!(matches!(elsewhere, LoginAttempt::Wrong), "{elsewhere:?}");
}

#[tokio::test]
async fn a_wider_network_is_slowed_and_shuts_nobody_out_for_long() {
    let house = House::new().await;
    let four = |number: u16| format!("198.51.100.{number}");
    let six = |number: u16| format!("2001:db8:7:{number:x}::1");
    let cases: [(&dyn Fn(u16) -> String, &str); 2] =
        [(&four, "198.51.101.1"), (&six, "2001:db8:8::1")];
    for (from, elsewhere) in cases {
        // Each address and each name once: neither is slowed by itself.
        for number in 0..50 {
            let wrong = attempt(&house, &format!("n{number}"), "wrong", &from(number)).await;
            assert!(matches!(wrong, LoginAttempt::Wrong), "{number} {wrong:?}");
            house.clock.advance(DAY / 100);
        }
        let mut delays = Vec::new();
        for number in 50..58 {
            let name = format!("n{number}");
            let wrong = attempt(&house, &name, "wrong", &from(number)).await;
            assert!(matches!(wrong, LoginAttempt::Wrong), "{number} {wrong:?}");
            let delay = limited(&attempt(&house, "m", "wrong", &from(number + 100)).await);
            let other = attempt(&house, &format!("o{number}"), "wrong", elsewhere).await;
            assert!(
                number > 53 || matches!(other, LoginAttempt::Wrong),
                "{other:?}"
            );
            delays.push(delay);
            house.clock.advance(delay);
        }
        assert_eq!(delays, [4, 8, 16, 32, 60, 60, 60, 60]);
        house.clock.advance(2 * DAY);
    }
}

const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn passwords_tried_with_many_names_are_told_once() {
    let house = House::new().await;
    house.user("ann", Role::Editor).await;
    let told = async || {
        let kinds = house.kinds().await;
        kinds
            .iter()
            .filter(|kind| **kind == E::LoginSprayed)
            .count()
    };
    let spray = async |names: std::ops::Range<u16>, net: &str| {
        for number in names {
            let name = format!("name{number}");
            attempt(&house, &name, "wrong", &format!("{net}.{}", number + 1)).await;
        }
    };
    // One name again and again is no spraying, nor is one name fewer than it takes.
    for number in 0..12 {
        attempt(&house, "ann", "wrong", &format!("192.0.2.{number}")).await;
        house.clock.advance(30);
    }
    spray(0..8, "192.0.2").await;
    assert_eq!(told().await, 0);
    // A login that succeeds is no target.
    house.user("bob", Role::Viewer).await;
    let bob = attempt(&house, "bob", PASSWORD, "192.0.2.200").await;
    assert!(matches!(bob, LoginAttempt::Accepted(_)), "{bob:?}");
    assert_eq!(told().await, 0);
    spray(20..24, "192.0.2").await;
    assert_eq!(told().await, 1, "ten names");
    let filter = AuditFilter {
        kind: Some(E::LoginSprayed),
        ..AuditFilter::default()
    };
    let entry = house.store.audit(&filter).await.unwrap().remove(0);
    assert_eq!(entry.event.detail["network"], "192.0.2.0/24");
    // Spread over two networks it stays below; after an hour it is told anew.
    spray(40..49, "203.0.113").await;
    spray(50..59, "198.51.100").await;
    assert_eq!(told().await, 1);
    house.clock.advance(3601);
    spray(60..70, "192.0.2").await;
    assert_eq!(told().await, 2);
    house.store.verify_audit().await.unwrap();
}

#[tokio::test]
async fn many_attempts_at_once_do_not_slip_past_the_count() {
    let house = House::new().await;
    house.user("ann", Role::Editor).await;
    let mut attempts = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = house.store.clone();
        attempts.spawn(async move {
            let from = Some(address(&format!("192.0.2.{number}")));
            store
                .log_in("ann", &secret("wrong"), None, from)
                .await
                .unwrap()
        });
    }
    let looked_at = attempts.join_all().await;
    let looked_at = looked_at
        .iter()
        .filter(|one| matches!(one, LoginAttempt::Wrong))
        .count();
    assert_eq!(looked_at, 5);
}

#[tokio::test]
async fn a_code_is_asked_for_and_good_once() {
    let house = House::new().await;
    let (new, factor) = with_factor("ann", Role::Reviewer);
    let (user, codes) = house.store.add_user(new, &Actor::System).await.unwrap();
    assert!(user.has_second_factor && codes.len() == 10 && user.recovery_codes_left == 10);
    let log_in = async |password: &str, code: Option<&str>| {
        let from = Some(address("192.0.2.1"));
        house
            .store
            .log_in("ann", &secret(password), code, from)
            .await
            .unwrap()
    };
    for _ in 0..6 {
        // Not a failure, so never limited.
        assert!(matches!(
            log_in(PASSWORD, None).await,
            LoginAttempt::NeedsCode(_)
        ));
    }
    let now = code(&house, &factor);
    assert!(matches!(
        log_in("wrong", Some(&now)).await,
        LoginAttempt::Wrong
    ));
    assert!(matches!(
        log_in(PASSWORD, Some("000")).await,
        LoginAttempt::Wrong
    ));
    assert!(matches!(
        log_in(PASSWORD, Some(&now)).await,
        LoginAttempt::Accepted(_)
    ));
    assert!(
        matches!(log_in(PASSWORD, Some(&now)).await, LoginAttempt::Wrong),
        "replayed"
    );
    house.clock.advance(30);
    assert!(
        matches!(log_in(PASSWORD, Some(&now)).await, LoginAttempt::Wrong),
        "replayed late"
    );
    let next = code(&house, &factor);
    assert!(matches!(
        log_in(PASSWORD, Some(&next)).await,
        LoginAttempt::Accepted(_)
    ));
}

#[tokio::test]
async fn a_recovery_code_is_good_once() {
    let house = House::new().await;
    let (new, _) = with_factor("ann", Role::Reviewer);
    let (_, codes) = house.store.add_user(new, &Actor::System).await.unwrap();
    let typed = codes[3].to_uppercase().replace('-', " ");
    let log_in = async |code: &str| {
        house
            .store
            .log_in("ann", &secret(PASSWORD), Some(code), None)
            .await
            .unwrap()
    };
    let accepted = log_in(&typed).await;
    let LoginAttempt::Accepted(user) = accepted else {
        panic!("{accepted:?}")
    };
    assert_eq!(user.recovery_codes_left, 9);
    assert!(matches!(log_in(&codes[3]).await, LoginAttempt::Wrong));
    assert!(matches!(log_in(&codes[4]).await, LoginAttempt::Accepted(_)));
    assert!(house.kinds().await.contains(&E::UserChanged));
}

#[tokio::test]
async fn secrets_lie_sealed_hashed_or_digested() {
    let house = House::new().await;
    let (new, factor) = with_factor("ann", Role::Reviewer);
    let (user, codes) = house.store.add_user(new, &Actor::System).await.unwrap();
    let kind = store::SessionKind::Console;
    let (_, session) = house
        .store
        .open_session(user.id, kind, None, None, "")
        .await
        .unwrap();
    let by = Actor::System;
    let enrolment = house
        .store
        .make_enrolment(Role::Viewer, None, 60, &by)
        .await
        .unwrap();
    crate::house::found(&house.store).await;
    let mut new = crate::house::proposal(&house.store, "[1]").await.unwrap();
    new.credentials = crate::house::credential_changes("s3cr3t-of-the-broker");
    house.store.queue(new).await.unwrap();
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(house.dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            bytes.extend(std::fs::read(path).unwrap());
        }
    }
    let code = codes[0].replace('-', "");
    let base32 = factor.base32();
    let needles: [&[u8]; 7] = [
        PASSWORD.as_bytes(),
        factor.secret.expose(),
        base32.as_bytes(),
        code.as_bytes(),
        session.0.as_bytes(),
        enrolment.secret.as_bytes(),
        b"s3cr3t-of-the-broker",
    ];
    assert!(bytes.windows(3).any(|window| window == b"ann"));
    for (place, needle) in needles.iter().enumerate() {
        assert!(
            !bytes.windows(needle.len()).any(|window| window == *needle),
            "{place}"
        );
    }
    assert!(!format!("{enrolment:?}{session:?}{factor:?}").contains(&enrolment.secret));
}

#[tokio::test]
async fn weak_passwords_and_taken_names_are_refused() {
    let house = House::new().await;
    let weak = |password: &str| {
        let mut new = new_user("ann", Role::Editor);
        new.password = secret(password);
        house.store.add_user(new, &Actor::System)
    };
    let short = weak("short").await;
    assert!(matches!(
        short,
        Err(StoreError::Password(PasswordError::TooShort { min: 12 }))
    ));
    let common = weak("Password1234!").await;
    assert!(matches!(
        common,
        Err(StoreError::Password(PasswordError::Common))
    ));
    let ann = house.user("ann", Role::Editor).await;
    let taken = house
        .store
        .add_user(new_user("ANN", Role::Viewer), &Actor::System)
        .await;
    assert!(matches!(taken, Err(StoreError::Exists(_))));
    let set = house
        .store
        .set_password(ann.id, &secret("short"), &Actor::System)
        .await;
    assert!(matches!(set, Err(StoreError::Password(_))));
    assert_eq!(house.store.users().await.unwrap(), [ann]);
}

#[tokio::test]
async fn an_enrolment_is_good_once_and_in_time() {
    let house = House::new().await;
    let by = Actor::System;
    let make = |role, name: Option<&str>| {
        let name = name.map(|name| name.parse().unwrap());
        house.store.make_enrolment(role, name, 3600, &by)
    };
    let first = make(Role::Viewer, None).await.unwrap();
    assert!(
        house
            .store
            .enrolment(&first.secret)
            .await
            .unwrap()
            .is_some()
    );
    let new = new_user("ann", Role::Viewer);
    let (ann, _) = house.store.enrol(&first.secret, new, None).await.unwrap();
    assert_eq!(ann.role, Role::Administrator, "the first user administers");
    assert!(
        house
            .store
            .enrolment(&first.secret)
            .await
            .unwrap()
            .is_none()
    );
    let again = house
        .store
        .enrol(&first.secret, new_user("eve", Role::Viewer), None)
        .await;
    assert!(matches!(again, Err(StoreError::NotFound(_))));

    let second = make(Role::Viewer, Some("bob")).await.unwrap();
    let stranger = new_user("eve", Role::Administrator);
    let stranger = house.store.enrol(&second.secret, stranger, None).await;
    assert!(matches!(stranger, Err(StoreError::Conflict(_))));
    let bob = new_user("bob", Role::Administrator);
    let (bob, _) = house.store.enrol(&second.secret, bob, None).await.unwrap();
    assert_eq!(bob.role, Role::Viewer, "the role is the enrolment's");

    let third = make(Role::Viewer, None).await.unwrap();
    house.clock.advance(3600);
    let late = house
        .store
        .enrol(&third.secret, new_user("eve", Role::Viewer), None)
        .await;
    assert!(matches!(late, Err(StoreError::NotFound(_))));
    assert_eq!(house.store.users().await.unwrap().len(), 2);
}

#[tokio::test]
async fn two_at_once_do_not_both_enrol() {
    let house = House::new().await;
    let by = Actor::System;
    let link = house
        .store
        .make_enrolment(Role::Viewer, None, 60, &by)
        .await
        .unwrap();
    let (one, other) = tokio::join!(
        house
            .store
            .enrol(&link.secret, new_user("ann", Role::Viewer), None),
        house
            .store
            .enrol(&link.secret, new_user("eve", Role::Viewer), None),
    );
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(house.store.users().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let house = House::new().await;
    let by = Actor::System;
    let ann = house.user("ann", Role::Administrator).await;
    let refused = house.store.set_role(ann.id, Role::Viewer, &by).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
    let refused = house.store.remove_user(ann.id, &by).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
    let bob = house.user("bob", Role::Editor).await;
    house
        .store
        .set_role(bob.id, Role::Administrator, &actor(ann.id.0, "ann"))
        .await
        .unwrap();
    house.store.remove_user(ann.id, &by).await.unwrap();
    assert!(
        house
            .store
            .user_by_name(&"ann".parse().unwrap())
            .await
            .unwrap()
            .is_none()
    );
    let gone = house.store.user(ann.id).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))));
    let eve = house.user("eve", Role::Editor).await;
    assert!(
        eve.id > bob.id && eve.id != UserId(1),
        "numbers are not used again"
    );
    assert_eq!(
        house.kinds().await,
        [
            E::UserAdded,
            E::UserAdded,
            E::UserChanged,
            E::UserRemoved,
            E::UserAdded
        ]
    );
}
