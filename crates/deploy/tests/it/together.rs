//! What may be approved in a lump, and what never.

use deploy::{Choice, Choices, DeployError};
use model::{
    deployment::Verdict,
    flow::change::ChangeId,
    instance::{Policy, Together},
};
use store::StoreError;

use crate::house::{House, editor, reviewer};

/// Two harmless nodes, and one that runs commands.
const FLOWS: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"a","type":"debug","z":"t","name":"a","x":100,"y":80,"wires":[]},{"id":"b","type":"debug","z":"t","name":"b","x":100,"y":120,"wires":[]},{"id":"e","type":"exec","z":"t","name":"e","command":"reboot","x":300,"y":80,"wires":[[],[],[]]}]"#;

fn names(names: &[&str]) -> Choices {
    Choices::Together(
        names
            .iter()
            .map(|name| ChangeId((*name).to_owned()))
            .collect(),
    )
}

#[tokio::test]
async fn what_has_a_warning_is_never_approved_in_a_lump() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (rita, shown) = (reviewer(), queued.proposal.hash());
    let decide = |choices: Choices| house.room.decide(&rita, queued.id, shown, choices);
    let heavy = decide(names(&["added:a", "added:e"])).await;
    assert!(matches!(heavy, Err(DeployError::NotTogether { .. })));
    let review = decide(names(&["added:a"])).await.unwrap();
    assert_eq!(
        review.decisions.len(),
        1,
        "nothing of the refused lump was kept"
    );
    let review = decide(Choices::LowRisk).await.unwrap();
    let exec = ChangeId("added:e".to_owned());
    assert!(review.decision(&exec).is_none());
    assert_eq!(review.undecided(), 1);
}

#[tokio::test]
async fn the_rules_say_how_much() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (rita, shown) = (reviewer(), queued.proposal.hash());
    let policy = Policy {
        together: Together::Never,
        ..Policy::default()
    };
    house.rule(policy).await;
    let decide = |choices: Choices| house.room.decide(&rita, queued.id, shown, choices);
    let refused = decide(names(&["added:a"])).await;
    assert!(matches!(refused, Err(DeployError::NotTogether { .. })));
    assert!(decide(Choices::LowRisk).await.unwrap().decisions.is_empty());
}

/// A reviewer who rejected one change and then approves what stands on a page does not mean to take
/// the rejection back.
#[tokio::test]
async fn a_lump_replaces_no_decision_not_even_ones_own() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    let (rita, shown) = (reviewer(), queued.proposal.hash());
    let decide = |choices: Choices| house.room.decide(&rita, queued.id, shown, choices);
    let choice = |name: &str, verdict, comment: &str| {
        Choices::Each(vec![Choice {
            change: ChangeId(name.to_owned()),
            verdict,
            comment: comment.to_owned(),
            seen: None,
        }])
    };
    decide(choice("added:a", Verdict::Reject, "not this"))
        .await
        .unwrap();
    decide(choice("added:b", Verdict::Approve, "looked at"))
        .await
        .unwrap();
    let refused = decide(names(&["added:a", "added:b"])).await;
    assert!(
        matches!(
            refused,
            Err(DeployError::Store(StoreError::Overtaken { .. }))
        ),
        "{refused:?}"
    );
    let review = decide(names(&["added:b", "added:t"])).await.unwrap();
    let said = |name: &str| {
        let decision = review.decision(&ChangeId(name.to_owned())).unwrap();
        (decision.verdict, decision.comment.as_str())
    };
    assert_eq!(said("added:a"), (Verdict::Reject, "not this"));
    assert_eq!(said("added:b"), (Verdict::Approve, "looked at"));
    assert_eq!(said("added:t"), (Verdict::Approve, ""));
}
