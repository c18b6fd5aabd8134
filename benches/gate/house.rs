//! A real `redkeep up` with an endpoint that was deployed through the queue.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail, ensure};
use model::clock::Timestamp;
use runtime::identity::Signer;
use serde_json::{Value, json};
use store::Keyring;

use crate::{
    cost,
    load::Door,
    process::{self, Place, Running},
};

const PASSWORD: &str = "tupelo gantry 92 quay";

/// What is deployed: an http endpoint as small as they come, and one whose answer the fast upstream
/// gives (see `peer`).
const FLOWS: &str = r#"[
    {"id":"be0c000000000001","type":"tab","label":"Bench"},
    {"id":"be0c000000000002","type":"http in","z":"be0c000000000001","name":"","url":"/hello","method":"get","upload":false,"swaggerDoc":"","x":120,"y":80,"wires":[["be0c000000000004"]]},
    {"id":"be0c000000000003","type":"http in","z":"be0c000000000001","name":"","url":"/large","method":"get","upload":false,"swaggerDoc":"","x":120,"y":140,"wires":[["be0c000000000004"]]},
    {"id":"be0c000000000006","type":"websocket-listener","path":"/echo","wholemsg":"false"},
    {"id":"be0c000000000007","type":"websocket in","z":"be0c000000000001","name":"","server":"be0c000000000006","client":"","x":120,"y":200,"wires":[["be0c000000000008"]]},
    {"id":"be0c000000000008","type":"websocket out","z":"be0c000000000001","name":"","server":"be0c000000000006","client":"","x":300,"y":200,"wires":[]},
    {"id":"be0c000000000004","type":"function","z":"be0c000000000001","name":"","func":"msg.payload = 'hello';\nreturn msg;","outputs":1,"timeout":0,"noerr":0,"initialize":"","finalize":"","libs":[],"x":300,"y":80,"wires":[["be0c000000000005"]]},
    {"id":"be0c000000000005","type":"http response","z":"be0c000000000001","name":"","statusCode":"","headers":{},"x":480,"y":80,"wires":[]}
]"#;

/// The running house.
#[derive(Debug)]
pub(crate) struct House {
    running: Running,
    binary: PathBuf,
    /// Its data directory.
    pub(crate) data: PathBuf,
    /// `localhost:port` of the gate.
    pub(crate) host: String,
    /// The bearer token of somebody who may propose. Good for this data directory only.
    pub(crate) token: String,
    /// Versions of Node-RED and Node.js.
    pub(crate) versions: String,
}

impl House {
    /// Starts it in `folder` with the trees of `shelf`, and has the endpoints deployed.
    pub(crate) fn start(binary: &Path, shelf: &Path, folder: &Path, place: Place) -> Result<Self> {
        ensure!(
            binary.is_file(),
            "{} is not there: build it first with `cargo build --release -p redkeep`",
            binary.display()
        );
        let data = folder.join("d");
        fs::create_dir(&data)?;
        for part in ["trees", "cache"] {
            let mut cp = Command::new("cp");
            cp.arg("-al").arg(shelf.join(part)).arg(data.join(part));
            process::output(&mut cp).context("the trees could not be linked")?;
        }
        let said = folder.join("redkeep.stderr");
        let mut child = process::command(&binary.display().to_string(), place)
            .args([
                "up",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--console-listen",
                "127.0.0.1:0",
            ])
            .arg("--data-dir")
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&said)?)
            .spawn()?;
        let stdout = child.stdout.take().context("its standard output")?;
        let running = Running(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line).with_context(|| {
            let said = fs::read_to_string(&said).unwrap_or_default();
            format!("`redkeep up` did not become ready: {said}")
        })?;
        let editor = ready["editor"].as_str().unwrap_or_default();
        let first = &ready["instances"][0];
        let word = |name: &str| first[name].as_str().unwrap_or("?").to_owned();
        let mut house = Self {
            host: editor
                .trim_start_matches("https://")
                .trim_end_matches('/')
                .to_owned(),
            running,
            binary: binary.to_owned(),
            data,
            token: String::new(),
            versions: format!("Node-RED {}, Node.js {}", word("node_red"), word("node")),
        };
        house.deploy(folder)?;
        Ok(house)
    }

    /// A user, a token, and the endpoints through the queue.
    fn deploy(&mut self, folder: &Path) -> Result<()> {
        let add = [
            "user",
            "add",
            "bench",
            "--role",
            "editor",
            "--password-stdin",
        ];
        let mut child = self
            .cli(&add)
            .arg("--no-second-factor")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().context("its standard input")?;
        writeln!(stdin, "{PASSWORD}")?;
        drop(stdin);
        ensure!(child.wait()?.success(), "the user could not be made");
        let token = self.ask(&["token", "create", "--user", "bench", "--scope", "propose"])?;
        token["secret"]
            .as_str()
            .context("no token")?
            .clone_into(&mut self.token);

        let file = folder.join("flows.json");
        let flows: Value = serde_json::from_str(FLOWS)?;
        fs::write(&file, json!({ "flows": flows }).to_string())?;
        let mut curl = self.curl();
        curl.args([
            "-H",
            "content-type: application/json",
            "-H",
            "node-red-api-version: v2",
        ])
        .args(["-H", "node-red-deployment-type: full", "--data-binary"])
        .arg(format!("@{}", file.display()))
        .arg(self.url("/flows"));
        process::output(&mut curl).context("the flows could not be proposed")?;
        let list = self.ask(&["deployments", "list", "--all"])?;
        let list = list.as_array().or_else(|| list["deployments"].as_array());
        let ids = list
            .into_iter()
            .flatten()
            .filter_map(|it| it["id"].as_i64());
        let id = ids.max().context("nothing was queued")?.to_string();
        self.ask(&["deployments", "approve", &id])?;
        let applied = self.ask(&["deployments", "apply", &id])?;
        process::until("the endpoint answers", || {
            let answer = process::output(self.curl().arg(self.url("/hello")));
            answer.is_ok_and(|text| text == "hello")
        })
        .with_context(|| format!("the deployment: {applied}"))
    }

    fn cli(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(["--json", "--data-dir"])
            .arg(&self.data)
            .args(arguments);
        command
    }

    fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let text = process::output(&mut self.cli(arguments))?;
        serde_json::from_str(&text).with_context(|| format!("{arguments:?} said {text}"))
    }

    fn curl(&self) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail-with-body", "--cacert"])
            .arg(self.data.join("tls/ca.pem"))
            .args([
                "--connect-to",
                &format!("{}:127.0.0.1:{}", self.host, self.port()),
            ])
            .args(["-H", &format!("authorization: Bearer {}", self.token)]);
        curl
    }

    /// An address at the gate.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.host)
    }

    /// The gate's port.
    pub(crate) fn port(&self) -> u16 {
        let port = self.host.rsplit_once(':').map(|(_, port)| port);
        port.and_then(|port| port.parse().ok()).unwrap_or(443)
    }

    /// Node-RED's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.data.join("instances/main/run/nr.sock")
    }

    /// Where it is loaded. Its CPU is that of all of Redkeep: keys, ledger and supervisor too.
    pub(crate) fn door(&self) -> Door {
        Door {
            name: "gate",
            host: self.host.clone(),
            port: self.port(),
            pids: self.own_pids(),
            token: Some(self.token.clone()),
            trust: self.data.join("tls/ca.pem"),
        }
    }

    /// The process that was started.
    fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Everything of Redkeep that runs, Node-RED left out.
    fn own_pids(&self) -> Vec<u32> {
        let family = cost::family(self.pid());
        family
            .into_iter()
            .filter(|pid| !cost::is_node(*pid))
            .collect()
    }

    /// Moves Node-RED to its place: it was started where Redkeep was.
    pub(crate) fn put_node_red(&self, place: Place) -> Result<()> {
        let nodes: Vec<_> = cost::family(self.running.pid())
            .into_iter()
            .filter(|pid| cost::is_node(*pid))
            .collect();
        if nodes.is_empty() {
            bail!("no Node-RED runs below redkeep {}", self.pid());
        }
        nodes
            .into_iter()
            .try_for_each(|pid| process::put(pid, place))
    }

    /// What tells Node-RED that somebody may read everything, good for a minute: the peer has no
    /// login of its own.
    pub(crate) fn identity(&self, now: Timestamp) -> Result<String> {
        let keyring = Keyring::open(&self.data.join("keys"))?;
        let name = "bench".parse().context("a user's name")?;
        Ok(Signer::new(Arc::new(keyring)).header(&name, &["*.read"], now)?)
    }
}
