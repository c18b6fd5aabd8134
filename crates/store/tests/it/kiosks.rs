//! Wall displays, and secrets that are good from some networks alone.

use std::net::IpAddr;

use model::{
    access::{Permission, Role, Scope, may},
    audit::EventKind,
    id::{InstanceId, UserId},
    principal::{Actor, Via},
    rules::{AccessRules, Source},
};
use store::{Kiosk, NewKiosk, NewToken, SessionKind, Store, StoreError};

use crate::house::House;

const DAY: i64 = 86_400;
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 7));
const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fn main() -> InstanceId {
    "main".parse().unwrap()
}

fn plant() -> Vec<Source> {
    vec!["plant".parse().unwrap()]
}

async fn named(house: &House, block: &str) {
    let text = format!(r#"{{"networks":{{"plant":["{block}"]}}}}"#);
    let rules: AccessRules = serde_json::from_str(&text).unwrap();
    let version = house.store.access_rules().await.unwrap().version;
    house
        .store
        .set_access_rules(version, &rules, None, &Actor::System)
        .await
        .unwrap();
}

async fn kiosk(house: &House, user: UserId, networks: Vec<Source>) -> (Kiosk, String) {
    house.store.ensure_instance(&main(), None).await.unwrap();
    let new = NewKiosk {
        name: "control room".into(),
        instance: main(),
        networks,
        path: "/dashboard".into(),
        life_seconds: 30 * DAY,
    };
    house
        .store
        .make_kiosk(user, new, &Actor::System)
        .await
        .unwrap()
}

async fn open(store: &Store, link: &str, from: IpAddr) -> Option<String> {
    let opened = store.open_kiosk(link, &main(), from, "Firefox/1").await;
    opened.unwrap().map(|(secret, path)| {
        assert_eq!(path, "/dashboard");
        secret.0
    })
}

#[tokio::test]
async fn a_wall_display_looks_whoever_made_it_and_its_link_opens_once() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Administrator).await;
    let (made, link) = kiosk(&house, ann.id, Vec::new()).await;
    let other: InstanceId = "other".parse().unwrap();
    let store = &house.store;
    let wrong = store.open_kiosk(&link, &other, HERE, "").await.unwrap();
    assert!(wrong.is_none(), "a link is for one instance");
    let secret = open(store, &link, HERE).await.unwrap();
    assert!(open(store, &link, HERE).await.is_none(), "and opens once");
    let seen = store.kiosk_principal(&secret, &main(), HERE).await.unwrap();
    let seen = seen.unwrap();
    assert!(matches!(seen.via, Via::KioskSession { .. }));
    assert_eq!((seen.user, seen.role), (ann.id, Role::Viewer));
    assert!(may(&seen, Permission::ReadRuntime) && !may(&seen, Permission::Trigger));
    let there = store.kiosk_principal(&secret, &other, HERE).await.unwrap();
    assert!(there.is_none(), "before another instance it is nobody");
    for kind in [SessionKind::Gate, SessionKind::Console, SessionKind::Kiosk] {
        let as_other = store.session_principal(&secret, kind).await.unwrap();
        assert!(as_other.is_none(), "{kind:?}");
    }
    let listed = store.kiosks().await.unwrap();
    assert_eq!((listed[0].id, listed[0].address), (made.id, Some(HERE)));
    assert_eq!(store.sessions(Some(ann.id)).await.unwrap().len(), 1);

    let told = store.revocations();
    store.revoke_kiosk(made.id, &Actor::System).await.unwrap();
    assert!(told.has_changed().unwrap(), "live connections look again");
    let gone = store.kiosk_principal(&secret, &main(), HERE).await.unwrap();
    assert!(gone.is_none());
    assert!(store.kiosks().await.unwrap().is_empty());
    assert!(store.sessions(None).await.unwrap().is_empty());
    let kinds = house.kinds().await;
    for kind in [
        EventKind::KioskMade,
        EventKind::KioskOpened,
        EventKind::SessionRevoked,
    ] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[tokio::test]
async fn a_wall_display_lasts_as_long_as_it_is_used_and_a_link_a_day() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Administrator).await;
    let (_, late) = kiosk(&house, ann.id, Vec::new()).await;
    let (_, link) = kiosk(&house, ann.id, Vec::new()).await;
    let secret = open(&house.store, &link, HERE).await.unwrap();
    house.clock.advance(Store::KIOSK_LINK_SECONDS);
    assert!(open(&house.store, &late, HERE).await.is_none());
    let alive = async || {
        let found = house.store.kiosk_principal(&secret, &main(), HERE).await;
        found.unwrap().is_some()
    };
    for _ in 0..4 {
        house.clock.advance(28 * DAY);
        assert!(alive().await, "being used renews it");
        assert_eq!(house.store.kiosks().await.unwrap().len(), 1);
    }
    house.clock.advance(30 * DAY);
    assert!(!alive().await, "unused it ends");
    assert!(house.store.kiosks().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wall_display_outlives_its_owners_sessions_but_not_the_owner() {
    let house = House::new().await;
    house.user("root", Role::Administrator).await;
    let ann = house.user("ann", Role::Administrator).await;
    let (_, link) = kiosk(&house, ann.id, Vec::new()).await;
    let secret = open(&house.store, &link, HERE).await.unwrap();
    let by = Actor::System;
    house
        .store
        .set_role(ann.id, Role::Editor, &by)
        .await
        .unwrap();
    let found = house.store.kiosk_principal(&secret, &main(), HERE).await;
    assert_eq!(found.unwrap().unwrap().role, Role::Viewer);
    house.store.remove_user(ann.id, &by).await.unwrap();
    let gone = house.store.kiosk_principal(&secret, &main(), HERE).await;
    assert!(gone.unwrap().is_none());
    assert!(house.store.kiosks().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_makes_no_wall_display_is_refused() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Administrator).await;
    house.store.ensure_instance(&main(), None).await.unwrap();
    let good = NewKiosk {
        name: "x".into(),
        instance: main(),
        networks: Vec::new(),
        path: "/".into(),
        life_seconds: DAY,
    };
    let wrong = [
        NewKiosk {
            name: " ".into(),
            ..good.clone()
        },
        NewKiosk {
            path: "//evil.example".into(),
            ..good.clone()
        },
        NewKiosk {
            path: "https://evil.example".into(),
            ..good.clone()
        },
        NewKiosk {
            path: "/a\r\nset-cookie: x".into(),
            ..good.clone()
        },
        NewKiosk {
            life_seconds: 400 * DAY,
            ..good.clone()
        },
        NewKiosk {
            life_seconds: 0,
            ..good
        },
    ];
    for new in wrong {
        let said = format!("{new:?}");
        let made = house.store.make_kiosk(ann.id, new, &Actor::System).await;
        assert!(matches!(made, Err(StoreError::Conflict(_))), "{said}");
    }
}

#[tokio::test]
async fn from_elsewhere_a_secret_is_worth_nothing_and_its_use_is_told_once_a_minute() {
    let house = House::new().await;
    named(&house, "10.1.0.0/16").await;
    let ann = house.user("ann", Role::Administrator).await;
    let new = NewToken {
        user: ann.id,
        label: "plc".into(),
        scopes: vec![Scope::Read],
        expires_at: crate::house::START.plus_seconds(DAY),
        networks: plant(),
    };
    let by = Actor::System;
    let (made, token) = house.store.make_token(new, &by).await.unwrap();
    assert_eq!(house.store.tokens(None).await.unwrap()[0].networks, plant());
    let (_, link) = kiosk(&house, ann.id, plant()).await;
    assert!(open(&house.store, &link, ELSEWHERE).await.is_none());
    let display = open(&house.store, &link, HERE).await.unwrap();
    let by_token = async |from| {
        let found = house.store.token_principal(&token, from).await;
        found.unwrap().is_some()
    };
    let by_display = async |from| {
        let found = house.store.kiosk_principal(&display, &main(), from).await;
        found.unwrap().is_some()
    };
    // In this order: what is remembered from here is not good there.
    assert!(by_token(Some(HERE)).await && by_display(HERE).await);
    for _ in 0..50 {
        assert!(!by_token(Some(ELSEWHERE)).await && !by_display(ELSEWHERE).await);
    }
    assert!(!by_token(None).await, "no address is no network");
    let told = async || house.details(EventKind::UsedElsewhere).await.len();
    assert_eq!(told().await, 2, "one row for each");
    house.clock.advance(60);
    assert!(!by_token(Some(ELSEWHERE)).await);
    assert_eq!(told().await, 3);
    assert!(by_token(Some("::ffff:10.1.0.7".parse().unwrap())).await);
    // The network of that name moves, and with it where the secret is good.
    named(&house, "192.0.2.0/24").await;
    assert!(!by_token(Some(HERE)).await && by_token(Some(ELSEWHERE)).await);
    house.store.revoke_token(made.id, &by).await.unwrap();
    assert!(!by_token(Some(ELSEWHERE)).await);
}

#[tokio::test]
async fn a_proof_is_dated_and_gives_the_session_another_secret() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let kind = SessionKind::Console;
    let opened = house.store.open_session(ann.id, kind, None, None, "").await;
    let (session, first) = opened.unwrap();
    let gate = SessionKind::Gate;
    let hanging = house
        .store
        .open_session(ann.id, gate, Some(session.id), None, "");
    let (_, hanging) = hanging.await.unwrap();
    let found = house.store.console_session(&first.0).await.unwrap();
    let (principal, proven_at) = found.unwrap();
    assert_eq!(proven_at, crate::house::START);
    house.clock.advance(600);
    let by = Actor::principal(&principal, None);
    let second = house.store.prove_session(&by, "password").await.unwrap();
    assert!(
        house
            .store
            .console_session(&first.0)
            .await
            .unwrap()
            .is_none()
    );
    let found = house.store.console_session(&second.0).await.unwrap();
    assert_eq!(found.unwrap().1, crate::house::START.plus_seconds(600));
    let third = house.store.rotate_session(session.id).await.unwrap();
    assert!(
        house
            .store
            .console_session(&second.0)
            .await
            .unwrap()
            .is_none()
    );
    let found = house.store.console_session(&third.0).await.unwrap();
    assert_eq!(found.unwrap().0, principal, "it is the same session");
    let hanging = house.store.session_principal(&hanging.0, gate).await;
    assert!(hanging.unwrap().is_some(), "what hangs on it stays");
    let nobody = house.store.prove_session(&Actor::System, "x").await;
    assert!(matches!(nobody, Err(StoreError::Conflict(_))));
}

#[tokio::test]
async fn all_sessions_but_this_one_end_and_a_new_role_ends_those_of_before() {
    let house = House::new().await;
    house.user("root", Role::Administrator).await;
    let ann = house.user("ann", Role::Editor).await;
    let console = SessionKind::Console;
    let open = async |kind, parent| {
        let opened = house.store.open_session(ann.id, kind, parent, None, "");
        opened.await.unwrap()
    };
    let (this, this_secret) = open(console, None).await;
    let (_, hanging) = open(SessionKind::Gate, Some(this.id)).await;
    let (other, _) = open(console, None).await;
    open(SessionKind::Gate, Some(other.id)).await;
    let found = house.store.console_session(&this_secret.0).await.unwrap();
    let by = Actor::principal(&found.unwrap().0, None);
    assert_eq!(house.store.revoke_other_sessions(&by).await.unwrap(), 2);
    let left = house.store.sessions(Some(ann.id)).await.unwrap();
    assert_eq!(left.len(), 2);
    assert!(
        house
            .store
            .console_session(&this_secret.0)
            .await
            .unwrap()
            .is_some()
    );
    let by = Actor::System;
    house
        .store
        .set_role(ann.id, Role::Reviewer, &by)
        .await
        .unwrap();
    assert!(
        house
            .store
            .console_session(&this_secret.0)
            .await
            .unwrap()
            .is_none()
    );
    let gate = SessionKind::Gate;
    let hanging = house.store.session_principal(&hanging.0, gate).await;
    assert!(hanging.unwrap().is_none());
}
