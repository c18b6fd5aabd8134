//! Passkeys: added, named, removed; signing in with one; and approvals touched for.

use std::sync::LazyLock;

use model::{
    access::Role,
    audit::EventKind,
    deployment::{Decision, Deployment, State, Verdict},
    id::{SessionId, UserId, UserName},
    principal::{Actor, Via},
    touch::{Touch, TouchStatement},
};
use store::{
    Bound, CheckedTouch, HalfWay, LoginAttempt, PasskeyError, RelyingParty, Secret, Seen, User,
    is_touched,
};

use crate::{
    authenticator::{Authenticator, PRESENT},
    house::{House, PASSWORD, decision, found, proposal, with_factor},
};

const ORIGIN: &str = "https://keep.localhost:8443";
const GATE: &str = "https://keep.localhost:1443";

fn rp() -> &'static RelyingParty {
    static RP: LazyLock<RelyingParty> = LazyLock::new(|| RelyingParty::of(ORIGIN).unwrap());
    &RP
}

fn by(user: &User) -> Actor {
    Actor::Principal {
        user: user.id,
        name: user.name.clone(),
        via: Via::ConsoleSession {
            session: session_of(user.id),
        },
        address: None,
    }
}

fn session_of(user: UserId) -> SessionId {
    SessionId(user.0 + 100)
}

/// Gives somebody a passkey, and returns it with the recovery codes.
async fn passkey(house: &House, user: &User, name: &str) -> (Authenticator, Vec<String>) {
    let mut key = Authenticator::at(ORIGIN);
    let bound = Bound::Session(session_of(user.id));
    let asked = house.store.begin_passkey(rp(), &user.name, bound);
    let asked = asked.await.unwrap();
    let answer = key.make(&asked.options);
    let new = house
        .store
        .finish_passkey(rp(), bound, &asked.token, &answer, name)
        .unwrap();
    let codes = house.store.add_passkey(&new, user.id, &by(user)).await;
    (key, codes.unwrap())
}

async fn half_way(house: &House, name: &str) -> HalfWay {
    let password = Secret::new(PASSWORD.into());
    let half_way = match house.store.log_in(name, &password, None, None).await {
        Ok(LoginAttempt::NeedsCode(half_way)) => Ok(half_way),
        other => Err(other),
    };
    half_way.expect("half way")
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, PasskeyError>, why: &str) {
    let error = result.expect_err("it was accepted").to_string();
    assert!(error.contains(why), "{error:?} does not say {why:?}");
}

#[test]
fn a_console_without_a_host_name_says_why_there_are_no_passkeys() {
    for origin in [
        "https://192.0.2.1:8443",
        "https://[2001:db8::1]",
        "http://keep.localhost",
        "x",
    ] {
        let error = RelyingParty::of(origin).expect_err(origin).to_string();
        assert!(error.contains("need a host name"), "{error}");
    }
    assert_eq!(rp().id, "keep.localhost");
    assert_eq!(rp().origin, ORIGIN);
}

#[tokio::test]
async fn with_a_passkey_the_password_alone_is_not_enough() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Reviewer).await;
    let (mut key, codes) = passkey(&house, &ann, "blue key").await;
    assert_eq!(codes.len(), 10, "recovery codes come with the first factor");
    let half_way = half_way(&house, "ann").await;
    assert!(half_way.has_passkey && !half_way.has_codes);
    let asked = house.store.begin_passkey_factor(rp(), &half_way).await;
    let asked = asked.unwrap().unwrap();
    let answer = key.sign(&asked.options);
    let sign_in = |token, answer| {
        let store = house.store.clone();
        async move { store.passkey_sign_in(rp(), token, answer, None).await }
    };
    let user = sign_in(&asked.token, &answer).await.unwrap();
    assert_eq!(user.id, ann.id);
    let listed = house.store.passkeys(ann.id).await.unwrap();
    assert_eq!(listed[0].name, "blue key");
    assert_eq!(listed[0].last_used_at, Some(crate::house::START));
    // The same answer again, to the same question.
    refused(sign_in(&asked.token, &answer).await, "counter went back");
    // A recovery code stands in for a key that is lost.
    let password = Secret::new(PASSWORD.into());
    let code = Some(codes[0].as_str());
    let accepted = house.store.log_in("ann", &password, code, None).await;
    assert!(matches!(accepted, Ok(LoginAttempt::Accepted(_))));
    let wrong = house
        .store
        .log_in("ann", &password, Some("123456"), None)
        .await;
    assert!(matches!(wrong, Ok(LoginAttempt::Wrong)));
    house.store.verify_audit().await.unwrap();
}

#[tokio::test]
async fn a_right_password_that_stops_at_a_passkey_is_no_login() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Reviewer).await;
    let (_, codes) = passkey(&house, &ann, "phone").await;
    let password = Secret::new(PASSWORD.into());
    let sign_in = async |code: &str, roles: &[Role]| {
        let attempt = house
            .store
            .log_in_where("ann", &password, Some(code), None, roles);
        attempt.await.unwrap()
    };
    let stopped = sign_in(&codes[0], &[Role::Reviewer]).await;
    assert!(
        matches!(stopped, LoginAttempt::NeedsPasskey(_)),
        "{stopped:?}"
    );
    let kinds = house.kinds().await;
    assert!(!kinds.contains(&EventKind::LoggedIn), "{kinds:?}");
    assert!(kinds.contains(&EventKind::LoginFailed), "{kinds:?}");
    let user = house.store.user(ann.id).await.unwrap();
    assert_eq!(user.last_login_at, None);
    // Where the role asks for none it is a login.
    let accepted = sign_in(&codes[1], &[Role::Administrator]).await;
    assert!(
        matches!(accepted, LoginAttempt::Accepted(_)),
        "{accepted:?}"
    );
    assert!(house.kinds().await.contains(&EventKind::LoggedIn));
}

#[tokio::test]
async fn a_passkey_alone_signs_in_if_it_verifies_its_owner() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Reviewer).await;
    let (mut key, _) = passkey(&house, &ann, "phone").await;
    let ask = || house.store.begin_passkey_sign_in(rp()).unwrap();
    let asked = ask();
    let answer = key.sign(&asked.options);
    let user = house
        .store
        .passkey_sign_in(rp(), &asked.token, &answer, None)
        .await;
    assert_eq!(user.unwrap().id, ann.id);
    let details = house.details(EventKind::LoggedIn).await;
    assert_eq!(details[0]["passkey"], "phone");
    assert_eq!(details[0]["password"], false);
    // Without its PIN it is only what somebody found on a desk.
    key.flags = PRESENT;
    let asked = ask();
    let answer = key.sign(&asked.options);
    let found = house
        .store
        .passkey_sign_in(rp(), &asked.token, &answer, None)
        .await;
    refused(found, "did not verify");
    // Of nobody here.
    let mut other = Authenticator::at(ORIGIN);
    other.make(
        &house
            .store
            .begin_passkey(rp(), &ann.name, Bound::SignIn)
            .await
            .unwrap()
            .options,
    );
    let asked = ask();
    let answer = other.sign(&asked.options);
    let stranger = house
        .store
        .passkey_sign_in(rp(), &asked.token, &answer, None)
        .await;
    refused(stranger, "no passkey of this account");
    let kinds = house.kinds().await;
    assert!(
        !kinds.contains(&EventKind::LoginFailed),
        "garbage fills the record"
    );
}

#[tokio::test]
async fn a_question_is_good_for_five_minutes_one_page_one_run() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Reviewer).await;
    let (mut key, _) = passkey(&house, &ann, "phone").await;
    let asked = house.store.begin_passkey_sign_in(rp()).unwrap();
    let answer = key.sign(&asked.options);
    // Brought where another question was asked: it adds no passkey and touches for nothing.
    let elsewhere = Bound::Session(session_of(ann.id));
    let new = house
        .store
        .finish_passkey(rp(), elsewhere, &asked.token, &answer, "x");
    refused(new, "out of date");
    // After a restart.
    let again = house.again().await;
    let late = again
        .passkey_sign_in(rp(), &asked.token, &answer, None)
        .await;
    refused(late, "out of date");
    house.clock.advance(300);
    let late = house
        .store
        .passkey_sign_in(rp(), &asked.token, &answer, None)
        .await;
    refused(late, "out of date");
}

#[tokio::test]
async fn a_password_changed_half_way_leads_nowhere() {
    let house = House::new().await;
    let ann = house.user("ann", Role::Reviewer).await;
    let (mut key, _) = passkey(&house, &ann, "phone").await;
    let half_way = half_way(&house, "ann").await;
    let asked = house.store.begin_passkey_factor(rp(), &half_way).await;
    let asked = asked.unwrap().unwrap();
    let new = Secret::new("another tram oyster".into());
    house
        .store
        .set_password(ann.id, &new, &by(&ann))
        .await
        .unwrap();
    let answer = key.sign(&asked.options);
    let late = house
        .store
        .passkey_sign_in(rp(), &asked.token, &answer, None)
        .await;
    refused(late, "account changed");
}

#[tokio::test]
async fn the_last_factor_stays_and_a_reset_voids_all() {
    let house = House::new().await;
    let root = house.user("root", Role::Administrator).await;
    let ann = house.user("ann", Role::Reviewer).await;
    passkey(&house, &ann, "one").await;
    let (_, codes) = passkey(&house, &ann, "two").await;
    assert!(codes.is_empty(), "a second passkey voids no recovery codes");
    let keys = house.store.passkeys(ann.id).await.unwrap();
    let remove = |id, user: &User| {
        let (store, user) = (house.store.clone(), user.clone());
        async move { store.remove_passkey(user.id, id, &by(&user)).await }
    };
    assert!(remove(keys[0].id, &root).await.is_err(), "another person's");
    house
        .store
        .rename_passkey(ann.id, keys[1].id, "desk drawer", &by(&ann))
        .await
        .unwrap();
    assert!(
        house
            .store
            .rename_passkey(ann.id, keys[1].id, " ", &by(&ann))
            .await
            .is_err()
    );
    assert!(
        house
            .store
            .rename_passkey(root.id, keys[1].id, "mine", &by(&root))
            .await
            .is_err()
    );
    remove(keys[0].id, &ann).await.unwrap();
    let last = remove(keys[1].id, &ann).await.unwrap_err().to_string();
    assert!(last.contains("last second factor"), "{last}");
    assert_eq!(
        house.store.passkeys(ann.id).await.unwrap()[0].name,
        "desk drawer"
    );
    let what: Vec<_> = house.details(EventKind::FactorRenewed).await;
    let what: Vec<_> = what.iter().map(|it| it["what"].as_str().unwrap()).collect();
    assert_eq!(what[0], "passkey removed: one");
    assert_eq!(what[1], "passkey renamed: two to desk drawer");
    house
        .store
        .reset_account(ann.id, 3600, &by(&root))
        .await
        .unwrap();
    assert!(house.store.passkeys(ann.id).await.unwrap().is_empty());
    // With an app beside it, the last passkey may go.
    let (new, _) = with_factor("ben", Role::Reviewer);
    let (ben, _) = house.store.add_user(new, &Actor::System).await.unwrap();
    passkey(&house, &ben, "spare").await;
    let spare = house.store.passkeys(ben.id).await.unwrap()[0].id;
    remove(spare, &ben).await.unwrap();
}

/// A deployment with every change decided, and somebody with a passkey who looks at it.
struct Reviewed {
    house: House,
    ben: User,
    key: Authenticator,
    seen: Deployment,
    decisions: Vec<Decision>,
}

impl Reviewed {
    async fn new() -> Self {
        let house = House::new().await;
        found(&house.store).await;
        let ben = house.user("ben", Role::Reviewer).await;
        let (key, _) = passkey(&house, &ben, "yellow key").await;
        let queued = proposal(&house.store, "[1]").await.unwrap();
        let queued = house.store.queue(queued).await.unwrap();
        let decisions = vec![decision("added:x", Verdict::Approve)];
        let shown = queued.proposal.hash();
        let (store, nothing) = (&house.store, Seen::new());
        let seen = store.decide(queued.id, shown, &decisions, &nothing).await;
        let seen = seen.unwrap();
        Self {
            house,
            ben,
            key,
            seen,
            decisions,
        }
    }

    async fn ask(&self) -> (store::Ceremony, TouchStatement) {
        let user = (self.ben.id, &self.ben.name);
        let (store, session) = (&self.house.store, session_of(self.ben.id));
        let asked = store.begin_touch(rp(), user, session, &self.seen, &self.decisions);
        asked.await.unwrap().unwrap()
    }

    async fn finish(&self, token: &str, answer: &str) -> Result<CheckedTouch, PasskeyError> {
        let session = session_of(self.ben.id);
        let store = &self.house.store;
        store
            .finish_touch(rp(), self.ben.id, session, token, answer)
            .await
    }

    async fn touch(&mut self) -> CheckedTouch {
        let (asked, _) = self.ask().await;
        let answer = self.key.sign(&asked.options);
        self.finish(&asked.token, &answer).await.unwrap()
    }

    async fn confirm(
        &self,
        touch: &CheckedTouch,
        who: &User,
    ) -> Result<Deployment, store::StoreError> {
        let result = self.seen.proposal.flows;
        let store = &self.house.store;
        store
            .confirm_touched(&self.seen, &self.decisions, result, Some(touch), &by(who))
            .await
    }

    async fn kept(&self) -> Option<Touch> {
        self.house.store.touch_of(self.seen.id).await.unwrap()
    }
}

#[tokio::test]
async fn what_was_touched_for_is_kept_with_the_confirmation_and_holds_by_itself() {
    let mut reviewed = Reviewed::new().await;
    let (_, statement) = reviewed.ask().await;
    assert_eq!(statement.shown, reviewed.seen.proposal.hash());
    assert_eq!(statement.base, reviewed.seen.proposal.base);
    let touch = reviewed.touch().await;
    let confirmed = reviewed.confirm(&touch, &reviewed.ben).await.unwrap();
    assert!(matches!(confirmed.state, State::Approved { .. }));
    let kept = reviewed.kept().await.unwrap();
    is_touched(&kept).unwrap();
    assert_eq!(
        (kept.origin.as_str(), kept.passkey.as_str()),
        (ORIGIN, "yellow key")
    );
    assert!(kept.is_verified);
    let noted = reviewed.house.details(EventKind::ApprovalTouched).await;
    assert_eq!(noted[0]["touch"], serde_json::json!(kept.hash()));
    // Any other statement, and any other word of it, was not signed.
    let other = TouchStatement {
        deployment: model::id::DeploymentId(99),
        ..kept.statement.clone()
    };
    refused(
        is_touched(&Touch {
            statement: other,
            ..kept.clone()
        }),
        "something else",
    );
    let origin = GATE.to_owned();
    refused(
        is_touched(&Touch {
            origin,
            ..kept.clone()
        }),
        "another origin",
    );
    refused(
        is_touched(&Touch {
            rp_id: "evil.example".to_owned(),
            ..kept.clone()
        }),
        "another host name",
    );
    refused(
        is_touched(&Touch {
            is_verified: false,
            ..kept.clone()
        }),
        "two ways",
    );
    let mut other = Reviewed::new().await;
    let stranger = other.touch().await;
    other.confirm(&stranger, &other.ben).await.unwrap();
    let public_key = other.kept().await.unwrap().public_key;
    refused(
        is_touched(&Touch { public_key, ..kept }),
        "not of this passkey",
    );
}

#[tokio::test]
async fn a_touch_given_on_the_editors_origin_is_refused() {
    let mut reviewed = Reviewed::new().await;
    let (asked, _) = reviewed.ask().await;
    // The editor's page may share the host name; a browser lets it ask for the same passkey.
    reviewed.key.origin = GATE.to_owned();
    let answer = reviewed.key.sign(&asked.options);
    refused(
        reviewed.finish(&asked.token, &answer).await,
        "another origin",
    );
}

#[tokio::test]
async fn an_answer_without_a_touch_is_refused() {
    let mut reviewed = Reviewed::new().await;
    let (asked, _) = reviewed.ask().await;
    reviewed.key.flags = 0;
    let answer = reviewed.key.sign(&asked.options);
    refused(
        reviewed.finish(&asked.token, &answer).await,
        "nobody touched it",
    );
    // A key that verified its owner when it was added is held to it.
    reviewed.key.flags = PRESENT;
    let answer = reviewed.key.sign(&asked.options);
    refused(
        reviewed.finish(&asked.token, &answer).await,
        "did not verify",
    );
}

#[tokio::test]
async fn a_counter_that_went_back_is_refused() {
    let mut reviewed = Reviewed::new().await;
    reviewed.key.counter = 40;
    let touch = reviewed.touch().await;
    reviewed.confirm(&touch, &reviewed.ben).await.unwrap();
    let (asked, _) = reviewed.ask().await;
    reviewed.key.counter = 12;
    let answer = reviewed.key.sign(&asked.options);
    refused(
        reviewed.finish(&asked.token, &answer).await,
        "counter went back",
    );
}

#[tokio::test]
async fn a_touch_counts_once() {
    let mut reviewed = Reviewed::new().await;
    let (asked, _) = reviewed.ask().await;
    let answer = reviewed.key.sign(&asked.options);
    let touch = reviewed.finish(&asked.token, &answer).await.unwrap();
    // Checked but not used for anything yet: even so its question was answered.
    refused(reviewed.finish(&asked.token, &answer).await, "used already");
    reviewed.confirm(&touch, &reviewed.ben).await.unwrap();
    let confirmed = reviewed
        .house
        .store
        .deployment(reviewed.seen.id)
        .await
        .unwrap();
    let ben = by(&reviewed.ben);
    let (store, decisions) = (&reviewed.house.store, &reviewed.decisions);
    let again = store.touch_confirmed(&confirmed, decisions, &touch, &ben);
    let why = again.await.unwrap_err().to_string();
    assert!(why.contains("once"), "{why}");
}

#[tokio::test]
async fn a_touch_is_for_one_deployment_with_one_set_of_decisions_by_one_person() {
    let mut reviewed = Reviewed::new().await;
    let eve = reviewed.house.user("eve", Role::Reviewer).await;
    let touch = reviewed.touch().await;
    let error = reviewed
        .confirm(&touch, &eve)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("another person's"), "{error}");

    // Another deployment, waiting beside it.
    let store = reviewed.house.store.clone();
    let other = store
        .queue(proposal(&store, "[2]").await.unwrap())
        .await
        .unwrap();
    let seen = store
        .decide(
            other.id,
            other.proposal.hash(),
            &reviewed.decisions,
            &Seen::new(),
        )
        .await
        .unwrap();
    let (flows, ben) = (seen.proposal.flows, by(&reviewed.ben));
    let wrong = store.confirm_touched(&seen, &reviewed.decisions, flows, Some(&touch), &ben);
    let error = wrong.await.unwrap_err().to_string();
    assert!(error.contains("another deployment"), "{error}");

    // The same deployment, with a decision turned round since.
    let shown = reviewed.seen.proposal.hash();
    let turned = vec![Decision {
        comment: "on reflection".to_owned(),
        ..reviewed.decisions[0].clone()
    }];
    let mut seen = Seen::new();
    seen.insert(turned[0].change.clone(), reviewed.decisions[0].mark());
    let now = store
        .decide(reviewed.seen.id, shown, &turned, &seen)
        .await
        .unwrap();
    let wrong = store.confirm_touched(&now, &turned, flows, Some(&touch), &ben);
    let error = wrong.await.unwrap_err().to_string();
    assert!(error.contains("since it was touched"), "{error}");
    assert!(
        reviewed.kept().await.is_none(),
        "kept without a confirmation"
    );
}

#[tokio::test]
async fn another_persons_key_and_another_session_are_refused() {
    let mut reviewed = Reviewed::new().await;
    let eve = reviewed.house.user("eve", Role::Reviewer).await;
    let (mut hers, _) = passkey(&reviewed.house, &eve, "hers").await;
    let (asked, _) = reviewed.ask().await;
    let answer = hers.sign(&asked.options);
    refused(
        reviewed.finish(&asked.token, &answer).await,
        "no passkey of this account",
    );
    let answer = reviewed.key.sign(&asked.options);
    let store = &reviewed.house.store;
    let elsewhere = store.finish_touch(rp(), reviewed.ben.id, SessionId(7), &asked.token, &answer);
    refused(elsewhere.await, "out of date");
    let hers = session_of(eve.id);
    let as_eve = store.finish_touch(rp(), eve.id, hers, &asked.token, &answer);
    refused(as_eve.await, "out of date");
    let name: UserName = "eve".parse().unwrap();
    let nothing = house_without_keys(&reviewed, &name).await;
    assert!(nothing, "somebody without a passkey is asked for one");
}

async fn house_without_keys(reviewed: &Reviewed, name: &UserName) -> bool {
    let bare = UserId(9_999);
    let session = session_of(bare);
    let asked = reviewed.house.store.begin_touch(
        rp(),
        (bare, name),
        session,
        &reviewed.seen,
        &reviewed.decisions,
    );
    asked.await.unwrap().is_none()
}
