//! Node-RED as its own documentation starts it: no jail, no gate, no storage of ours. On a Unix
//! socket, so that tests share no port.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use testkit::{Answer, DataDir, until};
use tokio::net::UnixStream;

/// A running bare Node-RED.
#[derive(Debug)]
pub(crate) struct Bare {
    process: Child,
    socket: PathBuf,
}

impl Bare {
    /// Starts the Node-RED of this data directory's tree with these flows.
    pub(crate) async fn start(data: &DataDir, flows: &Value) -> Self {
        let tree = data.tree();
        let user = data.path().join("bare");
        fs::create_dir_all(&user).expect("a user directory");
        let socket = user.join("nr.sock");
        fs::write(user.join("flows.json"), flows.to_string()).expect("flows.json");
        let settings = format!(
            "module.exports = {{ uiPort: {}, flowFile: 'flows.json', credentialSecret: false,\n\
             externalModules: {{ autoInstall: false,\n\
               palette: {{ allowInstall: false, allowUpload: false, allowUpdate: false }},\n\
               modules: {{ allowInstall: false }} }},\n\
             functionExternalModules: false, functionGlobalContext: {{}},\n\
             exportGlobalContextKeys: false, telemetryEnabled: false,\n\
             telemetry: {{ enabled: false, updateNotification: false }},\n\
             contextStorage: {{ default: {{ module: 'memory' }}, file: {{ module: 'localfilesystem' }} }},\n\
             runtimeState: {{ enabled: false, ui: false }}, diagnostics: {{ enabled: false, ui: false }},\n\
             editorTheme: {{ projects: {{ enabled: false }}, tours: false, palette: {{ catalogues: [] }} }} }};",
            json!(socket)
        );
        fs::write(user.join("settings.js"), settings).expect("settings.js");
        let process = Command::new(tree.join("node/bin/node"))
            .arg(tree.join("node_modules/node-red/red.js"))
            .arg("--settings")
            .arg(user.join("settings.js"))
            .arg("--userDir")
            .arg(&user)
            .env_clear()
            .env("HOME", &user)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Node.js can be started");
        let bare = Self { process, socket };
        until("bare Node-RED answers", || async {
            UnixStream::connect(&bare.socket).await.ok()?;
            let answer = bare.ask("GET", "/hello", &[], None).await;
            (answer.status == 200).then_some(())
        })
        .await;
        bare
    }

    /// Asks it.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = request
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        let stream = UnixStream::connect(&self.socket).await.expect("its socket");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("HTTP/1.1");
        let driver = tokio::spawn(connection);
        let answer = sender.send_request(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        driver.abort();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
