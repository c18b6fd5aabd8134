use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use model::{audit::EventKind, principal::Actor};
use store::{Store, StoreError};

use crate::house::{House, found, main_instance};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn nobody_else_can_read_what_is_kept() {
    let house = House::new().await;
    found(&house.store).await;
    let dir = house.dir.path();
    assert_eq!(mode(&dir.join("keys")), 0o700);
    for file in [
        "keys/master.key",
        "redkeep.db",
        "redkeep.db-wal",
        "redkeep.db-shm",
    ] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn keys_others_can_read_are_refused() {
    let house = House::new().await;
    let key = house.dir.path().join("keys/master.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = Store::open(house.dir.path(), house.clock.clone())
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("0640") && text.contains("chmod 0600"),
        "{text}"
    );
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, b"short").unwrap();
    let refused = Store::open(house.dir.path(), house.clock.clone()).await;
    assert!(matches!(refused, Err(StoreError::Damaged { .. })));
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let house = House::new().await;
    let mut hand = house.hand().await;
    sqlx::query("PRAGMA user_version = 99")
        .execute(&mut hand)
        .await
        .unwrap();
    let newer = Store::open(house.dir.path(), house.clock.clone())
        .await
        .unwrap_err();
    assert!(
        matches!(newer, StoreError::Newer { found: 99, .. }),
        "{newer}"
    );
    assert!(newer.to_string().contains("newer version"));
}

#[tokio::test]
async fn the_database_is_durable_and_checked() {
    let house = House::new().await;
    let mut hand = house.hand().await;
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut hand)
        .await
        .unwrap();
    assert_eq!(journal, "wal");
    let loose: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite%'")
            .fetch_all(&mut hand)
            .await
            .unwrap();
    assert!(loose.is_empty(), "{loose:?}");
}

#[tokio::test]
async fn what_is_kept_is_there_after_opening_again() {
    let house = House::new().await;
    let hash = found(&house.store).await;
    let again = house.again().await;
    let baseline = again.baseline(&main_instance()).await.unwrap().unwrap();
    assert_eq!(baseline.baseline.hash(), hash);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told_as_such() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("redkeep.db"),
        "not a database, ".repeat(100),
    )
    .unwrap();
    let clock = std::sync::Arc::new(model::clock::FixedClock::new(crate::house::START));
    let refused = Store::open(dir.path(), clock)
        .await
        .unwrap_err()
        .to_string();
    assert!(refused.contains("restore a backup"), "{refused}");
}

#[tokio::test]
async fn a_full_disk_is_told_as_such() {
    let house = House::new().await;
    let mut hand = house.hand().await;
    // SQLite's answer is the same for a file at its limit as for a disk that is full.
    sqlx::query("PRAGMA max_page_count = 1")
        .execute(&mut hand)
        .await
        .unwrap();
    let full = sqlx::query("INSERT INTO blobs VALUES ('x', ?)")
        .bind("x".repeat(1_000_000))
        .execute(&mut hand)
        .await
        .unwrap_err();
    let told = StoreError::from(full).to_string();
    assert!(told.contains("free space"), "{told}");
}

#[tokio::test]
async fn closing_leaves_one_file() {
    let house = House::new().await;
    found(&house.store).await;
    house.store.close().await;
    assert!(!house.dir.path().join("redkeep.db-wal").exists());
    assert!(house.store.baseline(&main_instance()).await.is_err());
}

#[tokio::test]
async fn two_writers_take_turns() {
    let house = House::new().await;
    let other = house.again().await;
    let write = async |store: &Store, subject: &str| {
        for _ in 0..50 {
            let detail = serde_json::json!({});
            let by = Actor::System;
            store
                .record(EventKind::Triggered, &by, None, subject, detail)
                .await
                .unwrap();
        }
    };
    tokio::join!(
        write(&house.store, "one"),
        write(&other, "two"),
        write(&house.store, "three")
    );
    assert_eq!(house.store.verify_audit().await.unwrap(), (150, vec![]));
    assert_eq!(other.verify_audit().await.unwrap(), (150, vec![]));
}

#[tokio::test]
async fn another_installations_keys_open_nothing() {
    let (one, other) = (House::new().await, House::new().await);
    found(&one.store).await;
    let copied = other.dir.path().join("keys/master.key");
    fs::copy(&copied, one.dir.path().join("keys/master.key")).unwrap();
    let store = one.again().await;
    let read = store.baseline(&main_instance()).await;
    assert!(matches!(read, Err(StoreError::Damaged { .. })));
    let (_, problems) = store.verify_audit().await.unwrap();
    assert_eq!(
        problems,
        [store::AuditProblem::BadSignature { sequence: 1 }]
    );
}
