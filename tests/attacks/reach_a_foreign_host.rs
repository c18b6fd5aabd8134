//! A plugin's script sends what stands in the editor to a host of its own.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use serde_json::json;
use testkit::Redkeep;

use crate::package::{in_the_editor, page_script};

#[tokio::test(flavor = "multi_thread")]
async fn the_editors_page_reaches_no_other_host() {
    let redkeep = Redkeep::up().await;
    let anna = redkeep.person("anna", "editor").await;
    let (host, seen) = foreign_host();
    let editor = in_the_editor(&redkeep, &anna).await;
    editor
        .run(&page_script("node-red-contrib-beacon", "beacon.html"))
        .await;
    let tries = editor
        .run_async(
            "return await window.attack_beacon(...args)",
            vec![json!(host)],
        )
        .await;
    assert!(tries.as_object().is_some_and(|it| it.len() > 10), "{tries}");
    let seen = seen.lock().unwrap().clone();
    assert!(
        seen.is_empty(),
        "the foreign host was reached: {seen:?}\n{tries}"
    );
    let log = editor.console_log().await;
    let blocked = log
        .iter()
        .filter(|it| it.contains("Content Security Policy"))
        .count();
    assert!(
        blocked >= 5,
        "the browser does not say that the policy blocked it: {log:?}"
    );
    // The editor works under that policy all the same.
    let works =
        editor.run("return RED.nodes.version() !== null && !!window.monaco || !!window.ace");
    assert_eq!(works.await, true);
    editor.close().await;
}

/// A host of another origin that notes the first line of whatever asks it.
fn foreign_host() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = seen.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut buffer = [0; 256];
            let count = stream.read(&mut buffer).unwrap_or(0);
            if count > 0 {
                let line = String::from_utf8_lossy(&buffer[..count]);
                note.lock()
                    .unwrap()
                    .push(line.lines().next().unwrap_or_default().to_owned());
            }
            let _gone = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                .is_err();
        }
    });
    (address, seen)
}
