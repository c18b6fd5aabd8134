//! Starts that cannot go well: each says what is wrong and what to do. And a record that somebody
//! edited.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::PathBuf};

use sqlx::{Connection as _, SqliteConnection};
use testkit::{DataDir, NodeRed, Redkeep, flows, verbs::Ended};

#[track_caller]
pub(crate) fn says(ended: &Ended, words: &[&str]) {
    assert!(
        matches!(ended.code, Some(1..)),
        "it did not fail: {ended:?}"
    );
    for word in words {
        assert!(
            ended.stderr.contains(word),
            "{word:?} is not said: {}",
            ended.stderr
        );
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    assert!(!ended.stdout.contains("\"ready\":true"), "{}", ended.stdout);
}

pub(crate) const FREE: [&str; 4] = ["--listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0"];

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_go_well_says_what_to_do() {
    let data = DataDir::with(NodeRed::V5).await;

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken
        .local_addr()
        .map(|address| (taken, address.to_string()))
        .unwrap();
    let arguments = ["--listen", &taken.1, "--console-listen", "127.0.0.1:0"];
    says(
        &Redkeep::fails(&data.path(), &arguments).await,
        &[&taken.1, "another program may have it", "--listen ADDR"],
    );

    fs::write(
        data.path().join("redkeep.toml"),
        "listen = 12\nno_such_key = true\n",
    )
    .unwrap();
    says(
        &Redkeep::fails(&data.path(), &FREE).await,
        &["redkeep.toml", "line 1", "mend it or remove it"],
    );
    fs::remove_file(data.path().join("redkeep.toml")).unwrap();

    let nowhere = DataDir::empty();
    let offline = [&FREE[..], &["--npm-registry", "http://127.0.0.1:9/"]].concat();
    let ended = Redkeep::fails(&nowhere.path(), &offline).await;
    says(
        &ended,
        &["127.0.0.1:9", "check the network", "--npm-registry"],
    );

    let long = DataDir::empty();
    let deep = long.path().join("a".repeat(120));
    says(&Redkeep::fails(&deep, &FREE).await, &["--data-dir"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_redkeep_a_data_directory_and_a_record_nobody_edits() {
    let redkeep = Redkeep::up().await;
    says(
        &Redkeep::fails(&redkeep.path(), &FREE).await,
        &["another Redkeep runs", "stop it", "--data-dir"],
    );
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "one"))
        .await;
    redkeep.assert_record_whole().await;
    let options = redkeep.options();
    let data = redkeep.stop().await;

    let copy = keep(&data);
    for (how, statement, named) in [
        (
            "edited",
            "UPDATE audit SET text = replace(text, 'author', 'nobody') WHERE sequence = \
          (SELECT min(sequence) FROM audit WHERE text LIKE '%author%')",
            None,
        ),
        (
            "reordered",
            "UPDATE audit SET sequence = -sequence WHERE sequence IN (3, 4); \
          UPDATE audit SET sequence = 7 + sequence WHERE sequence < 0",
            Some("3"),
        ),
        (
            "attributed to another",
            "UPDATE audit SET user_name = 'ada' WHERE sequence = \
          (SELECT min(sequence) FROM audit WHERE user_name = 'author')",
            None,
        ),
        ("removed", "DELETE FROM audit WHERE sequence = 4", Some("4")),
        (
            "cut off",
            "DELETE FROM audit WHERE sequence > (SELECT max(sequence) - 2 FROM audit)",
            None,
        ),
    ] {
        tamper(&data, statement).await;
        let ended = testkit::verbs::cli(&data.path(), &["audit", "verify"], None).await;
        assert_eq!(ended.code, Some(5), "{how}: not noticed: {ended:?}");
        let problems = ended.json()["problems"].clone();
        let message = problems[0]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(
            message.chars().any(|c| c.is_ascii_digit()),
            "{how}: names no row: {problems}"
        );
        if let Some(named) = named {
            assert!(message.contains(named), "{how}: {message}");
        }
        put_back(&data, &copy);
    }

    tamper(&data, "PRAGMA user_version = 999999").await;
    let ended = Redkeep::fails(&data.path(), &FREE).await;
    says(&ended, &["newer", "install that version"]);
    put_back(&data, &copy);
    let redkeep = Redkeep::again(data, options).await;
    redkeep.assert_record_whole().await;
}

fn database(data: &DataDir) -> PathBuf {
    data.path().join("redkeep.db")
}

/// The ledger's files: SQLite's write-ahead log belongs to it.
fn keep(data: &DataDir) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fs::read_dir(data.path()).unwrap();
    let paths = folder.map(|entry| entry.unwrap().path());
    let ours = paths.filter(|path| path.to_string_lossy().contains("redkeep.db"));
    ours.map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect()
}

fn put_back(data: &DataDir, copy: &[(PathBuf, Vec<u8>)]) {
    for (path, _) in keep(data) {
        fs::remove_file(path).unwrap();
    }
    for (path, bytes) in copy {
        fs::write(path, bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// What somebody with root and the sqlite3 program can do: triggers and all.
async fn tamper(data: &DataDir, statement: &str) {
    let url = format!("sqlite://{}", database(data).display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let triggers: Vec<(String,)> =
        sqlx::query_as("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    for (trigger,) in triggers {
        let drop = sqlx::AssertSqlSafe(format!("DROP TRIGGER \"{trigger}\""));
        sqlx::raw_sql(drop).execute(&mut connection).await.unwrap();
    }
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
