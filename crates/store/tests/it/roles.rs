//! Roles made here: what they permit is what they permit now.

use model::{
    access::{Permission, Permissions, Role, RoleName, Scope, may},
    audit::EventKind,
    principal::Actor,
};
use store::{NewToken, SessionKind, StoreError};

use crate::house::{House, START};

fn set(all: &[Permission]) -> Permissions {
    all.iter().copied().collect()
}

fn shift() -> RoleName {
    "shift".parse().unwrap()
}

#[tokio::test]
async fn a_change_holds_at_once_for_sessions_and_tokens() {
    let house = House::new().await;
    house.user("ada", Role::Administrator).await;
    let named: Role = "shift".parse().unwrap();
    let early = house.store.set_role(
        house.user("bo", Role::Viewer).await.id,
        named,
        &Actor::System,
    );
    assert!(
        matches!(early.await, Err(StoreError::NotFound(_))),
        "a role nobody made"
    );
    let permissions = set(&[Permission::ReadRuntime, Permission::ReadQueue]);
    house
        .store
        .set_custom_role(shift(), permissions, &Actor::System)
        .await
        .unwrap();
    let ann = house.user("ann", named).await;
    assert!(ann.role.is(&named) && ann.role.permits(Permission::ReadQueue));
    let opened = house
        .store
        .open_session(ann.id, SessionKind::Console, None, None, "");
    let (_, secret) = opened.await.unwrap();
    let new = NewToken {
        networks: Vec::new(),
        user: ann.id,
        label: "x".to_owned(),
        scopes: vec![Scope::Admin],
        expires_at: START.plus_seconds(86_400),
    };
    let (_, token) = house.store.make_token(new, &Actor::System).await.unwrap();
    let may_both = async |permission| {
        let session = house
            .store
            .session_principal(&secret.0, SessionKind::Console);
        let session = session.await.unwrap().unwrap();
        let token = house
            .store
            .token_principal(&token, None)
            .await
            .unwrap()
            .unwrap();
        (may(&session, permission), may(&token, permission))
    };
    assert_eq!(may_both(Permission::ReadQueue).await, (true, true));
    assert_eq!(may_both(Permission::Propose).await, (false, false));
    let mut revocations = house.store.revocations();
    revocations.mark_unchanged();
    let permissions = set(&[Permission::ReadRuntime, Permission::Propose]);
    house
        .store
        .set_custom_role(shift(), permissions, &Actor::System)
        .await
        .unwrap();
    assert!(
        revocations.has_changed().unwrap(),
        "live connections were not told"
    );
    assert_eq!(may_both(Permission::ReadQueue).await, (false, false));
    assert_eq!(may_both(Permission::Propose).await, (true, true));
    let told = house.details(EventKind::RoleChanged).await;
    assert_eq!(
        told[0]["after"],
        serde_json::json!(["read-runtime", "propose"])
    );
}

#[tokio::test]
async fn a_role_in_use_is_not_removed_and_built_in_ones_never_change() {
    let house = House::new().await;
    house.user("ada", Role::Administrator).await;
    let permissions = set(&[Permission::ReadRuntime]);
    house
        .store
        .set_custom_role(shift(), permissions, &Actor::System)
        .await
        .unwrap();
    let ann = house.user("ann", "shift".parse().unwrap()).await;
    let refused = house
        .store
        .remove_custom_role(shift(), &Actor::System)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("ann"), "{refused}");
    house
        .store
        .set_role(ann.id, Role::Viewer, &Actor::System)
        .await
        .unwrap();
    let named: Role = "shift".parse().unwrap();
    house
        .store
        .make_enrolment(named, None, 60, &Actor::System)
        .await
        .unwrap();
    let refused = house
        .store
        .remove_custom_role(shift(), &Actor::System)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("invitation"), "{refused}");
    house.clock.advance(61);
    house
        .store
        .remove_custom_role(shift(), &Actor::System)
        .await
        .unwrap();
    assert_eq!(house.kinds().await.last(), Some(&EventKind::RoleRemoved));
    for role in Role::ALL {
        let name: RoleName = role.as_str().parse().unwrap();
        let refused = house
            .store
            .set_custom_role(name, permissions, &Actor::System)
            .await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{role}");
    }
    let refused = house
        .store
        .set_custom_role(shift(), Permissions::default(), &Actor::System)
        .await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "a role of nothing"
    );
}

#[tokio::test]
async fn a_role_that_is_gone_permits_nothing() {
    let house = House::new().await;
    let permissions = set(&[Permission::ReadRuntime, Permission::Administer]);
    house
        .store
        .set_custom_role(shift(), permissions, &Actor::System)
        .await
        .unwrap();
    let ann = house.user("ann", "shift".parse().unwrap()).await;
    // A hand in the database.
    let mut hand = house.hand().await;
    sqlx::query("DELETE FROM roles")
        .execute(&mut hand)
        .await
        .unwrap();
    let ann = house.store.user(ann.id).await.unwrap();
    assert!(
        Permission::ALL.into_iter().all(|it| !ann.role.permits(it)),
        "{ann:?}"
    );
}
