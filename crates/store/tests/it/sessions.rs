use model::{
    access::{Role, Scope},
    audit::EventKind as E,
    id::SessionId,
    principal::{Actor, Via},
};
use store::{NewToken, Secret, SessionKind, Store, StoreError};

use crate::house::{House, START, actor};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

#[tokio::test]
async fn a_session_is_good_where_it_was_opened() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let open = house
        .store
        .open_session(ann.id, SessionKind::Gate, None, None, "Fire\nfox");
    let (session, secret) = open.await.unwrap();
    assert_eq!(secret.0.len(), 43);
    assert_eq!(session.agent, "Firefox");
    let gate = house
        .store
        .session_principal(&secret.0, SessionKind::Gate)
        .await
        .unwrap();
    let gate = gate.unwrap();
    assert_eq!((gate.user, gate.role), (ann.id, Role::Editor));
    assert_eq!(
        gate.via,
        Via::GateSession {
            session: session.id
        }
    );
    let console = house
        .store
        .session_principal(&secret.0, SessionKind::Console)
        .await;
    assert!(console.unwrap().is_none());
    assert!(
        house
            .store
            .session_principal("", SessionKind::Gate)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(house.store.sessions(Some(ann.id)).await.unwrap(), [session]);
}

#[tokio::test]
async fn a_session_ends_when_it_is_not_used_and_at_the_latest_after_a_week() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let kind = SessionKind::Console;
    let open = async || {
        house
            .store
            .open_session(ann.id, kind, None, None, "")
            .await
            .unwrap()
    };
    let alive = async |secret: &str| {
        house
            .store
            .session_principal(secret, kind)
            .await
            .unwrap()
            .is_some()
    };
    let (_, idle) = open().await;
    let (_, used) = open().await;
    let mut passed = 0;
    while passed + 11 * HOUR < Store::SESSION_MAX_SECONDS {
        house.clock.advance(11 * HOUR);
        passed += 11 * HOUR;
        assert!(alive(&used.0).await, "after {passed} s");
    }
    assert!(!alive(&idle.0).await);
    assert_eq!(house.store.sessions(None).await.unwrap().len(), 1);
    house.clock.advance(Store::SESSION_MAX_SECONDS - passed);
    assert!(!alive(&used.0).await);

    let (_, exact) = open().await;
    house.clock.advance(Store::SESSION_IDLE_SECONDS - 1);
    let twin = house.again().await;
    house.clock.advance(1);
    assert!(
        twin.session_principal(&exact.0, kind)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn use_is_noted_to_the_minute() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let kind = SessionKind::Console;
    let (_, secret) = house
        .store
        .open_session(ann.id, kind, None, None, "")
        .await
        .unwrap();
    let seen = async |seconds: i64| {
        house.clock.advance(seconds);
        house
            .store
            .session_principal(&secret.0, kind)
            .await
            .unwrap()
            .unwrap();
        house.store.sessions(None).await.unwrap()[0].last_seen_at
    };
    assert_eq!(seen(MINUTE - 10).await, START);
    assert_eq!(seen(10).await, START.plus_seconds(MINUTE));
    assert_eq!(seen(MINUTE - 10).await, START.plus_seconds(MINUTE));
}

#[tokio::test]
async fn revoking_ends_a_session_and_what_hangs_on_it_at_once() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let open = async |kind, parent| {
        house
            .store
            .open_session(ann.id, kind, parent, None, "")
            .await
            .unwrap()
    };
    let (console, console_secret) = open(SessionKind::Console, None).await;
    let (gate, gate_secret) = open(SessionKind::Gate, Some(console.id)).await;
    let (other, other_secret) = open(SessionKind::Console, None).await;
    let look = async |secret: &str, kind| {
        house
            .store
            .session_principal(secret, kind)
            .await
            .unwrap()
            .is_some()
    };
    assert!(look(&gate_secret.0, SessionKind::Gate).await);
    assert!(look(&console_secret.0, SessionKind::Console).await);
    let told = house.store.revocations();
    let by = actor(7, "bob");
    house.store.revoke_session(console.id, &by).await.unwrap();
    assert!(told.has_changed().unwrap());
    assert!(!look(&gate_secret.0, SessionKind::Gate).await);
    assert!(!look(&console_secret.0, SessionKind::Console).await);
    assert!(look(&other_secret.0, SessionKind::Console).await);
    let gone = house.store.revoke_session(gate.id, &by).await;
    assert!(matches!(gone, Err(StoreError::NotFound(_))));
    let own = Via::ConsoleSession { session: other.id };
    let name = "ann".parse().unwrap();
    let own = Actor::Principal {
        user: ann.id,
        name,
        via: own,
        address: None,
    };
    house.store.revoke_session(other.id, &own).await.unwrap();
    assert_eq!(
        house.kinds().await,
        [E::UserAdded, E::SessionRevoked, E::LoggedOut]
    );
}

#[tokio::test]
async fn a_gate_session_hangs_on_a_console_session_of_the_same_user() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let bob = house.user("bob", Role::Editor).await;
    let open =
        async |user, kind, parent| house.store.open_session(user, kind, parent, None, "").await;
    let (bobs, _) = open(bob.id, SessionKind::Console, None).await.unwrap();
    let (gate, _) = open(ann.id, SessionKind::Gate, None).await.unwrap();
    for parent in [bobs.id, gate.id, SessionId(99)] {
        let refused = open(ann.id, SessionKind::Gate, Some(parent)).await;
        assert!(matches!(refused, Err(StoreError::NotFound(_))), "{parent}");
    }
    // It lives no longer than what it hangs on.
    let (anns, used) = open(ann.id, SessionKind::Console, None).await.unwrap();
    let (_, idle) = open(ann.id, SessionKind::Console, None).await.unwrap();
    for _ in 0..167 {
        house.clock.advance(HOUR);
        house
            .store
            .session_principal(&used.0, SessionKind::Console)
            .await
            .unwrap()
            .unwrap();
    }
    let idle = house
        .store
        .session_principal(&idle.0, SessionKind::Console)
        .await
        .unwrap();
    assert!(idle.is_none());
    let (_, late) = open(ann.id, SessionKind::Gate, Some(anns.id))
        .await
        .unwrap();
    house.clock.advance(HOUR - 1);
    let alive = house
        .store
        .session_principal(&late.0, SessionKind::Gate)
        .await
        .unwrap();
    assert!(alive.is_some());
    house.clock.advance(1);
    let alive = house
        .store
        .session_principal(&late.0, SessionKind::Gate)
        .await
        .unwrap();
    assert!(alive.is_none());
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one straight sequence")]
async fn role_password_and_removal_reach_sessions_and_tokens_at_once() {
    let house = House::new().await;
    let by = Actor::System;
    let ann = house.user("ann", Role::Editor).await;
    let kind = SessionKind::Console;
    let (_, kept) = house
        .store
        .open_session(ann.id, kind, None, None, "")
        .await
        .unwrap();
    let (_, other) = house
        .store
        .open_session(ann.id, kind, None, None, "")
        .await
        .unwrap();
    let (_, token) = house
        .store
        .make_token(token(ann.id.0, 60), &by)
        .await
        .unwrap();
    let role = async |secret: &str| {
        let principal = house.store.session_principal(secret, kind).await.unwrap();
        principal.map(|principal| principal.role)
    };
    assert_eq!(role(&kept.0).await, Some(Role::Editor));
    assert!(
        house
            .store
            .token_principal(&token, None)
            .await
            .unwrap()
            .is_some()
    );
    let mut told = house.store.revocations();
    house
        .store
        .set_role(ann.id, Role::Viewer, &by)
        .await
        .unwrap();
    assert!(told.has_changed().unwrap());
    told.mark_unchanged();
    // Whoever took a secret of before has nothing by the new role.
    assert_eq!(role(&kept.0).await, None);
    assert_eq!(role(&other.0).await, None);
    let open = async || {
        let opened = house.store.open_session(ann.id, kind, None, None, "");
        opened.await.unwrap()
    };
    let ((own, kept), (_, other)) = (open().await, open().await);
    assert_eq!(role(&kept.0).await, Some(Role::Viewer));

    let via = Via::ConsoleSession { session: own.id };
    let name = "ann".parse().unwrap();
    let acting = Actor::Principal {
        user: ann.id,
        name,
        via,
        address: None,
    };
    let password = Secret::new(b"lantern gravel nine".to_vec());
    house
        .store
        .set_password(ann.id, &password, &acting)
        .await
        .unwrap();
    assert!(told.has_changed().unwrap());
    assert_eq!(role(&kept.0).await, Some(Role::Viewer));
    assert_eq!(role(&other.0).await, None);
    house.store.revoke_sessions_of(ann.id, &by).await.unwrap();
    assert_eq!(role(&kept.0).await, None);
    house.store.remove_user(ann.id, &by).await.unwrap();
    assert!(
        house
            .store
            .token_principal(&token, None)
            .await
            .unwrap()
            .is_none()
    );
    assert!(house.store.tokens(None).await.unwrap().is_empty());
}

fn token(user: i64, seconds: i64) -> NewToken {
    NewToken {
        user: model::id::UserId(user),
        label: "ci".into(),
        scopes: vec![Scope::Propose, Scope::Read],
        expires_at: START.plus_seconds(seconds),
        networks: Vec::new(),
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one straight sequence")]
async fn a_token_is_good_until_it_expires_or_is_revoked() {
    let house = House::new().await;
    let by = Actor::System;
    let ann = house.user("ann", Role::Editor).await;
    for seconds in [0, -1, 400 * 24 * HOUR] {
        let refused = house.store.make_token(token(ann.id.0, seconds), &by).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{seconds}");
    }
    let none = NewToken {
        scopes: vec![],
        ..token(ann.id.0, 60)
    };
    assert!(matches!(
        house.store.make_token(none, &by).await,
        Err(StoreError::Conflict(_))
    ));
    let (made, secret) = house
        .store
        .make_token(token(ann.id.0, 60), &by)
        .await
        .unwrap();
    assert!(secret.starts_with("rk_") && secret.len() == 46);
    let principal = house
        .store
        .token_principal(&secret, None)
        .await
        .unwrap()
        .unwrap();
    let scopes = vec![Scope::Read, Scope::Propose];
    assert_eq!(
        principal.via,
        Via::Token {
            token: made.id,
            scopes
        }
    );
    let listed = house.store.tokens(Some(ann.id)).await.unwrap();
    assert_eq!(listed[0].last_used_at, Some(START));
    house.clock.advance(60);
    assert!(
        house
            .store
            .token_principal(&secret, None)
            .await
            .unwrap()
            .is_none()
    );

    let (made, secret) = house
        .store
        .make_token(token(ann.id.0, 600), &by)
        .await
        .unwrap();
    assert!(
        house
            .store
            .token_principal(&secret, None)
            .await
            .unwrap()
            .is_some()
    );
    house.store.revoke_token(made.id, &by).await.unwrap();
    assert!(
        house
            .store
            .token_principal(&secret, None)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        house
            .store
            .token_principal("rk_", None)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        house.kinds().await,
        [E::UserAdded, E::TokenMade, E::TokenMade, E::TokenRevoked]
    );
}

#[tokio::test]
async fn an_entry_code_is_good_once_for_one_browser_and_a_minute() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let kind = SessionKind::Console;
    let (session, _) = house
        .store
        .open_session(ann.id, kind, None, None, "")
        .await
        .unwrap();
    let issue = || house.store.issue_entry_code(&session, "state");
    let code = issue();
    let entered = Some((ann.id, session.id));
    assert_eq!(house.store.redeem_entry_code(&code, "state"), entered);
    assert_eq!(house.store.redeem_entry_code(&code, "state"), None);
    let code = issue();
    assert_eq!(house.store.redeem_entry_code(&code, "other"), None);
    assert_eq!(
        house.store.redeem_entry_code(&code, "state"),
        None,
        "a wrong state uses it up"
    );
    let code = issue();
    house.clock.advance(60);
    assert_eq!(house.store.redeem_entry_code(&code, "state"), None);
    let codes: Vec<_> = (0..1001).map(|_| issue()).collect();
    let good = codes
        .iter()
        .filter(|code| house.store.redeem_entry_code(code, "state").is_some())
        .count();
    assert_eq!(good, 1000);
}

#[tokio::test]
async fn a_user_has_at_most_a_hundred_sessions() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let kind = SessionKind::Console;
    let (_, first) = house
        .store
        .open_session(ann.id, kind, None, None, "")
        .await
        .unwrap();
    for _ in 0..100 {
        house
            .store
            .open_session(ann.id, kind, None, None, "")
            .await
            .unwrap();
    }
    assert_eq!(house.store.sessions(None).await.unwrap().len(), 100);
    assert!(
        house
            .store
            .session_principal(&first.0, kind)
            .await
            .unwrap()
            .is_none()
    );
}
