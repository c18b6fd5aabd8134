//! What may be approved in a lump, and what never.

use deploy::{Choices, DeployError};
use model::{
    flow::change::ChangeId,
    instance::{Policy, Together},
    principal::Actor,
};

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
    let by = Actor::System;
    let set = house.store().set_policy(&house.main, &policy, &by);
    set.await.unwrap();
    let decide = |choices: Choices| house.room.decide(&rita, queued.id, shown, choices);
    let refused = decide(names(&["added:a"])).await;
    assert!(matches!(refused, Err(DeployError::NotTogether { .. })));
    assert!(decide(Choices::LowRisk).await.unwrap().decisions.is_empty());
}
