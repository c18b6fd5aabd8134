//! People a provider stands for: who they are here, and for how long.

use model::{
    access::{Role, Scope},
    audit::EventKind,
    principal::Actor,
};
use store::{
    Due, External, ExternalSignIn, LoginAttempt, NewToken, Says, Secret, Session, SessionKind,
    SessionSecret, StoreError, User,
};

use crate::house::House;

fn ann(says: Says) -> External {
    External {
        provider: "plant".to_owned(),
        issuer: "https://id.example".to_owned(),
        subject: "u-1".to_owned(),
        names: vec!["ann@plant.example".to_owned()],
        says,
        makes_accounts: true,
        grant: Secret::new(b"grant 1".to_vec()),
        again_seconds: 45,
    }
}

async fn enter(house: &House, who: &External) -> (User, Session, SessionSecret) {
    let came = house.store.sign_in_external(who, None, None, "a browser");
    match came.await.unwrap() {
        ExternalSignIn::In(came) => *came,
        other => unreachable!("{other:?}"),
    }
}

async fn is_in(house: &House, secret: &SessionSecret) -> bool {
    let asked = house
        .store
        .session_principal(&secret.0, SessionKind::Console);
    asked.await.unwrap().is_some()
}

async fn due(house: &House) -> Due {
    house.clock.advance(45);
    house.store.external_due().await.unwrap().pop().unwrap()
}

#[tokio::test]
async fn somebody_is_known_by_issuer_and_subject_alone() {
    let house = House::new().await;
    house.user("ada", Role::Administrator).await;
    // A local account of the name they bring is not theirs.
    let local = house.user("ann@plant.example", Role::Administrator).await;
    let (user, session, _) = enter(&house, &ann(Says::Is(Role::Reviewer))).await;
    assert_ne!(user.id, local.id);
    assert_eq!(user.name.as_str(), "ann@plant.example-2");
    assert_eq!(
        (user.role, user.provider.as_deref()),
        (Role::Reviewer, Some("plant"))
    );
    let (same, ..) = enter(&house, &ann(Says::Is(Role::Editor))).await;
    assert_eq!((same.id, same.role), (user.id, Role::Editor));
    let mut other = ann(Says::Is(Role::Editor));
    other.issuer = "https://other.example".to_owned();
    assert_ne!(
        enter(&house, &other).await.0.id,
        user.id,
        "another issuer's u-1"
    );
    let (provider, grant) = house
        .store
        .external_grant(session.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (provider.as_str(), grant.expose()),
        ("plant", &b"grant 1"[..])
    );
}

#[tokio::test]
async fn nobody_comes_in_uninvited_and_no_password_opens_it() {
    let house = House::new().await;
    let mut who = ann(Says::Is(Role::Reviewer));
    // Nobody but a local account can be the first.
    let came = house.store.sign_in_external(&who, None, None, "").await;
    assert!(matches!(came, Err(StoreError::Conflict(_))), "{came:?}");
    house.user("ada", Role::Administrator).await;
    who.makes_accounts = false;
    let came = house
        .store
        .sign_in_external(&who, None, None, "")
        .await
        .unwrap();
    assert!(matches!(came, ExternalSignIn::NotInvited), "{came:?}");
    let link = house
        .store
        .make_enrolment(Role::Auditor, None, 60, &Actor::System);
    let link = link.await.unwrap().secret;
    let came = house
        .store
        .sign_in_external(&who, Some(&link), None, "")
        .await
        .unwrap();
    let ExternalSignIn::In(came) = came else {
        unreachable!("{came:?}")
    };
    assert_eq!(
        came.0.role,
        Role::Reviewer,
        "what the groups say goes before the invitation"
    );
    assert!(
        house.store.enrolment(&link).await.unwrap().is_none(),
        "it is good once"
    );
    for password in ["", "grant 1", "tram oyster dial"] {
        let password = Secret::new(password.into());
        let tried = house
            .store
            .log_in("ann@plant.example", &password, None, None);
        assert!(matches!(tried.await.unwrap(), LoginAttempt::Wrong));
    }
    let password = Secret::new(b"tram oyster dial".to_vec());
    let set = house
        .store
        .set_password(came.0.id, &password, &Actor::System)
        .await;
    assert!(matches!(set, Err(StoreError::Conflict(_))), "{set:?}");
    let reset = house
        .store
        .reset_account(came.0.id, 60, &Actor::System)
        .await;
    assert!(matches!(reset, Err(StoreError::Conflict(_))), "{reset:?}");
}

#[tokio::test]
async fn without_a_role_every_session_ends_and_tokens_rest() {
    let house = House::new().await;
    house.user("ada", Role::Administrator).await;
    let (user, _, first) = enter(&house, &ann(Says::Is(Role::Reviewer))).await;
    let (_, _, second) = enter(&house, &ann(Says::Is(Role::Reviewer))).await;
    let new = NewToken {
        networks: Vec::new(),
        user: user.id,
        label: "x".to_owned(),
        scopes: vec![Scope::Read],
        expires_at: crate::house::START.plus_seconds(86_400),
    };
    let (_, token) = house.store.make_token(new, &Actor::System).await.unwrap();
    let mut revocations = house.store.revocations();
    revocations.mark_unchanged();
    let due = due(&house).await;
    let grant = Secret::new(b"grant 2".to_vec());
    house
        .store
        .external_vouched(&due, Says::NoRole, &grant, 45)
        .await
        .unwrap();
    assert!(
        revocations.has_changed().unwrap(),
        "live connections were not told"
    );
    for secret in [&first, &second] {
        assert!(!is_in(&house, secret).await);
    }
    assert!(
        house
            .store
            .token_principal(&token, None)
            .await
            .unwrap()
            .is_none()
    );
    let refused = ann(Says::NoRole);
    let came = house
        .store
        .sign_in_external(&refused, None, None, "")
        .await
        .unwrap();
    assert!(matches!(came, ExternalSignIn::NoRole), "{came:?}");
    enter(&house, &ann(Says::Is(Role::Viewer))).await;
    assert!(
        house
            .store
            .token_principal(&token, None)
            .await
            .unwrap()
            .is_some()
    );
    let ended = house.details(EventKind::SessionRevoked).await;
    assert!(
        ended[0]["why"].as_str().unwrap().contains("no group"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn an_unreachable_provider_leaves_people_in_for_a_while() {
    let house = House::new().await;
    house.user("ada", Role::Administrator).await;
    let (_, session, secret) = enter(&house, &ann(Says::Is(Role::Reviewer))).await;
    let due = due(&house).await;
    assert_eq!(due.session, session.id);
    house
        .store
        .external_unreachable(&due, 600, 45)
        .await
        .unwrap();
    assert!(is_in(&house, &secret).await);
    assert!(
        house.store.external_due().await.unwrap().is_empty(),
        "asked again at once"
    );
    house.clock.advance(540);
    house
        .store
        .external_unreachable(&due, 600, 45)
        .await
        .unwrap();
    assert!(
        is_in(&house, &secret).await,
        "585 seconds are less than 600"
    );
    house.clock.advance(15);
    house
        .store
        .external_unreachable(&due, 600, 45)
        .await
        .unwrap();
    assert!(!is_in(&house, &secret).await);
}

#[tokio::test]
async fn what_is_over_ends_its_session_and_with_the_last_one_tokens_rest() {
    let house = House::new().await;
    house.user("ada", Role::Administrator).await;
    let (user, _, first) = enter(&house, &ann(Says::Is(Role::Reviewer))).await;
    let (_, second_session, second) = enter(&house, &ann(Says::Is(Role::Reviewer))).await;
    let new = NewToken {
        networks: Vec::new(),
        user: user.id,
        label: "x".to_owned(),
        scopes: vec![Scope::Read],
        expires_at: crate::house::START.plus_seconds(86_400),
    };
    let (_, token) = house.store.make_token(new, &Actor::System).await.unwrap();
    house.clock.advance(45);
    let all = house.store.external_due().await.unwrap();
    let (of_second, of_first): (Vec<Due>, Vec<Due>) = all
        .into_iter()
        .partition(|it| it.session == second_session.id);
    house
        .store
        .external_over(&of_second[0], "over")
        .await
        .unwrap();
    assert!(is_in(&house, &first).await && !is_in(&house, &second).await);
    assert!(
        house
            .store
            .token_principal(&token, None)
            .await
            .unwrap()
            .is_some()
    );
    house
        .store
        .external_over(&of_first[0], "over")
        .await
        .unwrap();
    assert!(!is_in(&house, &first).await);
    assert!(
        house
            .store
            .token_principal(&token, None)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn the_break_glass_account_alarms_and_is_local() {
    let house = House::new().await;
    let ada = house.user("ada", Role::Administrator).await;
    let (ann, ..) = enter(&house, &ann(Says::Is(Role::Administrator))).await;
    let refused = house
        .store
        .set_break_glass(ann.id, true, &Actor::System)
        .await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    let marked = house
        .store
        .set_break_glass(ada.id, true, &Actor::System)
        .await
        .unwrap();
    assert!(marked.is_break_glass);
    let password = Secret::new(crate::house::PASSWORD.into());
    house
        .store
        .log_in("ada", &password, None, None)
        .await
        .unwrap();
    let used = house.details(EventKind::BreakGlassUsed).await;
    assert_eq!(used.len(), 1, "{used:?}");
    // An administrator by a provider is none when the provider is away.
    let gone = house
        .store
        .set_role(ada.id, Role::Viewer, &Actor::System)
        .await;
    assert!(matches!(gone, Err(StoreError::Conflict(_))), "{gone:?}");
}
