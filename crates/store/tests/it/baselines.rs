use model::{audit::EventKind, id::Hash};
use store::StoreError;

use crate::house::{House, applying, commit, content, credentials, found, main_instance};

#[tokio::test]
async fn a_text_comes_back_by_its_digest_or_not_at_all() {
    let house = House::new().await;
    let hash = house.store.keep_blob("[\"é\"]").await.unwrap();
    assert_eq!(hash, Hash::of("[\"é\"]".as_bytes()));
    assert_eq!(house.store.keep_blob("[\"é\"]").await.unwrap(), hash);
    assert_eq!(&*house.store.blob(hash).await.unwrap(), "[\"é\"]");
    let none = house.store.blob(Hash::of(b"none")).await;
    assert!(matches!(none, Err(StoreError::NotFound(_))));
    let mut hand = house.hand().await;
    sqlx::query("UPDATE blobs SET text = '[]'")
        .execute(&mut hand)
        .await
        .unwrap();
    assert!(matches!(
        house.store.blob(hash).await,
        Err(StoreError::Damaged { .. })
    ));
}

#[tokio::test]
async fn the_platform_may_change_but_not_flows_or_credentials() {
    let house = House::new().await;
    let first = found(&house.store).await;
    let id = main_instance();
    let set = |content| {
        let store = house.store.clone();
        let id = id.clone();
        async move { store.set_platform_baseline(&id, &content).await }
    };
    let flows = content(&house.store, "[1]", "24.0.0");
    assert!(matches!(set(flows).await, Err(StoreError::Conflict(_))));
    let mut other = content(&house.store, "[]", "24.0.0");
    other.credentials = credentials("smuggled");
    assert!(matches!(
        set(other.clone()).await,
        Err(StoreError::Conflict(_))
    ));
    other.baseline.credentials = house.store.credentials_digest(&other.credentials).unwrap();
    assert!(matches!(set(other).await, Err(StoreError::Conflict(_))));
    set(content(&house.store, "[]", "24.0.0")).await.unwrap();
    assert_eq!(
        house.store.snapshots(&id, 10).await.unwrap().len(),
        1,
        "nothing changed"
    );
    let newer = content(&house.store, "[]", "24.1.0");
    set(newer.clone()).await.unwrap();
    let now = house.store.baseline(&id).await.unwrap().unwrap();
    assert_eq!(now.baseline, newer.baseline);
    let old = house.store.baseline_at(&id, first).await.unwrap();
    assert_eq!(old.baseline.node, "24.0.0");
    assert_eq!(house.kinds().await, [EventKind::Applied; 2]);
}

#[tokio::test]
async fn snapshots_tell_what_ran_and_what_runs() {
    let house = House::new().await;
    let id = main_instance();
    let first = found(&house.store).await;
    house.store.mark_ran_well(&id, first).await.unwrap();
    let unknown = house.store.mark_ran_well(&id, Hash::of(b"x")).await;
    assert!(matches!(unknown, Err(StoreError::NotFound(_))));
    let deployment = applying(&house.store, "[1]").await.unwrap();
    house.store.commit_apply(commit(&deployment)).await.unwrap();
    let snapshots = house.store.snapshots(&id, 10).await.unwrap();
    let told: Vec<_> = snapshots
        .iter()
        .map(|snapshot| (snapshot.deployment, snapshot.ran_well, snapshot.is_current))
        .collect();
    assert_eq!(
        told,
        [(Some(deployment.id), false, true), (None, true, false)]
    );
    assert_eq!(house.store.snapshots(&id, 1).await.unwrap().len(), 1);
    house
        .store
        .revert_apply(deployment.id, "died")
        .await
        .unwrap();
    let snapshots = house.store.snapshots(&id, 10).await.unwrap();
    assert!(snapshots[1].is_current && !snapshots[0].is_current);
}

#[tokio::test]
async fn a_baseline_altered_by_hand_is_not_run() {
    for edit in [
        "UPDATE blobs SET text = '[1]'",
        "UPDATE credential_sets SET sealed = zeroblob(40)",
        "UPDATE snapshots SET baseline = replace(baseline, '24.0.0', '22.0.0')",
    ] {
        let house = House::new().await;
        found(&house.store).await;
        let mut hand = house.hand().await;
        sqlx::query(edit).execute(&mut hand).await.unwrap();
        let read = house.store.baseline(&main_instance()).await;
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{edit}");
    }
}

#[tokio::test]
async fn an_instance_without_a_baseline_has_none() {
    let house = House::new().await;
    house
        .store
        .ensure_instance(&main_instance(), None)
        .await
        .unwrap();
    assert!(
        house
            .store
            .baseline(&main_instance())
            .await
            .unwrap()
            .is_none()
    );
    let unknown = "other".parse().unwrap();
    let set = house
        .store
        .set_platform_baseline(&unknown, &content(&house.store, "[]", "1"))
        .await;
    assert!(matches!(set, Err(StoreError::NotFound(_))));
}
