//! Second factors, recovery codes and whole accounts made anew.

use model::{access::Role, audit::EventKind as E, mail::MailWishes, principal::Actor};
use store::{LoginAttempt, NewUser, SecondFactor, Secret, SessionKind, StoreError};

use crate::{
    accounts::code,
    house::{House, PASSWORD, actor, new_user, with_factor},
};

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

async fn log_in(house: &House, password: &str, code: &str) -> LoginAttempt {
    let (password, address) = (secret(password), None);
    let attempt = house.store.log_in("ann", &password, Some(code), address);
    attempt.await.unwrap()
}

#[tokio::test]
async fn a_new_factor_takes_the_place_of_the_old_one_and_its_codes() {
    let house = House::new().await;
    let (new, old) = with_factor("ann", Role::Editor);
    let (ann, old_codes) = house.store.add_user(new, &Actor::System).await.unwrap();
    let open = |kind| house.store.open_session(ann.id, kind, None, None, "test");
    let (own, _) = open(SessionKind::Console).await.unwrap();
    let (_, other) = open(SessionKind::Console).await.unwrap();
    let by = actor(ann.id.0, "ann");
    assert_eq!(own.id.0, ann.id.0, "acts in the first session");
    let factor = SecondFactor::generate();
    let wrong = house
        .store
        .renew_second_factor(ann.id, &factor, "no code", &by)
        .await
        .unwrap();
    assert!(wrong.is_none());
    let used = code(&house, &factor);
    let codes = house
        .store
        .renew_second_factor(ann.id, &factor, &used, &by)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(codes.len(), 10);
    let gone = house
        .store
        .session_principal(&other.0, SessionKind::Console);
    assert!(gone.await.unwrap().is_none(), "other sessions end");
    assert_eq!(house.store.sessions(Some(ann.id)).await.unwrap().len(), 1);
    for bad in [code(&house, &old), old_codes[0].clone(), used] {
        assert!(matches!(
            log_in(&house, PASSWORD, &bad).await,
            LoginAttempt::Wrong
        ));
        house.clock.advance(3_600);
    }
    let right = log_in(&house, PASSWORD, &code(&house, &factor)).await;
    assert!(matches!(right, LoginAttempt::Accepted(_)), "{right:?}");
    assert!(house.kinds().await.contains(&E::FactorRenewed));
}

#[tokio::test]
async fn new_recovery_codes_void_the_old_and_need_a_factor() {
    let house = House::new().await;
    let bob = house.user("bob", Role::Editor).await;
    let none = house
        .store
        .renew_recovery_codes(bob.id, &Actor::System)
        .await;
    assert!(matches!(none, Err(StoreError::Conflict(_))));
    let (new, _) = with_factor("ann", Role::Editor);
    let (ann, old) = house.store.add_user(new, &Actor::System).await.unwrap();
    let codes = house.store.renew_recovery_codes(ann.id, &Actor::System);
    let codes = codes.await.unwrap();
    assert!(matches!(
        log_in(&house, PASSWORD, &old[0]).await,
        LoginAttempt::Wrong
    ));
    house.clock.advance(3_600);
    let right = log_in(&house, PASSWORD, &codes[0]).await;
    assert!(matches!(right, LoginAttempt::Accepted(_)), "{right:?}");
}

#[tokio::test]
async fn a_reset_ends_the_mails_too() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Administrator).await;
    let address = "thief@evil.example".parse().unwrap();
    let (wishes, by) = (MailWishes::default(), Actor::System);
    let set = house.store.set_mail(ann.id, Some(&address), wishes, &by);
    set.await.unwrap();
    house.store.note_mails(900).await.unwrap();
    let what = serde_json::json!({ "runs": "x" });
    let happens = house.store.record(E::MemoryDrift, &by, None, "x", what);
    happens.await.unwrap();
    house.store.note_mails(900).await.unwrap();
    assert_eq!(house.store.waiting_mails().await.unwrap().0, 1);
    let reset = house.store.reset_account(ann.id, 3_600, &by).await;
    reset.unwrap();
    let ann = house.store.user(ann.id).await.unwrap();
    assert_eq!(ann.mail, None, "mails go to who took the account");
    assert_eq!(house.store.waiting_mails().await.unwrap().0, 0);
}

#[tokio::test]
async fn a_reset_locks_out_at_once_and_its_link_renews_once() {
    let house = House::new().await;
    let (new, old) = with_factor("ann", Role::Reviewer);
    let (ann, old_codes) = house.store.add_user(new, &Actor::System).await.unwrap();
    let open = house
        .store
        .open_session(ann.id, SessionKind::Console, None, None, "test");
    let (_, session) = open.await.unwrap();
    let earlier = house.store.reset_account(ann.id, 3_600, &Actor::System);
    let earlier = earlier.await.unwrap();
    let link = house.store.reset_account(ann.id, 3_600, &Actor::System);
    let link = link.await.unwrap();
    assert_eq!(link.renews, Some(ann.id));
    assert!(
        house
            .store
            .enrolment(&earlier.secret)
            .await
            .unwrap()
            .is_none()
    );
    let gone = house
        .store
        .session_principal(&session.0, SessionKind::Console);
    assert!(gone.await.unwrap().is_none());
    for bad in [code(&house, &old), old_codes[0].clone()] {
        assert!(matches!(
            log_in(&house, PASSWORD, &bad).await,
            LoginAttempt::Wrong
        ));
        house.clock.advance(600);
    }
    // One that is open all the same, however it came to be, ends with the old factor.
    let open = house
        .store
        .open_session(ann.id, SessionKind::Console, None, None, "test");
    let (_, session) = open.await.unwrap();
    let (renewed, factor) = with_factor("ann", Role::Administrator);
    let renewed = NewUser {
        password: secret("copper lantern drift"),
        ..renewed
    };
    let (user, codes) = house
        .store
        .enrol(&link.secret, renewed, None)
        .await
        .unwrap();
    assert_eq!(
        (user.id, user.role, codes.len()),
        (ann.id, Role::Reviewer, 10)
    );
    let gone = house
        .store
        .session_principal(&session.0, SessionKind::Console);
    assert!(
        gone.await.unwrap().is_none(),
        "sessions end with the factor"
    );
    let again = house
        .store
        .enrol(&link.secret, new_user("ann", Role::Editor), None);
    assert!(matches!(again.await, Err(StoreError::NotFound(_))));
    house.clock.advance(3_600);
    let right = log_in(&house, "copper lantern drift", &code(&house, &factor)).await;
    assert!(matches!(right, LoginAttempt::Accepted(_)), "{right:?}");
    let kinds = house.kinds().await;
    for kind in [E::AccountReset, E::PasswordChanged, E::FactorRenewed] {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[tokio::test]
async fn a_link_that_renews_is_for_that_user_alone() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Editor).await;
    let link = house.store.reset_account(ann.id, 3_600, &Actor::System);
    let link = link.await.unwrap();
    let other = house
        .store
        .enrol(&link.secret, new_user("eve", Role::Editor), None);
    assert!(matches!(other.await, Err(StoreError::Conflict(_))));
    house
        .store
        .remove_user(ann.id, &Actor::System)
        .await
        .unwrap();
    let gone = house
        .store
        .enrol(&link.secret, new_user("ann", Role::Editor), None);
    assert!(matches!(gone.await, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn confirming_who_one_is_writes_no_login() {
    let house = House::new().await;
    let (new, factor) = with_factor("ann", Role::Editor);
    let (ann, _) = house.store.add_user(new, &Actor::System).await.unwrap();
    let confirm = async |password: &str, code: Option<&str>| {
        let (name, password) = ("ann".parse().unwrap(), secret(password));
        house
            .store
            .confirm_identity(&name, &password, code, None)
            .await
            .unwrap()
    };
    let right = code(&house, &factor);
    assert!(matches!(
        confirm(PASSWORD, None).await,
        LoginAttempt::NeedsCode(_)
    ));
    assert!(matches!(
        confirm(PASSWORD, Some(&right)).await,
        LoginAttempt::Accepted(_)
    ));
    assert!(matches!(
        confirm(PASSWORD, Some(&right)).await,
        LoginAttempt::Wrong
    ));
    let kinds = house.kinds().await;
    assert!(!kinds.contains(&E::LoggedIn) && kinds.contains(&E::LoginFailed));
    assert!(
        house
            .store
            .user(ann.id)
            .await
            .unwrap()
            .last_login_at
            .is_none()
    );
}
