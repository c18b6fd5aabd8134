//! A deployment in one file: genuine as it was written, and in no other form.

use data_encoding::BASE64;
use deploy::export::{NotGenuine, verify};
use model::deployment::{Emergency, State, Verdict};
use serde_json::{Value, json};

use crate::house::{FLOWS, House, editor, reviewer};

/// What somebody does to a statement.
type Lie = fn(&mut Value);

/// The file's statement altered by `change`, and signed by whoever holds the key.
fn forged(house: &House, file: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut envelope: Value = serde_json::from_str(file).unwrap();
    let payload = BASE64
        .decode(envelope["payload"].as_str().unwrap().as_bytes())
        .unwrap();
    let mut statement: Value = serde_json::from_slice(&payload).unwrap();
    change(&mut statement);
    let payload = statement.to_string();
    let kind = envelope["payloadType"].as_str().unwrap();
    let signed = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
    let signature = house
        .store()
        .keyring()
        .sign(store::Signing::DeploymentExport, signed.as_bytes())
        .unwrap();
    envelope["payload"] = json!(BASE64.encode(payload.as_bytes()));
    envelope["signatures"][0]["sig"] = json!(BASE64.encode(&signature));
    envelope.to_string()
}

#[tokio::test]
async fn an_exported_deployment_is_checked_without_redkeep() {
    let house = House::new().await;
    let (ed, rita) = (editor(), reviewer());
    let queued = house.propose(&ed, FLOWS).await;
    let waiting = house.room.export(&ed, queued.id).await.unwrap();
    let read = verify(waiting.as_bytes(), None).unwrap();
    assert_eq!(
        (read.statement.result, read.statement.applied),
        (None, None)
    );

    house.apply(&rita, queued.id).await;
    let file = house.room.export(&rita, queued.id).await.unwrap();
    let key = house.room.export_key();
    let read = verify(file.as_bytes(), Some(&key)).unwrap();
    assert_eq!(read.key, key);
    assert_eq!(read.statement.proposed_flows, *house.running().await.flows);
    assert_eq!(read.statement.applied, Some(house.running().await.baseline));
    assert!(
        read.statement
            .decisions
            .iter()
            .all(|it| it.by.label() == "rita")
    );

    let other = "0".repeat(64);
    assert!(matches!(
        verify(file.as_bytes(), Some(&other)),
        Err(NotGenuine::OtherKey { .. })
    ));
    assert!(matches!(verify(b"[]", None), Err(NotGenuine::NotOne(_))));
    assert!(matches!(
        verify(&file.as_bytes()[..file.len() / 2], None),
        Err(NotGenuine::NotOne(_))
    ));
}

#[tokio::test]
async fn an_altered_file_is_not_genuine() {
    let house = House::new().await;
    let queued = house.propose(&editor(), FLOWS).await;
    house.apply(&reviewer(), queued.id).await;
    let file = house.room.export(&reviewer(), queued.id).await.unwrap();
    let mut envelope: Value = serde_json::from_str(&file).unwrap();
    let payload = BASE64
        .decode(envelope["payload"].as_str().unwrap().as_bytes())
        .unwrap();
    let altered = String::from_utf8(payload).unwrap().replace("rita", "ruth");
    envelope["payload"] = json!(BASE64.encode(altered.as_bytes()));
    assert_eq!(
        verify(envelope.to_string().as_bytes(), None).unwrap_err(),
        NotGenuine::Altered
    );
}

#[tokio::test]
async fn a_signed_file_that_contradicts_itself_is_refused() {
    let house = House::new().await;
    let (ed, rita) = (editor(), reviewer());
    let first = house.propose(&ed, FLOWS).await;
    house.apply(&rita, first.id).await;
    let changed = FLOWS.replace("return msg;", "return null;");
    let queued = house.propose(&ed, &changed).await;
    house.decide_all(&rita, queued.id, Verdict::Approve).await;
    house
        .room
        .approve(&rita, queued.id, queued.proposal.hash())
        .await
        .unwrap();
    house
        .room
        .apply(&rita, queued.id, queued.proposal.hash())
        .await
        .unwrap();
    let file = house.room.export(&rita, queued.id).await.unwrap();
    assert!(verify(forged(&house, &file, |_| {}).as_bytes(), None).is_ok());

    let lies: [(&str, Lie); 7] = [
        ("other flows", |it| {
            let flows = it["proposed_flows"]
                .as_str()
                .unwrap()
                .replace("return null;", "return 1;");
            it["proposed_flows"] = json!(flows);
        }),
        ("another digest", |it| it["shown"] = json!("0".repeat(64))),
        ("a hidden change", |it| it["changes"] = json!([])),
        ("a change dressed up", |it| {
            it["changes"][0]["properties"][0]["after"] = json!("return msg;");
        }),
        ("a rejection told as approval", |it| {
            it["decisions"][0]["verdict"] = json!("reject");
        }),
        ("a decision on nothing", |it| {
            it["decisions"][0]["change"] = json!("added:zz");
        }),
        ("another baseline", |it| {
            it["applied"]["node_red"] = json!("4.0.0");
        }),
    ];
    for (what, lie) in lies {
        let forged = forged(&house, &file, lie);
        let found = verify(forged.as_bytes(), None);
        assert!(
            matches!(found, Err(NotGenuine::Contradiction(_))),
            "{what}: {found:?}"
        );
    }
}

/// Nobody has decided on it: what was confirmed is everything it proposes.
#[tokio::test]
async fn an_emergency_on_its_way_is_genuine_too() {
    let house = House::new().await;
    let rita = reviewer();
    let queued = house.propose(&editor(), FLOWS).await;
    let genuine = async || {
        let file = house.room.export(&rita, queued.id).await.unwrap();
        verify(file.as_bytes(), None).unwrap().statement.deployment
    };
    let (store, by) = (house.store(), rita.actor());
    let declared = Emergency::new("now", Some(by.clone()));
    let approved = store.declare_emergency(&queued, declared, &by);
    let approved = approved.await.unwrap();
    assert_eq!(genuine().await.state, approved.state);
    let next = State::Applying {
        since: store.clock().now(),
        result: queued.proposal.flows,
        approved_by: Some(by.clone()),
    };
    let applying = store.step(queued.id, &approved.state, next, &by);
    assert_eq!(applying.await.unwrap().state, genuine().await.state);
    // A partial result signed as one that nobody reviewed is still a contradiction.
    let file = house.room.export(&rita, queued.id).await.unwrap();
    let forged = forged(&house, &file, |it| {
        it["deployment"]["result"] = json!("0".repeat(64));
    });
    let found = verify(forged.as_bytes(), None);
    assert!(
        matches!(found, Err(NotGenuine::Contradiction(_))),
        "{found:?}"
    );
}
