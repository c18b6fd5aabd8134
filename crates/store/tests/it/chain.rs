use std::fs;

use model::{
    audit::{EventKind, link},
    id::Hash,
    principal::Actor,
};
use sqlx::{Row as _, SqliteConnection};
use store::AuditProblem as P;

use crate::house::{House, actor};

/// A record of ten entries, and a hand in it that has taken the triggers away.
async fn ten() -> (House, SqliteConnection) {
    let house = House::new().await;
    for number in 1..=10 {
        let detail = serde_json::json!({ "z": number, "a": { "y": 1, "b": [null] } });
        let (kind, by) = (EventKind::Triggered, actor(1, "ann"));
        let subject = format!("inject {number}");
        house
            .store
            .record(kind, &by, None, &subject, detail)
            .await
            .unwrap();
    }
    assert_eq!(house.store.verify_audit().await.unwrap(), (10, vec![]));
    let mut hand = house.hand().await;
    for trigger in [
        "DROP TRIGGER audit_is_not_edited",
        "DROP TRIGGER audit_is_not_deleted",
    ] {
        sqlx::query(trigger).execute(&mut hand).await.unwrap();
    }
    (house, hand)
}

async fn run(hand: &mut SqliteConnection, statement: &'static str) {
    sqlx::raw_sql(statement).execute(hand).await.unwrap();
}

async fn problems(house: &House) -> Vec<P> {
    house.store.verify_audit().await.unwrap().1
}

#[tokio::test]
async fn an_honest_mistake_is_refused_by_the_database() {
    let (house, _) = ten().await;
    drop(house);
    let house = House::new().await;
    house
        .store
        .record(
            EventKind::Started,
            &Actor::System,
            None,
            "",
            serde_json::json!({}),
        )
        .await
        .unwrap();
    let mut hand = house.hand().await;
    for statement in ["UPDATE audit SET at = 0", "DELETE FROM audit"] {
        let refused = sqlx::query(statement).execute(&mut hand).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn an_edited_text_is_named() {
    let (house, mut hand) = ten().await;
    run(
        &mut hand,
        "UPDATE audit SET text = replace(text, 'inject 4', 'inject 9') WHERE sequence = 4",
    )
    .await;
    assert_eq!(problems(&house).await, [P::Edited { sequence: 4 }]);
}

#[tokio::test]
async fn an_edited_column_is_named() {
    for edit in [
        "UPDATE audit SET kind = 'started' WHERE sequence = 5",
        "UPDATE audit SET user_name = 'bob' WHERE sequence = 5",
        "UPDATE audit SET at = at + 1 WHERE sequence = 5",
        "UPDATE audit SET instance = 'main' WHERE sequence = 5",
        "UPDATE audit SET link = 'nonsense' WHERE sequence = 5",
    ] {
        let (house, mut hand) = ten().await;
        run(&mut hand, edit).await;
        assert_eq!(
            problems(&house).await[0],
            P::Edited { sequence: 5 },
            "{edit}"
        );
    }
}

#[tokio::test]
async fn a_text_with_its_link_made_anew_is_noticed_at_the_next() {
    let (house, mut hand) = ten().await;
    forge(&mut hand, 4).await;
    assert_eq!(problems(&house).await, [P::Reordered { sequence: 5 }]);
}

/// Changes an entry's text and gives it the link that fits.
async fn forge(hand: &mut SqliteConnection, sequence: i64) {
    let row = sqlx::query("SELECT text, previous FROM audit WHERE sequence = ?")
        .bind(sequence)
        .fetch_one(&mut *hand)
        .await
        .unwrap();
    let text: String = row.get::<String, _>("text").replace("inject", "reject");
    let previous: Hash = row.get::<String, _>("previous").parse().unwrap();
    let forged = link(sequence, &previous, &text).to_string();
    sqlx::query("UPDATE audit SET text = ?, link = ? WHERE sequence = ?")
        .bind(text)
        .bind(forged)
        .bind(sequence)
        .execute(hand)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_whole_chain_made_anew_does_not_fit_the_signed_head() {
    let (house, mut hand) = ten().await;
    forge(&mut hand, 4).await;
    for sequence in 5..=10_i64 {
        sqlx::query(
            "UPDATE audit SET previous = (SELECT link FROM audit WHERE sequence = ?) \
             WHERE sequence = ?",
        )
        .bind(sequence - 1)
        .bind(sequence)
        .execute(&mut hand)
        .await
        .unwrap();
        forge(&mut hand, sequence).await;
    }
    assert_eq!(problems(&house).await, [P::Reordered { sequence: 10 }]);
    // The head changed to fit: then its signature does not.
    run(
        &mut hand,
        "UPDATE audit_heads SET link = (SELECT link FROM audit WHERE sequence = 10)",
    )
    .await;
    fs::remove_file(house.dir.path().join("audit.head")).unwrap();
    assert_eq!(problems(&house).await, [P::BadSignature { sequence: 10 }]);
}

#[tokio::test]
async fn removed_entries_are_named() {
    let (house, mut hand) = ten().await;
    run(&mut hand, "DELETE FROM audit WHERE sequence IN (1, 5, 6)").await;
    let expected = [1, 5, 6].map(|sequence| P::Removed { sequence });
    assert_eq!(problems(&house).await, expected);
}

#[tokio::test]
async fn a_removed_entry_whose_place_was_closed_is_noticed() {
    let (house, mut hand) = ten().await;
    run(&mut hand, "DELETE FROM audit WHERE sequence = 5").await;
    for sequence in 6..=10_i64 {
        sqlx::query("UPDATE audit SET sequence = sequence - 1 WHERE sequence = ?")
            .bind(sequence)
            .execute(&mut hand)
            .await
            .unwrap();
    }
    let found = problems(&house).await;
    assert!(found.contains(&P::Reordered { sequence: 5 }), "{found:?}");
    assert!(
        found.contains(&P::CutOff {
            last: 9,
            expected: 10
        }),
        "{found:?}"
    );
}

#[tokio::test]
async fn reordered_entries_are_named() {
    let (house, mut hand) = ten().await;
    run(
        &mut hand,
        "UPDATE audit SET sequence = 99 WHERE sequence = 3; \
         UPDATE audit SET sequence = 3 WHERE sequence = 4; \
         UPDATE audit SET sequence = 4 WHERE sequence = 99;",
    )
    .await;
    let found = problems(&house).await;
    for sequence in [3, 4] {
        assert!(found.contains(&P::Reordered { sequence }), "{found:?}");
    }
}

#[tokio::test]
async fn a_cut_off_tail_is_noticed_and_stays_so() {
    let (house, mut hand) = ten().await;
    run(&mut hand, "DELETE FROM audit WHERE sequence > 7").await;
    assert_eq!(
        problems(&house).await,
        [P::CutOff {
            last: 7,
            expected: 10
        }]
    );
    let detail = serde_json::json!({});
    house
        .store
        .record(EventKind::Started, &Actor::System, None, "", detail)
        .await
        .unwrap();
    let expected = [8, 9, 10].map(|sequence| P::Removed { sequence });
    assert_eq!(
        problems(&house).await,
        expected,
        "the gap is not written over"
    );
}

#[tokio::test]
async fn a_tail_cut_off_with_its_heads_is_noticed() {
    let (house, mut hand) = ten().await;
    run(
        &mut hand,
        "DELETE FROM audit WHERE sequence > 7; DELETE FROM audit_heads",
    )
    .await;
    let found = problems(&house).await;
    assert!(
        found.contains(&P::BadSignature { sequence: 7 }),
        "{found:?}"
    );
    assert!(
        found.contains(&P::CutOff {
            last: 7,
            expected: 10
        }),
        "{found:?}"
    );
}

#[tokio::test]
async fn entries_put_in_by_another_hand_are_noticed() {
    let (house, mut hand) = ten().await;
    let row = sqlx::query("SELECT * FROM audit WHERE sequence = 10")
        .fetch_one(&mut hand)
        .await
        .unwrap();
    let previous: Hash = row.get::<String, _>("link").parse().unwrap();
    let text: String = row.get("text");
    sqlx::query(
        "INSERT INTO audit (sequence, at, kind, instance, user_name, text, previous, link) \
         SELECT 11, at, kind, instance, user_name, text, link, ? FROM audit WHERE sequence = 10",
    )
    .bind(link(11, &previous, &text).to_string())
    .execute(&mut hand)
    .await
    .unwrap();
    assert_eq!(problems(&house).await, [P::BadSignature { sequence: 11 }]);
    run(
        &mut hand,
        "UPDATE audit SET sequence = -3 WHERE sequence = 11",
    )
    .await;
    assert_eq!(problems(&house).await, [P::Reordered { sequence: -3 }]);
}

#[tokio::test]
async fn a_forged_signature_is_named() {
    let (house, mut hand) = ten().await;
    run(&mut hand, "UPDATE audit_heads SET signature = zeroblob(64)").await;
    assert_eq!(problems(&house).await, [P::BadSignature { sequence: 10 }]);
}

#[tokio::test]
async fn an_older_database_put_in_place_is_noticed_and_stays_so() {
    let house = House::new().await;
    let record = async |store: &store::Store| {
        let detail = serde_json::json!({});
        house.clock.advance(1);
        store
            .record(EventKind::Triggered, &Actor::System, None, "x", detail)
            .await
            .unwrap();
    };
    for _ in 0..3 {
        record(&house.store).await;
    }
    let dir = house.dir.path();
    let older = dir.join("older.db");
    let into = sqlx::AssertSqlSafe(format!("VACUUM INTO '{}'", older.display()));
    sqlx::query(into)
        .execute(&mut house.hand().await)
        .await
        .unwrap();
    for _ in 0..2 {
        record(&house.store).await;
    }
    let copy = tempfile::tempdir().unwrap();
    fs::create_dir(copy.path().join("keys")).unwrap();
    for (from, to) in [
        ("older.db", "redkeep.db"),
        ("audit.head", "audit.head"),
        ("keys/master.key", "keys/master.key"),
    ] {
        fs::copy(dir.join(from), copy.path().join(to)).unwrap();
    }
    fs::set_permissions(
        copy.path().join("keys"),
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    let store = store::Store::open(copy.path(), house.clock.clone())
        .await
        .unwrap();
    let cut = P::CutOff {
        last: 3,
        expected: 5,
    };
    assert_eq!(store.verify_audit().await.unwrap(), (3, vec![cut]));
    for _ in 0..4 {
        record(&store).await;
    }
    let replaced = P::Reordered { sequence: 5 };
    assert_eq!(store.verify_audit().await.unwrap(), (7, vec![replaced]));
}

#[tokio::test]
async fn a_gap_of_any_size_is_told_in_bounded_words() {
    let (house, mut hand) = ten().await;
    run(
        &mut hand,
        "UPDATE audit SET sequence = 9223372036854775807 WHERE sequence = 10",
    )
    .await;
    assert_eq!(problems(&house).await.len(), 1000);
}

#[tokio::test]
async fn a_milestone_head_is_kept_for_good() {
    let house = House::new().await;
    let mut hand = house.hand().await;
    run(&mut hand, "PRAGMA synchronous = OFF").await;
    for _ in 0..1003 {
        let detail = serde_json::json!({});
        house
            .store
            .record(EventKind::Triggered, &Actor::System, None, "x", detail)
            .await
            .unwrap();
    }
    let heads: Vec<i64> = sqlx::query_scalar("SELECT sequence FROM audit_heads ORDER BY sequence")
        .fetch_all(&mut hand)
        .await
        .unwrap();
    assert_eq!(heads, [1000, 1003]);
    assert_eq!(house.store.verify_audit().await.unwrap(), (1003, vec![]));
}
