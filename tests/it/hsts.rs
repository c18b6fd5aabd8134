//! What browsers are told about HTTPS, at the real doors and across restarts.

use std::sync::Arc;

use model::{
    clock::{FixedClock, Timestamp},
    hsts::Kept,
};
use testkit::{DataDir, NodeRed, Options, Redkeep, until};

/// What both doors say.
async fn told(redkeep: &Redkeep) -> [Option<String>; 2] {
    let client = redkeep.client();
    let mut said = [None, None];
    for (place, origin) in [redkeep.editor(), redkeep.console()]
        .into_iter()
        .enumerate()
    {
        let answer = client.get(format!("{origin}/")).await;
        let value = answer.headers.get("strict-transport-security");
        said[place] = value.map(|it| it.to_str().unwrap().to_owned());
    }
    said
}

async fn tells(redkeep: &Redkeep, value: Option<&str>) {
    until("it is told at both doors", || async {
        let said = told(redkeep).await;
        said.iter().all(|it| it.as_deref() == value).then_some(())
    })
    .await;
}

fn with(hsts: &str) -> Options {
    Options {
        config: Some(format!("hsts = \"{hsts}\"\n")),
        ..Options::default()
    }
}

/// Our own certificate has served for two days, as an earlier start kept it.
async fn two_good_days(data: &DataDir) {
    #[expect(
        clippy::disallowed_methods,
        reason = "what real programs sign has the real time"
    )]
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = Timestamp(i64::try_from(now.as_millis()).unwrap());
    let clock = Arc::new(FixedClock::new(now));
    let store = store::Store::open(&data.path(), clock).await.unwrap();
    let kept = Kept {
        good_since: Some(now.plus_seconds(-2 * 24 * 3600)),
        was_promised: false,
    };
    store.keep_hsts(kept).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_day_is_kept_across_restarts_and_what_was_said_is_taken_back() {
    let data = DataDir::with(NodeRed::V5).await;
    two_good_days(&data).await;
    let redkeep = Redkeep::start_with(data, with("own-too")).await;
    tells(&redkeep, Some("max-age=86400")).await;
    let client = redkeep.client();
    // For an address nothing can be promised, and nothing is.
    let port = redkeep.console().rsplit(':').next().unwrap().to_owned();
    let answer = client
        .get(format!("https://127.0.0.1:{port}/install"))
        .await;
    assert_eq!(answer.headers.get("strict-transport-security"), None);
    let checked = redkeep.cli(&["check", "gate"]).await.json();
    assert!(
        checked.to_string().contains("HTTPS alone (HSTS; days: 1)"),
        "{checked}"
    );
    let data = redkeep.stop().await;
    // Turned off, it is taken back; so it is when the authority is not asked for any more.
    let redkeep = Redkeep::start_with(data, with("off")).await;
    tells(&redkeep, Some("max-age=0")).await;
    let data = redkeep.stop().await;
    let redkeep = Redkeep::start_with(data, with("auto")).await;
    tells(&redkeep, Some("max-age=0")).await;
    let data = redkeep.stop().await;
    // The good days are counted anew.
    let redkeep = Redkeep::start_with(data, with("own-too")).await;
    tells(&redkeep, None).await;
}
