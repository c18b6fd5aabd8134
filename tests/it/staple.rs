//! An authority's word (OCSP) of the operator's certificate, shown in handshakes with the real doors.

use std::{path::Path, process::Stdio};

use testkit::{DataDir, NodeRed, Options, Redkeep, http::place, until};
use tokio::process::{Child, Command};

async fn openssl(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("openssl");
    command
        .args(arguments)
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let done = tokio::time::timeout(testkit::wait::PATIENCE, command.output()).await;
    let done = done.expect("openssl ends").expect("openssl can be run");
    String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
}

/// A port nobody listens on: the certificate names it before its responder is there.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The operator's files, of an authority with a responder at this port.
async fn certificate(dir: &Path, port: u16) {
    let extensions = format!(
        "[leaf]\nsubjectAltName=DNS:localhost,DNS:keep.localhost\n\
         authorityInfoAccess=OCSP;URI:http://127.0.0.1:{port}/\n"
    );
    std::fs::write(dir.join("ext"), extensions).unwrap();
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let root = [
        "req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca",
    ];
    openssl(dir, &[&root[..], &key].concat()).await;
    let leaf = [
        "req", "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf",
    ];
    openssl(dir, &[&leaf[..], &key].concat()).await;
    openssl(
        dir,
        &[
            "x509",
            "-req",
            "-in",
            "leaf.csr",
            "-CA",
            "ca.pem",
            "-CAkey",
            "ca.key",
            "-set_serial",
            "4097",
            "-out",
            "leaf.pem",
            "-days",
            "20",
            "-extfile",
            "ext",
            "-extensions",
            "leaf",
        ],
    )
    .await;
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    std::fs::write(
        dir.join("chain.pem"),
        [read("leaf.pem"), read("ca.pem")].concat(),
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(dir.join("leaf.key"), mode).unwrap();
    std::fs::write(
        dir.join("index"),
        "V\t400101000000Z\t\t1001\tunknown\t/CN=leaf\n",
    )
    .unwrap();
}

fn answering(dir: &Path, port: u16) -> Child {
    Command::new("openssl")
        .args([
            "ocsp", "-index", "index", "-CA", "ca.pem", "-rsigner", "ca.pem",
        ])
        .args(["-rkey", "ca.key", "-ndays", "2", "-port", &port.to_string()])
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn handshake(redkeep: &Redkeep, dir: &Path, version: &str) -> String {
    let (host, port) = place(&redkeep.console().parse().unwrap()).unwrap();
    let connect = format!("127.0.0.1:{port}");
    let arguments = [
        "s_client",
        "-connect",
        &connect,
        "-servername",
        &host,
        "-status",
        "-CAfile",
        "ca.pem",
        version,
    ];
    openssl(dir, &arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_authority_says_is_shown_with_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    certificate(dir.path(), port).await;
    let _responder = answering(dir.path(), port);
    let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("leaf.key"));
    let options = Options {
        config: Some(format!("[tls]\ncertificate = {chain:?}\nkey = {key:?}\n")),
        ..Options::default()
    };
    let redkeep = Redkeep::start_with(DataDir::with(NodeRed::V5).await, options).await;
    for version in ["-tls1_3", "-tls1_2"] {
        let said = until("the answer is shown", || async {
            let said = handshake(&redkeep, dir.path(), version).await;
            said.contains("OCSP Response Status: successful")
                .then_some(said)
        })
        .await;
        assert!(said.contains("Cert Status: good"), "{said}");
        assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    }
    let list = redkeep.cli(&["certificates", "list"]).await.ok().json();
    assert!(list["certificates"][0]["stapled_until"].is_i64(), "{list}");
}
