use std::fs;
use std::{os::unix::fs::MetadataExt as _, path::PathBuf, sync::Mutex};

use model::{
    clock::{FixedClock, Timestamp},
    instance::{Instance, NodeRedMajor, Policy},
};
use tokio_util::task::TaskTracker;

use super::{settings::SETTINGS, *};
use crate::{Boxed, InstancePlan, client, connect::Address};

const FLOWS: &str = r#"[{"id":"t1","type":"tab"}]"#;

/// Refuses flows that hold `evil`, and credentials of a node `evil`.
#[derive(Debug, Default)]
struct Fake {
    saved: Mutex<Vec<(String, Option<String>)>>,
    /// Flows that hold `slow` have begun to be saved, and may go on.
    begun: tokio::sync::Notify,
    go_on: tokio::sync::Notify,
}

impl Baselines for Fake {
    fn load(&self, _: &InstanceId) -> Boxed<'_, Result<(Arc<str>, Credentials), String>> {
        let credentials = serde_json::from_str(r#"{"b1":{"user":"bob"}}"#).unwrap();
        Box::pin(async move { Ok((FLOWS.into(), credentials)) })
    }

    fn save_credentials(
        &self,
        _: &InstanceId,
        credentials: Credentials,
    ) -> Boxed<'_, Result<(), String>> {
        let is_evil = credentials.0.contains_key("evil");
        Box::pin(async move {
            if is_evil {
                Err("not approved".into())
            } else {
                Ok(())
            }
        })
    }

    fn save_flows(
        &self,
        _: &InstanceId,
        text: Vec<u8>,
        claimed: Option<String>,
    ) -> Boxed<'_, Saved> {
        let text = String::from_utf8(text).unwrap();
        let is_evil = text.contains("evil");
        Box::pin(async move {
            if text.contains("slow") {
                self.begun.notify_one();
                self.go_on.notified().await;
            }
            self.saved.lock().unwrap().push((text, claimed));
            if is_evil {
                Saved::Refused("waits for review".into())
            } else {
                Saved::Accepted
            }
        })
    }
}

struct Open {
    bridge: Arc<Bridge>,
    dir: tempfile::TempDir,
    socket: Address,
    fake: Arc<Fake>,
    refused: Arc<tokio::sync::Notify>,
    store: Store,
    instance: InstanceId,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop: tokio_util::sync::DropGuard,
}

async fn open(peer_uid: Option<u32>) -> Open {
    let dir = tempfile::tempdir().unwrap();
    let uid = fs::metadata(dir.path()).unwrap().uid();
    let instance: InstanceId = "main".parse().unwrap();
    let clock = Arc::new(FixedClock::new(Timestamp(0)));
    let store = Store::open(&dir.path().join("data"), clock).await.unwrap();
    store.ensure_instance(&instance, None).await.unwrap();
    let folder = Folder::new(&plan(dir.path().join("main"), instance.clone()));
    folder.make().unwrap();
    let fake = Arc::new(Fake::default());
    let refused = Arc::new(tokio::sync::Notify::new());
    let bridge = Arc::new(Bridge {
        instance: instance.clone(),
        baselines: fake.clone(),
        store: Some(store.clone()),
        refused: refused.clone(),
        peer_uid: peer_uid.unwrap_or(uid),
        pace: Pace::default(),
        waiting: Waiting::default(),
    });
    let tasks = TaskTracker::new();
    let stop = CancellationToken::new();
    bridge.clone().open(&folder, stop.clone(), &tasks).unwrap();
    let socket = Address {
        socket: folder.bridge(),
        uid,
    };
    Open {
        bridge,
        dir,
        socket,
        fake,
        refused,
        store,
        instance,
        tasks,
        stop: stop.clone(),
        _stop: stop.drop_guard(),
    }
}

fn plan(dir: PathBuf, id: InstanceId) -> InstancePlan {
    InstancePlan {
        instance: Instance {
            id,
            node_red: NodeRedMajor::V5,
            policy: Policy::default(),
        },
        node: PathBuf::new(),
        node_tree: PathBuf::new(),
        entry: PathBuf::new(),
        modules_tree: PathBuf::new(),
        node_red_version: String::new(),
        node_version: String::new(),
        dir,
        user: None,
        hidden: Vec::new(),
        jailer: PathBuf::new().into(),
    }
}

impl Open {
    /// As Redkeep does when Node-RED ends.
    async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        let closed = tokio::time::timeout(Duration::from_secs(30), self.tasks.wait()).await;
        closed.expect("the bridge does not close");
    }

    async fn stored(&self) -> Option<String> {
        let stored = self.store.runtime_document(&self.instance, SETTINGS).await;
        stored.unwrap()
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> (u16, String) {
        let answer = client::call(&self.socket, request, 1 << 20, Duration::from_secs(30)).await;
        let (status, body) = answer.unwrap();
        (status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
    }

    async fn get(&self, path: &str) -> (u16, String) {
        self.send(Request::get(path).body(Full::default()).unwrap())
            .await
    }

    async fn post(&self, path: &str, body: impl Into<Bytes>) -> (u16, String) {
        self.send(Request::post(path).body(Full::new(body.into())).unwrap())
            .await
    }
}

#[tokio::test]
async fn flows_and_credentials_come_from_the_baseline() {
    let open = open(None).await;
    assert_eq!(open.get("/flows").await, (200, FLOWS.into()));
    assert_eq!(
        open.get("/credentials").await,
        (200, r#"{"b1":{"user":"bob"}}"#.into())
    );
    let mode = fs::metadata(open.socket.path()).unwrap().mode();
    assert_eq!(
        mode & 0o777,
        0o600,
        "others may connect to {}",
        open.dir.path().display()
    );
}

#[tokio::test]
async fn a_save_arrives_byte_for_byte_with_the_name_claimed() {
    let open = open(None).await;
    let text = "[ {\"id\":\"ü\"} ]";
    let name = BASE64URL_NOPAD.encode("ann\u{7}".as_bytes());
    let request = Request::post("/flows").header(CLAIMED, name);
    let answer = open
        .send(request.body(Full::new(Bytes::from(text))).unwrap())
        .await;
    assert_eq!(answer, (204, String::new()));
    let saved = open.fake.saved.lock().unwrap().clone();
    assert_eq!(saved, [(text.to_owned(), Some("ann".to_owned()))]);
}

#[tokio::test]
async fn a_refused_save_is_an_error_and_has_node_red_reloaded() {
    let open = open(None).await;
    let expected = (403, r#"{"message":"waits for review"}"#.to_owned());
    assert_eq!(open.post("/flows", r#"[{"id":"evil"}]"#).await, expected);
    open.refused.notified().await;
    let expected = (403, r#"{"message":"not approved"}"#.to_owned());
    assert_eq!(
        open.post("/credentials", r#"{"evil":{"p":"x"}}"#).await,
        expected
    );
    open.refused.notified().await;
    assert_eq!(
        open.post("/credentials", r#"{"b1":{"p":"x"}}"#).await.0,
        204
    );
}

#[tokio::test]
async fn settings_are_harmless_on_save_and_on_load() {
    let open = open(None).await;
    assert_eq!(open.get("/settings").await, (200, "{}".into()));
    let blob = r#"{"instanceId":"1","nodes":{"node-red":{}},"users":{}}"#;
    assert_eq!(open.post("/settings", blob).await.0, 204);
    let kept = r#"{"instanceId":"1","users":{}}"#;
    let stored = open
        .store
        .runtime_document(&open.instance, SETTINGS)
        .await
        .unwrap();
    assert_eq!(stored.as_deref(), Some(kept));

    // Stored before the rule was there, or by a hand in the database.
    open.store
        .set_runtime_document(&open.instance, SETTINGS, blob)
        .await
        .unwrap();
    assert_eq!(open.get("/settings").await, (200, kept.into()));
}

#[tokio::test]
async fn what_is_malformed_or_unknown_is_refused_without_quoting_it() {
    let open = open(None).await;
    let (status, body) = open.post("/credentials", r#"{"b1":"s3cret"}"#).await;
    assert_eq!(status, 400);
    assert!(!body.contains("s3cret"), "{body}");
    assert_eq!(open.post("/settings", "[]").await.0, 400);
    assert_eq!(open.get("/").await.0, 404);
    let put = Request::put("/flows").body(Full::default()).unwrap();
    assert_eq!(open.send(put).await.0, 404);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_taken() {
    let open = open(None).await;
    for (path, most) in [
        ("/flows", FLOWS_BYTES_MAX),
        // As values, these would take ten times as much, and be kept.
        ("/credentials", CREDENTIALS_BYTES_MAX),
    ] {
        let body = [b"{}".as_slice(), &vec![b' '; most]].concat();
        let request = Request::post(path).body(Full::new(body.into())).unwrap();
        let answer = client::call(&open.socket, request, 1 << 20, Duration::from_mins(1)).await;
        // The answer, or the connection closed under the rest of the body.
        if let Ok((status, _)) = answer {
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        }
    }
    assert!(open.fake.saved.lock().unwrap().is_empty());
}

#[tokio::test]
async fn another_users_process_is_turned_away() {
    let open = open(Some(4_000_000)).await;
    let request = Request::get("/credentials").body(Full::default()).unwrap();
    let answer = client::call(&open.socket, request, 1 << 20, Duration::from_secs(30)).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn settings_that_come_too_often_are_written_later_and_the_newest_is_kept() {
    let open = open(None).await;
    for number in 0..40 {
        let blob = format!(r#"{{"number":{number},"nodes":{{}}}}"#);
        assert_eq!(open.post("/settings", blob).await.0, 204);
    }
    assert_eq!(open.stored().await.as_deref(), Some(r#"{"number":29}"#));
    assert_eq!(open.get("/settings").await.1, r#"{"number":39}"#);
    tokio::time::pause();
    tokio::time::advance(pace::WRITE_EVERY).await;
    tokio::time::resume();
    // Polled, as the write has no answer that it could be waited for.
    for _ in 0..1000 {
        if open.stored().await.as_deref() == Some(r#"{"number":39}"#) {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(open.stored().await.as_deref(), Some(r#"{"number":39}"#));
    for number in 40..50 {
        let blob = format!(r#"{{"number":{number}}}"#);
        assert_eq!(open.post("/settings", blob).await.0, 204);
    }
    assert_eq!(open.post("/settings", "[").await.0, 204);
    assert_eq!(open.post("/settings", r#"{"last":1}"#).await.0, 204);
    open.close().await;
    assert_eq!(open.stored().await.as_deref(), Some(r#"{"last":1}"#));
}

#[tokio::test]
async fn malformed_settings_that_wait_do_not_replace_what_is_stored() {
    let open = open(None).await;
    for _ in 0..30 {
        assert_eq!(open.post("/settings", r#"{"good":1}"#).await.0, 204);
    }
    assert_eq!(open.post("/settings", "[").await.0, 204);
    assert_eq!(open.get("/settings").await.1, r#"{"good":1}"#);
    open.close().await;
    assert_eq!(open.stored().await.as_deref(), Some(r#"{"good":1}"#));
}

#[tokio::test]
async fn a_save_that_began_is_not_broken_off() {
    let open = open(None).await;
    let save = open.post("/flows", r#"[{"id":"slow"}]"#);
    tokio::pin!(save);
    tokio::select! {
        answer = &mut save => panic!("{answer:?}"),
        () = open.fake.begun.notified() => {}
    }
    open.stop.cancel();
    // The connection is gone.
    let request = Request::get("/flows").body(Full::default()).unwrap();
    while client::call(
        &open.socket,
        request.clone(),
        1 << 20,
        Duration::from_secs(30),
    )
    .await
    .is_ok()
    {}
    open.fake.go_on.notify_one();
    open.close().await;
    assert_eq!(open.fake.saved.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_slows_the_next_save_like_a_refusal() {
    let open = open(None).await;
    // As many as slow nothing.
    for _ in 0..8 {
        open.bridge.pace.refused();
    }
    for (path, body) in [("/credentials", "["), ("/settings", "[")] {
        assert_eq!(open.post(path, body).await.0, 400);
        let at_once = tokio::time::timeout(Duration::ZERO, open.bridge.pace.turn()).await;
        assert!(at_once.is_err(), "{path}");
        assert_eq!(open.post("/flows", "[]").await.0, 204);
        let at_once = tokio::time::timeout(Duration::ZERO, open.bridge.pace.turn()).await;
        assert!(at_once.is_ok(), "{path}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_holds_up_no_reading() {
    let open = open(None).await;
    let mut stalled = open.socket.connect().await.unwrap();
    let head = b"POST /flows HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n[";
    tokio::io::AsyncWriteExt::write_all(&mut stalled, head)
        .await
        .unwrap();
    assert_eq!(open.get("/flows").await, (200, FLOWS.into()));
}
