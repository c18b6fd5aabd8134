//! A new Redkeep takes over from the one that runs: nobody is refused, and one that fails changes nothing.

use std::{
    collections::BTreeMap,
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use testkit::{Client, Redkeep, comms::Comms, flows, until};

/// An endpoint that answers at once, and one that takes two seconds.
fn slow_and_quick() -> Value {
    let mut all = flows::greeting("/hello", "hello")
        .as_array()
        .unwrap()
        .clone();
    all.extend([
        json!({"id": "s1", "type": "http in", "z": "t1", "url": "/slow", "method": "get",
            "x": 100, "y": 300, "wires": [["s2"]]}),
        json!({"id": "s2", "type": "delay", "z": "t1", "pauseType": "delay", "timeout": "2",
            "timeoutUnits": "seconds", "x": 300, "y": 300, "wires": [["s3"]]}),
        json!({"id": "s3", "type": "http response", "z": "t1", "x": 500, "y": 300, "wires": []}),
    ]);
    Value::Array(all)
}

/// What became of many requests, each on a connection of its own: how often which status came, and what
/// went wrong instead.
#[derive(Debug, Default)]
struct Seen {
    statuses: BTreeMap<u16, u32>,
    failures: Vec<String>,
}

/// Asks until it is told to stop.
async fn ask(client: Client, url: String, stop: Arc<AtomicBool>) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::SeqCst) {
        match client.ask("GET", &url).try_send().await {
            Ok(answer) => *seen.statuses.entry(answer.status).or_default() += 1,
            Err(error) => seen.failures.push(format!("{url}: {error:#}")),
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_redkeep_takes_over_without_a_refused_connection_or_a_reset_request() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    redkeep.run_flows(&author, &slow_and_quick()).await;
    let mut comms = Comms::open(&redkeep, &author).await;
    let (editor, console) = (redkeep.editor().to_owned(), redkeep.console().to_owned());
    let before = redkeep.pid();

    let stop = Arc::new(AtomicBool::new(false));
    let mut urls = vec![format!("{editor}/hello"), format!("{console}/sign-in")];
    // As many as it takes for one to be under way at every moment.
    urls.extend(std::iter::repeat_n(format!("{editor}/slow"), 3));
    let asking: Vec<_> = urls
        .into_iter()
        .map(|url| tokio::spawn(ask(author.clone(), url, stop.clone())))
        .collect();
    let redkeep = redkeep.succeeded_by(&[]).await;
    assert!(
        comms.closes_within(Duration::from_secs(1)).await,
        "it was told to go"
    );
    assert_ne!(redkeep.pid(), before);
    assert_eq!((redkeep.editor(), redkeep.console()), (&*editor, &*console));
    // It goes on with what the one before knew: sessions, flows.
    let hello = until("Node-RED answers again", || async {
        let answer = author.get(format!("{editor}/hello")).await;
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(hello.await.text(), "hello");
    stop.store(true, Ordering::SeqCst);
    for asked in asking {
        let seen = asked.await.unwrap();
        assert_eq!(seen.failures, Vec::<String>::new(), "{:?}", seen.statuses);
        // While Node-RED starts, whoever asks is told so; between its start and its flows', by itself.
        let known = [200, 404, 503];
        let others: Vec<_> = seen
            .statuses
            .keys()
            .filter(|it| !known.contains(*it))
            .collect();
        assert!(others.is_empty(), "{seen:?}");
        assert!(seen.statuses.contains_key(&200), "{seen:?}");
    }
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_redkeep_that_fails_to_start_changes_nothing() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "hello"))
        .await;
    let mut comms = Comms::open(&redkeep, &author).await;
    let (hello, before) = (redkeep.gate_url("/hello"), redkeep.pid());
    let file = |name: &str, text: &str| {
        let path = redkeep.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };

    // It cannot read its configuration: nobody notices.
    let wrong = file("wrong.toml", "lisen = 1\n");
    let said = redkeep.not_succeeded_by(&["--config", &wrong]).await;
    assert!(said.contains("is not valid"), "{said}");
    assert!(!comms.closes_within(Duration::from_millis(200)).await);
    assert_eq!(author.get(&hello).await.expect(200).text(), "hello");

    // It finds out when the other has let go: that one begins again, and nobody is refused.
    let late = file(
        "late.toml",
        "[tls]\ncertificate = \"/nowhere/chain.pem\"\nkey = \"/nowhere/key.pem\"\n",
    );
    let stop = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(ask(author.clone(), hello.clone(), stop.clone()));
    let said = redkeep.not_succeeded_by(&["--config", &late]).await;
    assert!(said.contains("/nowhere"), "{said}");
    let again = until("the one before answers again", || async {
        let answer = author.get(&hello).await;
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(again.await.text(), "hello");
    stop.store(true, Ordering::SeqCst);
    let seen = asking.await.unwrap();
    assert_eq!(seen.failures, Vec::<String>::new(), "{:?}", seen.statuses);
    assert_eq!(redkeep.pid(), before);
    assert!(
        redkeep
            .said()
            .contains("did not become ready; this one goes on")
    );
    redkeep.assert_record_whole().await;
}

/// What a service manager does: opens the sockets, and leaves them to the program at 3 and 4.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_of_a_service_manager_are_used_and_what_fits_no_door_is_refused() {
    let data = testkit::DataDir::with(testkit::NodeRed::V5).await;
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let console = TcpListener::bind("127.0.0.1:0").unwrap();
    let addresses = [&gate, &console].map(|it| it.local_addr().unwrap());
    // Whoever comes before Redkeep runs waits.
    let early = TcpStream::connect(addresses[0]).unwrap();
    let start = |doors: [String; 2]| {
        let files = [&gate, &console].map(|it| it.try_clone().unwrap());
        let script = "exec 3<&0 4<&1 >&2 </dev/null; LISTEN_FDS=2 LISTEN_PID=$$ exec \"$0\" \"$@\"";
        let [gate, console] = files.map(|it| Stdio::from(std::os::fd::OwnedFd::from(it)));
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .arg(testkit::built::binary())
            .args([
                "up",
                "--listen",
                &doors[0],
                "--console-listen",
                &doors[1],
                "--data-dir",
            ])
            .arg(data.path())
            .stdin(gate)
            .stdout(console)
            .stderr(Stdio::piped())
            .process_group(0);
        command.spawn().unwrap()
    };
    let other = start([addresses[0].to_string(), "127.0.0.1:0".to_owned()]);
    let refused = other.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && said.contains("no door of the configuration does"),
        "{said}"
    );

    let child = start(addresses.map(|it| it.to_string()));
    let port = addresses[0].port();
    let met = until("the gate answers on the socket it was given", || async {
        testkit::unverified::connect(port, "localhost", b"http/1.1")
            .await
            .ok()
    });
    met.await;
    assert!(early.peer_addr().is_ok());
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let ended = ended.await.unwrap().unwrap();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}
