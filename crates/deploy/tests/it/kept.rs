//! What was read for one page is there for the next, and never where it would say something else.

use std::sync::Arc;

use deploy::{Acceptance, Choices, DeployError, Review};
use model::{
    access::Role,
    flow::{change::ChangeId, finding::Severity},
    id::DeploymentId,
    instance::{Policy, Together},
    principal::Actor,
};

use crate::house::{FLOWS, House, editor, person, reviewer};

/// A harmless node, and one that runs commands.
const COMMANDING: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"b","type":"debug","z":"t","name":"b","x":100,"y":120,"wires":[]},{"id":"e","type":"exec","z":"t","name":"e","command":"reboot","x":300,"y":80,"wires":[[],[],[]]}]"#;

async fn look(house: &House, id: DeploymentId) -> Review {
    house.room.review(&reviewer(), id).await.unwrap()
}

fn is_same(one: &Review, other: &Review) -> bool {
    Arc::ptr_eq(&one.reading, &other.reading)
}

async fn set(house: &House, policy: &Policy) {
    let set = house
        .store()
        .set_policy(&house.main, policy, &Actor::System);
    set.await.unwrap();
}

#[tokio::test]
async fn a_reading_is_kept_while_all_it_depends_on_is_the_same_and_no_longer() {
    let house = House::new().await;
    let queued = house.propose(&editor(), COMMANDING).await;
    let (rita, first) = (reviewer(), look(&house, queued.id).await);
    // Decisions and comments are no part of it.
    let shown = queued.proposal.hash();
    let light = Choices::LowRisk;
    let decided = house.room.decide(&rita, queued.id, shown, light);
    assert!(is_same(&first, &decided.await.unwrap()));
    let text = house.room.comment(&rita, queued.id, None, "Why?");
    text.await.unwrap();
    let second = look(&house, queued.id).await;
    assert!(is_same(&first, &second) && second.comments.len() == 1);
    // The policy says what findings ask.
    let strict = Policy {
        demands: vec!["exec-command: refuse".parse().unwrap()],
        ..Policy::default()
    };
    set(&house, &strict).await;
    let asked = look(&house, queued.id).await;
    assert!(first.reading.asks.is_empty());
    assert_eq!(asked.reading.asks.len(), 1);
    // An accepted risk silences a finding, and speaks again when it is withdrawn.
    let ada = person(5, "ada", Role::Administrator);
    let exec = asked.diff.changes.iter();
    let exec = exec.flat_map(|change| change.findings.iter().map(move |it| (change, it)));
    let mut exec = exec.filter(|(_, finding)| finding.rule == "exec-command");
    let (change, finding) = exec.next().unwrap();
    let acceptance = Acceptance {
        change: change.id.clone(),
        mark: finding.mark,
        owner: "Plant manager".into(),
        reason: "needed for the nightly restart".into(),
        days: 30,
    };
    let accepted = house.room.accept_risk(&ada, queued.id, acceptance);
    let risk = accepted.await.unwrap();
    assert!(look(&house, queued.id).await.reading.asks.is_empty());
    house.room.withdraw_risk(&ada, risk).await.unwrap();
    assert!(is_same(&asked, &look(&house, queued.id).await));
    set(&house, &Policy::default()).await;
    assert!(is_same(&first, &look(&house, queued.id).await));
    // Another proposal is another reading.
    let other = house.propose(&reviewer(), FLOWS).await;
    assert!(!is_same(&first, &look(&house, other.id).await));
}

#[tokio::test]
async fn what_asks_for_a_reason_is_no_part_of_a_lump() {
    let house = House::new().await;
    let policy = Policy {
        together: Together::Notes,
        demands: vec!["note: reason".parse().unwrap()],
        ..Policy::default()
    };
    set(&house, &policy).await;
    let noted = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"b","type":"debug","z":"t","name":"b","x":100,"y":120,"wires":[]},{"id":"i","type":"http in","z":"t","name":"i","url":"/x","method":"get","x":1,"y":1,"wires":[[]]},{"id":"l","type":"change","z":"t","name":"l","rules":[{"t":"set","p":"payload","pt":"msg","to":"$now()","tot":"jsonata"}],"x":1,"y":1,"wires":[["b"]]}]"#;
    let queued = house.propose(&editor(), noted).await;
    let review = look(&house, queued.id).await;
    let is_noted = |id: &&ChangeId| {
        let mut findings = review.change(id).unwrap().findings.iter();
        findings.all(|it| it.severity == Severity::Note)
    };
    let asked = review.asks.keys().find(is_noted).unwrap().clone();
    assert!(!review.is_low_risk(review.change(&asked).unwrap()));
    let rita = reviewer();
    let decide = |choices| house.room.decide(&rita, queued.id, review.shown, choices);
    let refused = decide(Choices::Together(vec![asked.clone()])).await;
    assert!(matches!(refused, Err(DeployError::NotTogether { .. })));
    // The others are not held up by it.
    let after = decide(Choices::LowRisk).await.unwrap();
    assert!(after.decision(&asked).is_none() && !after.decisions.is_empty());
}
