//! Devices that come in by a client certificate: real curl, openssl and Node-RED.

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::json;
use testkit::{Options, Redkeep, flows, http::place, until};
use tokio::{io::AsyncWriteExt as _, process::Command};

async fn run(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let done = tokio::time::timeout(testkit::wait::PATIENCE, command.output()).await;
    let done = done.expect("it ends").expect("it can be run");
    String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
}

const KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
];

/// What openssl's small authority is told each time.
const BY: [&str; 6] = [
    "-config",
    "ca.cnf",
    "-keyfile",
    "plant.key",
    "-cert",
    "plant.pem",
];

/// Has a device's certificate revoked, and the list made anew.
async fn revoke(dir: &Path, device: &str) {
    let pem = format!("{device}.pem");
    run(
        dir,
        "openssl",
        &[&["ca", "-revoke", &pem][..], &BY].concat(),
    )
    .await;
    let list = ["ca", "-gencrl", "-out", "next.pem"];
    run(dir, "openssl", &[&list[..], &BY].concat()).await;
    std::fs::rename(dir.join("next.pem"), dir.join("crl.pem")).expect("openssl made the list");
}

/// Two authorities, devices of the first, and its revocation list.
async fn authorities(dir: &Path) {
    for name in ["plant", "stranger"] {
        let (key, pem, subject) = (
            format!("{name}.key"),
            format!("{name}.pem"),
            format!("/CN={name}"),
        );
        let root = [
            "req", "-x509", "-keyout", &key, "-out", &pem, "-subj", &subject,
        ];
        run(dir, "openssl", &[&root[..], &KEY].concat()).await;
    }
    let config = "[ca]\ndefault_ca=own\n[own]\ndatabase=index\ndefault_md=sha256\ncrlnumber=number\n\
                  default_crl_days=30\n";
    for (name, text) in [
        ("ca.cnf", config),
        ("ext", "extendedKeyUsage=clientAuth\n"),
        ("index", ""),
        ("number", "01\n"),
    ] {
        std::fs::write(dir.join(name), text).unwrap();
    }
    for (name, by) in [
        ("pump-3", "plant"),
        ("valve", "plant"),
        ("lost", "plant"),
        ("fake", "stranger"),
    ] {
        let (key, csr, pem) = (
            format!("{name}.key"),
            format!("{name}.csr"),
            format!("{name}.pem"),
        );
        let subject = format!("/CN={}", if name == "fake" { "pump-3" } else { name });
        let asked = ["req", "-keyout", &key, "-out", &csr, "-subj", &subject];
        run(dir, "openssl", &[&asked[..], &KEY].concat()).await;
        let line = format!(
            "x509 -req -in {csr} -CA {by}.pem -CAkey {by}.key -out {pem} -days 20 -extfile ext"
        );
        let line: Vec<&str> = line.split(' ').collect();
        run(dir, "openssl", &line).await;
    }
    revoke(dir, "lost").await;
}

struct Site {
    redkeep: Redkeep,
    dir: tempfile::TempDir,
}

impl Site {
    /// What a device that shows this certificate is answered: the status, then the text.
    async fn get(&self, path: &str, device: Option<&str>, version: &str) -> String {
        let url = self.redkeep.gate_url(path);
        let (host, port) = place(&url.parse().unwrap()).unwrap();
        let to = format!("{host}:{port}:127.0.0.1");
        let ca = self.redkeep.ready["ca_file"].as_str().unwrap();
        let mut arguments = vec![
            "-sS",
            "--noproxy",
            "*",
            "--cacert",
            ca,
            "--resolve",
            &to,
            version,
            "-w",
            "\n%{http_code} %{http_version}",
        ];
        let pair = device.map(|name| (format!("{name}.pem"), format!("{name}.key")));
        if let Some((certificate, key)) = &pair {
            arguments.extend(["--cert", certificate, "--key", key]);
        }
        arguments.push(&url);
        run(self.dir.path(), "curl", &arguments).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_reaches_its_endpoint_by_its_certificate_and_others_are_told_why_not() {
    let dir = tempfile::tempdir().unwrap();
    authorities(dir.path()).await;
    let (pem, crl) = (dir.path().join("plant.pem"), dir.path().join("crl.pem"));
    let redkeep = Redkeep::start(Options {
        config: Some(format!(
            "[client_authorities.plant]\ncertificates = {pem:?}\nrevoked = {crl:?}\n"
        )),
        ..Options::default()
    })
    .await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(
            &author,
            &with_socket(flows::greeting("/pump", "hello pump")),
        )
        .await;
    let site = Site { redkeep, dir };
    nobody_is_asked_for_a_certificate_before_a_rule_names_one(&site).await;
    let rules = json!({ "rules": [{
        "areas": ["endpoints"], "paths": ["/pump", "/pump-socket"],
        "who": {"certificate": {"authority": "plant", "name": "pump-3"}}
    }]});
    let file = site.dir.path().join("rules.json");
    std::fs::write(&file, rules.to_string()).unwrap();
    site.redkeep
        .cli(&["access", "set", file.to_str().unwrap()])
        .await
        .ok();
    until("the device is let in", || async {
        let said = site.get("/pump", Some("pump-3"), "--http1.1").await;
        said.ends_with("200 1.1").then_some(said)
    })
    .await;
    for version in ["--http1.1", "--http2"] {
        let said = site.get("/pump", Some("pump-3"), version).await;
        assert!(
            said.starts_with("hello pump") && said.contains("\n200 "),
            "{said}"
        );
        for other in [None, Some("valve"), Some("lost"), Some("fake")] {
            let said = site.get("/pump", other, version).await;
            assert!(said.contains("\n403 "), "{other:?}: {said}");
            assert!(said.contains("client certificate"), "{other:?}: {said}");
        }
    }
    a_resumed_session_is_still_the_device(&site).await;
    the_simulator_knows_it(&site.redkeep).await;
    a_revoked_device_is_sent_away_from_where_it_is(&site).await;
}

/// These flows, and a WebSocket.
fn with_socket(mut flows: serde_json::Value) -> serde_json::Value {
    let nodes = flows.as_array_mut().unwrap();
    let tab = nodes[0]["id"].clone();
    nodes.push(
        json!({ "id": "5ac0000000000001", "type": "websocket-listener",
        "path": "/pump-socket", "wholemsg": "false" }),
    );
    nodes.push(
        json!({ "id": "5ac0000000000002", "type": "websocket in", "z": tab, "name": "",
        "server": "5ac0000000000001", "client": "", "x": 100, "y": 300, "wires": [[]] }),
    );
    flows
}

/// A device's connection, held open by openssl.
struct Held {
    openssl: tokio::process::Child,
    said: std::path::PathBuf,
}

impl Held {
    fn open(site: &Site, name: &str) -> Self {
        let (host, port) = place(&site.redkeep.editor().parse().unwrap()).unwrap();
        let said = site.dir.path().join(name);
        let openssl = Command::new("openssl")
            .args(["s_client", "-quiet", "-servername", &host])
            .args(["-connect", &format!("127.0.0.1:{port}")])
            .args(["-cert", "pump-3.pem", "-key", "pump-3.key"])
            .current_dir(site.dir.path())
            .stdin(Stdio::piped())
            .stdout(std::fs::File::create(&said).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("openssl can be run");
        Self { openssl, said }
    }

    /// Asks again and again until this is answered, on the one connection; the lists are read once a
    /// minute.
    async fn ask(&mut self, ask: &str, answer: &str) {
        let stdin = self.openssl.stdin.as_mut().unwrap();
        let asking = async {
            while !std::fs::read_to_string(&self.said)
                .unwrap()
                .contains(answer)
            {
                stdin.write_all(ask.as_bytes()).await.unwrap();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let answered = tokio::time::timeout(2 * testkit::wait::PATIENCE, asking).await;
        answered.unwrap_or_else(|_| panic!("a held connection is not answered {answer}"));
    }
}

/// A new list holds for connections that are open, within the minute in which it is read.
async fn a_revoked_device_is_sent_away_from_where_it_is(site: &Site) {
    let (host, port) = place(&site.redkeep.editor().parse().unwrap()).unwrap();
    let ask = format!(
        "GET /pump-socket HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let mut socket = Held::open(site, "socket");
    socket.ask(&ask, "101 Switching Protocols").await;
    let ask = format!("GET /pump HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    let mut kept = Held::open(site, "kept");
    kept.ask(&ask, "hello pump").await;
    assert_eq!(socket.openssl.try_wait().unwrap(), None, "it is open");
    revoke(site.dir.path(), "pump-3").await;
    kept.ask(&ask, "HTTP/1.1 403").await;
    let ended = tokio::time::timeout(testkit::wait::PATIENCE, socket.openssl.wait()).await;
    ended.expect("the gate ends the WebSocket").expect("it ran");
    let said = site.get("/pump", Some("pump-3"), "--http2").await;
    assert!(said.contains("\n403 "), "{said}");
}

async fn asks(site: &Site) -> bool {
    let (host, port) = place(&site.redkeep.editor().parse().unwrap()).unwrap();
    let connect = format!("127.0.0.1:{port}");
    let arguments = [
        "s_client",
        "-connect",
        &connect,
        "-servername",
        &host,
        "-tls1_2",
    ];
    let said = run(site.dir.path(), "openssl", &arguments).await;
    assert!(said.contains("BEGIN CERTIFICATE"), "{said}");
    said.contains("Client Certificate Types")
}

async fn nobody_is_asked_for_a_certificate_before_a_rule_names_one(site: &Site) {
    assert!(!asks(site).await);
}

/// The second handshake carries no certificate: who it is comes out of the first.
async fn a_resumed_session_is_still_the_device(site: &Site) {
    assert!(asks(site).await);
    let (host, port) = place(&site.redkeep.editor().parse().unwrap()).unwrap();
    let ask = format!("GET /pump HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
    std::fs::write(site.dir.path().join("ask"), ask).unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let base = format!(
            "openssl s_client -connect 127.0.0.1:{port} -servername {host} {version} -ign_eof"
        );
        let first = format!("{base} -cert pump-3.pem -key pump-3.key -sess_out session < ask");
        let first = run(site.dir.path(), "sh", &["-c", &first]).await;
        assert!(first.contains("hello pump"), "{version}: {first}");
        let again = format!("{base} -sess_in session < ask");
        let again = run(site.dir.path(), "sh", &["-c", &again]).await;
        assert!(again.contains("Reused, TLS"), "{version}: {again}");
        assert!(again.contains("hello pump"), "{version}: {again}");
    }
}

async fn the_simulator_knows_it(redkeep: &Redkeep) {
    for (certificate, outcome) in [
        (Some("plant:pump-3"), "allowed"),
        (Some("plant:valve"), "refused"),
        (None, "refused"),
    ] {
        let mut asked = vec!["access", "simulate", "/pump", "--from", "10.0.0.9"];
        if let Some(certificate) = certificate {
            asked.extend(["--certificate", certificate]);
        }
        let said = redkeep.cli(&asked).await.ok().json();
        assert_eq!(said["outcome"], outcome, "{certificate:?}: {said}");
    }
}
