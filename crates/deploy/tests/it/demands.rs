//! What findings ask, and what becomes of it when one is accepted as a risk.

use deploy::{Acceptance, Choice, DeployError, Proposed};
use model::{
    access::Role,
    clock::Timestamp,
    deployment::{Deployment, Emergency, State, Verdict},
    flow::{Limits, finding::Finding},
    instance::{ApplyPolicy, Ask, Policy},
};

use crate::house::{House, commanding, editor, person, reviewer};

async fn house(demands: &[&str], apply: ApplyPolicy) -> House {
    let house = House::new().await;
    let policy = Policy {
        apply,
        demands: demands.iter().map(|it| it.parse().unwrap()).collect(),
        ..Policy::default()
    };
    house.rule(policy).await;
    house
}

async fn approve(
    house: &House,
    by: &deploy::Caller,
    queued: &Deployment,
    comment: &str,
) -> Result<(), DeployError> {
    let review = house.room.review(by, queued.id).await.unwrap();
    let choices = review.diff.changes.iter().map(|change| Choice {
        change: change.id.clone(),
        verdict: Verdict::Approve,
        comment: comment.to_owned(),
        seen: None,
    });
    house
        .room
        .decide(by, queued.id, review.shown, choices.collect::<Vec<_>>())
        .await?;
    house.room.approve(by, queued.id, review.shown).await?;
    Ok(())
}

async fn finding(house: &House, queued: &Deployment) -> (Acceptance, Finding) {
    let review = house.room.review(&reviewer(), queued.id).await.unwrap();
    let (change, finding) = review
        .diff
        .changes
        .iter()
        .find_map(|change| {
            let found = change
                .findings
                .iter()
                .find(|it| it.rule == "exec-command")?;
            Some((change.id.clone(), found.clone()))
        })
        .unwrap();
    let acceptance = Acceptance {
        change,
        mark: finding.mark,
        owner: "Plant manager".into(),
        reason: "needed for the nightly restart".into(),
        days: 30,
    };
    (acceptance, finding)
}

#[tokio::test]
async fn a_refusal_holds_for_everyone() {
    let house = house(&["exec-command: refuse"], ApplyPolicy::Reviewed).await;
    let queued = house.propose(&editor(), &commanding()).await;
    for who in [reviewer(), person(5, "ada", Role::Administrator)] {
        let refused = approve(&house, &who, &queued, "please").await;
        assert!(
            matches!(
                refused,
                Err(DeployError::Demanded {
                    ask: Ask::Refusal,
                    ..
                })
            ),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_reason_and_a_role_are_asked_of_who_approves() {
    let house = house(
        &["danger: reason", "exec-command: role administrator"],
        ApplyPolicy::Reviewed,
    )
    .await;
    let queued = house.propose(&editor(), &commanding()).await;
    let ada = person(5, "ada", Role::Administrator);
    let refused = approve(&house, &ada, &queued, "").await;
    assert!(
        matches!(
            refused,
            Err(DeployError::Demanded {
                ask: Ask::Reason,
                ..
            })
        ),
        "{refused:?}"
    );
    let refused = approve(&house, &reviewer(), &queued, "seen").await;
    assert!(
        matches!(
            refused,
            Err(DeployError::Demanded {
                ask: Ask::Role(_),
                ..
            })
        ),
        "{refused:?}"
    );
    approve(&house, &ada, &queued, "the restart is wanted")
        .await
        .unwrap();
}

#[tokio::test]
async fn two_reviewers_are_two_people() {
    let house = house(&["danger: two reviewers"], ApplyPolicy::Reviewed).await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (rita, rob) = (reviewer(), person(3, "rob", Role::Reviewer));
    let refused = approve(&house, &rita, &queued, "").await;
    assert!(
        matches!(
            refused,
            Err(DeployError::Demanded {
                ask: Ask::TwoReviewers,
                ..
            })
        ),
        "{refused:?}"
    );
    let shown = queued.proposal.hash();
    house.room.approve(&rob, queued.id, shown).await.unwrap();
    let applied = house.room.apply(&rob, queued.id, shown).await.unwrap();
    assert!(matches!(applied.state, State::Applied { .. }));
}

#[tokio::test]
async fn what_would_be_applied_at_once_waits_when_more_is_asked() {
    let house = house(
        &["danger: two reviewers", "secret-known: refuse"],
        ApplyPolicy::Automatic,
    )
    .await;
    let queued = house.propose(&editor(), &commanding()).await;
    assert_eq!(queued.state, State::Pending);
    // An emergency goes past all but a refusal.
    let mut urgent = house.submission(&reviewer(), &commanding());
    urgent.emergency = Some(Emergency::new("flood", None));
    let done = house
        .room
        .propose(urgent, &Limits::default())
        .await
        .unwrap();
    assert!(matches!(done, Proposed::Applied { .. }), "{done:?}");
}

#[tokio::test]
async fn an_emergency_does_not_go_past_a_refusal() {
    let house = house(&["exec-command: refuse"], ApplyPolicy::Reviewed).await;
    let mut urgent = house.submission(&reviewer(), &commanding());
    urgent.emergency = Some(Emergency::new("flood", None));
    let done = house
        .room
        .propose(urgent, &Limits::default())
        .await
        .unwrap();
    assert!(matches!(done, Proposed::Queued { .. }), "{done:?}");
}

#[tokio::test]
async fn an_accepted_risk_is_quiet_until_it_expires_or_is_withdrawn() {
    let house = house(&[], ApplyPolicy::Reviewed).await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (acceptance, _) = finding(&house, &queued).await;
    let rita = reviewer();
    let risk = house
        .room
        .accept_risk(&rita, queued.id, acceptance.clone())
        .await
        .unwrap();
    let (_, found) = finding(&house, &queued).await;
    let accepted = found.accepted.clone().unwrap();
    assert_eq!(
        (accepted.risk, accepted.owner.as_str()),
        (risk, "Plant manager")
    );
    let listed = house.room.risks(&rita, Some(&house.main)).await.unwrap();
    let now = house.store().clock().now();
    assert!(listed[0].holds(now));
    assert!(!listed[0].holds(Timestamp(accepted.until.0)));
    house.room.withdraw_risk(&rita, risk).await.unwrap();
    let (_, found) = finding(&house, &queued).await;
    assert!(found.is_open());
}

/// Who may not lift a demand may not accept the finding that makes it.
#[tokio::test]
async fn a_demand_is_lifted_by_an_administrator_alone() {
    let house = house(&["exec-command: refuse"], ApplyPolicy::Reviewed).await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (acceptance, _) = finding(&house, &queued).await;
    let refused = house
        .room
        .accept_risk(&reviewer(), queued.id, acceptance.clone())
        .await;
    assert!(
        matches!(refused, Err(DeployError::NotAllowed { .. })),
        "{refused:?}"
    );
    let ada = person(5, "ada", Role::Administrator);
    house
        .room
        .accept_risk(&ada, queued.id, acceptance)
        .await
        .unwrap();
    approve(&house, &reviewer(), &queued, "").await.unwrap();
}

#[tokio::test]
async fn a_risk_needs_an_owner_a_reason_and_an_end() {
    let house = house(&[], ApplyPolicy::Reviewed).await;
    let queued = house.propose(&editor(), &commanding()).await;
    let (whole, _) = finding(&house, &queued).await;
    for part in [
        Acceptance {
            owner: " ".into(),
            ..whole.clone()
        },
        Acceptance {
            reason: String::new(),
            ..whole.clone()
        },
        Acceptance {
            days: 0,
            ..whole.clone()
        },
        Acceptance {
            days: 400,
            ..whole.clone()
        },
    ] {
        let refused = house.room.accept_risk(&reviewer(), queued.id, part).await;
        assert!(
            matches!(refused, Err(DeployError::RiskIncomplete)),
            "{refused:?}"
        );
    }
    let refused = house.room.accept_risk(&editor(), queued.id, whole).await;
    assert!(matches!(refused, Err(DeployError::NotAllowed { .. })));
}

/// A way that a second change cuts asks for nothing; with that one rejected, it is there.
#[tokio::test]
async fn what_is_approved_in_part_is_held_against_what_the_part_does() {
    let house = house(&[], ApplyPolicy::Reviewed).await;
    let base = r#"[{"id":"t","type":"tab","label":"T"},{"id":"i","type":"inject","z":"t","name":"i","x":1,"y":1,"wires":[[]]},{"id":"o","type":"mqtt out","z":"t","name":"Pump","x":1,"y":9,"wires":[]}]"#;
    let first = house.propose(&editor(), base).await;
    house.apply(&reviewer(), first.id).await;
    house.demand(&["new-way: refuse"]).await;
    // The wire is new, and the tab is switched off: nothing reaches the pump.
    let both = base
        .replace("[[]]", r#"[["o"]]"#)
        .replace(r#""label":"T""#, r#""label":"T","disabled":true"#);
    let queued = house.propose(&editor(), &both).await;
    let rita = reviewer();
    let review = house.room.review(&rita, queued.id).await.unwrap();
    let choices = review.diff.changes.iter().map(|change| Choice {
        change: change.id.clone(),
        verdict: match change.node.as_str() {
            "t" => Verdict::Reject,
            _ => Verdict::Approve,
        },
        comment: "seen".into(),
        seen: None,
    });
    let shown = review.shown;
    let decided = house
        .room
        .decide(&rita, queued.id, shown, choices.collect::<Vec<_>>());
    decided.await.unwrap();
    let refused = house.room.approve(&rita, queued.id, shown).await;
    assert!(
        matches!(
            refused,
            Err(DeployError::Demanded {
                ask: Ask::Refusal,
                ..
            })
        ),
        "{refused:?}"
    );
}
