//! Where policy asks for a touch, nothing is confirmed or applied without one, and what it signed is
//! in the file.

use std::sync::LazyLock;

use data_encoding::BASE64;
use deploy::{Caller, DeployError, export::verify};
use model::{
    access::Role,
    deployment::{Skipped, State, Verdict},
    id::{DeploymentId, SessionId},
    instance::{ApplyPolicy, Policy},
    principal::{Actor, Principal, Via},
    touch::decisions_digest,
};
use serde_json::{Value, json};
use store::{Bound, NewUser, RelyingParty, Secret};

use crate::{
    authenticator::Authenticator,
    house::{FLOWS, House, editor},
};

const ORIGIN: &str = "https://keep.localhost:8443";

fn rp() -> &'static RelyingParty {
    static RP: LazyLock<RelyingParty> = LazyLock::new(|| RelyingParty::of(ORIGIN).unwrap());
    &RP
}

fn touching() -> Policy {
    Policy {
        touch: true,
        ..Policy::default()
    }
}

/// A reviewer in a console session, with a passkey.
async fn reviewer(house: &House, name: &str) -> (Caller, Authenticator) {
    let new = NewUser {
        name: name.parse().unwrap(),
        role: Role::Reviewer,
        password: Secret::new("tram oyster dial".into()),
        second_factor: None,
        passkey: None,
    };
    let (user, _) = house.store().add_user(new, &Actor::System).await.unwrap();
    let session = SessionId(user.id.0 + 10);
    let via = Via::ConsoleSession { session };
    let principal = Principal {
        user: user.id,
        name: user.name.clone(),
        role: user.role,
        via,
    };
    let caller = Caller {
        principal,
        address: None,
    };
    let mut key = Authenticator::at(ORIGIN);
    let bound = Bound::Session(session);
    let asked = house.store().begin_passkey(rp(), &user.name, bound).await;
    let asked = asked.unwrap();
    let made = key.make(&asked.options);
    let new = house
        .store()
        .finish_passkey(rp(), bound, &asked.token, &made, "yellow key")
        .unwrap();
    let actor = caller.actor();
    let added = house.store().add_passkey(&new, user.id, &actor);
    added.await.unwrap();
    (caller, key)
}

/// Touches for what stands.
async fn touch(
    house: &House,
    caller: &Caller,
    key: &mut Authenticator,
    id: DeploymentId,
) -> Result<model::deployment::Deployment, DeployError> {
    let to_touch = house.room.begin_touch(caller, rp(), id).await?;
    let (asked, _) = to_touch.asked.unwrap();
    let answer = key.sign(&asked.options);
    let room = &house.room;
    room.approve_touched(caller, rp(), id, &asked.token, &answer)
        .await
}

#[tokio::test]
async fn nothing_is_confirmed_or_applied_without_a_touch() {
    let house = House::new().await;
    house.rule(touching()).await;
    let (rita, mut key) = reviewer(&house, "rita").await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    let early = house.room.begin_touch(&rita, rp(), id).await;
    assert!(
        matches!(early, Err(DeployError::Undecided { .. })),
        "{early:?}"
    );
    house.decide_all(&rita, id, Verdict::Approve).await;
    let without = house.room.approve(&rita, id, shown).await.unwrap_err();
    assert!(matches!(without, DeployError::TouchNeeded { .. }));
    let way_out = format!("/deployments/{id}/touch");
    assert!(without.to_string().contains(&way_out), "{without}");
    // A token or the socket has no page to touch on.
    let by_socket = Caller {
        principal: Principal {
            via: Via::ControlSocket,
            ..rita.principal.clone()
        },
        address: None,
    };
    let elsewhere = house.room.begin_touch(&by_socket, rp(), id).await;
    assert!(matches!(elsewhere, Err(DeployError::TouchNeeded { .. })));

    touch(&house, &rita, &mut key, id).await.unwrap();
    let applied = house.room.apply(&rita, id, shown).await.unwrap();
    assert!(matches!(applied.state, State::Applied { .. }));
}

#[tokio::test]
async fn what_was_confirmed_before_the_rule_waits_for_its_touch() {
    let house = House::new().await;
    let (rita, mut key) = reviewer(&house, "rita").await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    house.decide_all(&rita, id, Verdict::Approve).await;
    house.room.approve(&rita, id, shown).await.unwrap();
    house.rule(touching()).await;
    let refused = house.room.apply(&rita, id, shown).await;
    assert!(
        matches!(refused, Err(DeployError::TouchNeeded { .. })),
        "{refused:?}"
    );
    touch(&house, &rita, &mut key, id).await.unwrap();
    house.room.apply(&rita, id, shown).await.unwrap();
}

#[tokio::test]
async fn a_touch_for_other_decisions_or_altered_in_the_ledger_applies_nothing() {
    let house = House::new().await;
    house.rule(touching()).await;
    let (rita, mut key) = reviewer(&house, "rita").await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    house.decide_all(&rita, id, Verdict::Approve).await;
    let asked = house.room.begin_touch(&rita, rp(), id).await.unwrap().asked;
    let (asked, statement) = asked.unwrap();
    let stood = house.store().decisions(id).await.unwrap();
    assert_eq!(statement.decisions, decisions_digest(&stood));
    // Decided again, with another word, while the page stood open.
    let review = house.room.review(&rita, id).await.unwrap();
    let again = deploy::Choice {
        change: review.diff.changes[0].id.clone(),
        verdict: Verdict::Approve,
        comment: "another word".into(),
        seen: None,
    };
    house
        .room
        .decide(&rita, id, shown, vec![again])
        .await
        .unwrap();
    let answer = key.sign(&asked.options);
    let late = house
        .room
        .approve_touched(&rita, rp(), id, &asked.token, &answer)
        .await;
    let late = late.unwrap_err().to_string();
    assert!(late.contains("since it was touched"), "{late}");
    assert_eq!(house.state(id).await, State::InReview);

    // Confirmed with a touch; then the decisions change, and it is confirmed by a hand in the ledger.
    touch(&house, &rita, &mut key, id).await.unwrap();
    let kept = house.store().touch_of(id).await.unwrap().unwrap();
    store::is_touched(&kept).unwrap();
    house.decide_all(&rita, id, Verdict::Approve).await;
    let now = house.store().deployment(id).await.unwrap();
    let decisions = house.store().decisions(id).await.unwrap();
    let (flows, actor) = (queued.proposal.flows, rita.actor());
    let forced = house.store().confirm(&now, &decisions, flows, &actor);
    forced.await.unwrap();
    let refused = house.room.apply(&rita, id, shown).await;
    assert!(
        matches!(refused, Err(DeployError::TouchNeeded { .. })),
        "{refused:?}"
    );
}

/// What it is, how it is told, and what is said of it.
type Lie = (&'static str, fn(&mut Value), &'static str);

#[tokio::test]
async fn the_file_holds_the_touch_and_no_other_passes() {
    let house = House::new().await;
    house.rule(touching()).await;
    let (rita, mut key) = reviewer(&house, "rita").await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (id, shown) = (queued.id, queued.proposal.hash());
    house.decide_all(&rita, id, Verdict::Approve).await;
    touch(&house, &rita, &mut key, id).await.unwrap();
    house.room.apply(&rita, id, shown).await.unwrap();
    let file = house.room.export(&rita, id).await.unwrap();
    let read = verify(file.as_bytes(), None).unwrap();
    let touch = read.statement.touch.expect("the touch");
    assert_eq!(
        (touch.passkey.as_str(), touch.origin.as_str()),
        ("yellow key", ORIGIN)
    );
    assert_eq!(touch.statement.shown, shown);

    // Whoever holds the installation's key can sign any file, but cannot touch for it.
    let lies: [Lie; 4] = [
        (
            "another reviewer",
            |it| it["touch"]["statement"]["name"] = json!("ruth"),
            "of the touch",
        ),
        (
            "another origin",
            |it| it["touch"]["origin"] = json!("https://evil.example"),
            "of the touch",
        ),
        (
            "another decision",
            |it| it["decisions"][0]["comment"] = json!("x"),
            "other decisions",
        ),
        (
            "another deployment",
            |it| it["touch"]["statement"]["deployment"] = json!(9),
            "another deployment",
        ),
    ];
    for (what, lie, why) in lies {
        let forged = forged(&house, &file, lie);
        let refused = verify(forged.as_bytes(), None).expect_err(what).to_string();
        assert!(refused.contains(why), "{what}: {refused}");
    }
}

fn forged(house: &House, file: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut envelope: Value = serde_json::from_str(file).unwrap();
    let payload = envelope["payload"].as_str().unwrap();
    let payload = BASE64.decode(payload.as_bytes()).unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    change(&mut statement);
    let payload = statement.to_string();
    let kind = envelope["payloadType"].as_str().unwrap();
    let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    let keyring = house.store().keyring();
    let signature = keyring.sign(store::Signing::DeploymentExport, signed.as_bytes());
    envelope["payload"] = json!(BASE64.encode(payload.as_bytes()));
    envelope["signatures"][0]["sig"] = json!(BASE64.encode(&signature.unwrap()));
    envelope.to_string()
}

#[tokio::test]
async fn nothing_is_applied_at_once_where_a_touch_is_asked_for_and_an_emergency_says_it_went_past()
{
    let house = House::new().await;
    house
        .rule(Policy {
            apply: ApplyPolicy::Automatic,
            ..touching()
        })
        .await;
    let (rita, _) = reviewer(&house, "rita").await;
    let queued = house.propose(&editor(), FLOWS).await;
    assert_eq!(house.state(queued.id).await, State::Pending);
    let shown = queued.proposal.hash();
    let applied = house
        .room
        .apply_emergency(&rita, queued.id, shown, "the cellar floods")
        .await;
    let emergency = applied.unwrap().emergency.unwrap();
    assert_eq!(emergency.skipped, [Skipped::Touch]);
}
