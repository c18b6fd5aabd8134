//! The real binary, as a person on the machine runs it.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Client, DataDir, Person,
    process::{Process, family, reap},
    until,
};

/// Which Node-RED.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NodeRed {
    /// 4.1, the one before.
    V4,
    /// 5, the present one.
    #[default]
    V5,
}

impl NodeRed {
    /// As `--node-red` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "4",
            Self::V5 => "5",
        }
    }
}

/// How it is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which Node-RED.
    pub node_red: NodeRed,
    /// More arguments of `up`.
    pub arguments: Vec<String>,
    /// `redkeep.toml`, if one is to be there.
    pub config: Option<String>,
}

/// A running `redkeep up`. Dropping it stops it; if the test failed, what it said is shown.
#[derive(Debug)]
pub struct Redkeep {
    process: Process,
    data: Option<DataDir>,
    options: Options,
    /// The line `up --json` printed when it was ready.
    pub ready: Value,
    _place: Option<OwnedSemaphorePermit>,
}

/// How a command ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What stood on standard output.
    pub stdout: String,
    /// What stood on standard error.
    pub stderr: String,
}

impl Ended {
    /// The JSON on standard output.
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_str(self.stdout.trim());
        parsed.unwrap_or_else(|error| panic!("no JSON ({error}) in {self:?}"))
    }

    /// This, if it ended well.
    pub fn ok(self) -> Self {
        assert_eq!(
            self.code,
            Some(0),
            "it failed: {} {}",
            self.stdout,
            self.stderr
        );
        self
    }
}

/// How many run at a time: two cores, and Node.js starts are heavy.
static PLACES: std::sync::LazyLock<Arc<Semaphore>> =
    std::sync::LazyLock::new(|| Arc::new(Semaphore::new(2)));

/// How long a start may take with everything on the disk, on a machine that does other things too.
const START: Duration = Duration::from_mins(2);
/// How long a first start may take, which fetches.
const FIRST_START: Duration = Duration::from_mins(10);

impl Redkeep {
    /// One with an empty data directory (Node.js and Node-RED are in it) and a free port each.
    pub async fn start(options: Options) -> Self {
        let data = DataDir::with(options.node_red).await;
        Self::start_with(data, options).await
    }

    /// The usual one.
    pub async fn up() -> Self {
        Self::start(Options::default()).await
    }

    /// One on this data directory.
    pub async fn start_with(data: DataDir, options: Options) -> Self {
        let place = PLACES
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        Self::begin(data, options, Some(place), START).await
    }

    pub(crate) async fn start_unlinked(data: DataDir, options: Options) -> Self {
        Self::begin(data, options, None, FIRST_START).await
    }

    async fn begin(
        data: DataDir,
        options: Options,
        place: Option<OwnedSemaphorePermit>,
        patience: Duration,
    ) -> Self {
        if let Some(config) = &options.config {
            fs::create_dir_all(data.path()).expect("the data directory");
            fs::write(data.path().join("redkeep.toml"), config).expect("redkeep.toml");
        }
        let (process, line) = Process::spawn(&data.path(), &options);
        let line = tokio::time::timeout(patience, line).await;
        let ready = match line {
            Ok(Ok(line)) => serde_json::from_str::<Value>(&line)
                .unwrap_or_else(|error| panic!("`up --json` said {line:?}: {error}")),
            Ok(Err(_)) => panic!(
                "`redkeep up` ended before it was ready:\n{}",
                process.said()
            ),
            Err(_) => panic!(
                "`redkeep up` was not ready in {patience:?}:\n{}",
                process.said()
            ),
        };
        assert_eq!(ready["ready"], true, "{ready}");
        Self {
            process,
            data: Some(data),
            options,
            ready,
            _place: place,
        }
    }

    /// Runs `up` where it must fail, and gives how it ended.
    pub async fn fails(data: &Path, arguments: &[&str]) -> Ended {
        let mut command = Command::new(binary());
        command
            .arg("up")
            .args(["--json", "--data-dir"])
            .arg(data)
            .args(arguments);
        run(command, None).await
    }

    /// The editor's origin.
    pub fn editor(&self) -> &str {
        self.ready["editor"]
            .as_str()
            .expect("the editor's address")
            .trim_end_matches('/')
    }

    /// The console's origin.
    pub fn console(&self) -> &str {
        self.ready["console"]
            .as_str()
            .expect("the console's address")
            .trim_end_matches('/')
    }

    /// The first administrator's enrolment link.
    pub fn enrolment(&self) -> &str {
        self.ready["enrolment"].as_str().expect("an enrolment link")
    }

    /// The data directory.
    pub fn data(&self) -> &DataDir {
        self.data.as_ref().expect("it is there while Redkeep runs")
    }

    /// The path of the data directory.
    pub fn path(&self) -> PathBuf {
        self.data().path()
    }

    /// The process' number.
    pub fn pid(&self) -> u32 {
        self.process.child().id()
    }

    /// Every process that descends from it, itself included.
    pub fn family(&self) -> BTreeSet<u32> {
        family(self.pid())
    }

    /// The process of Node-RED: the Node.js among the descendants.
    pub fn node_pids(&self) -> Vec<u32> {
        let is_node = |pid: &u32| {
            let exe = fs::read_link(format!("/proc/{pid}/exe"));
            exe.is_ok_and(|exe| exe.file_name().is_some_and(|name| name == "node"))
        };
        self.family().into_iter().filter(is_node).collect()
    }

    /// What it said on standard error so far.
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// A client that trusts its certificate and knows nobody.
    pub fn client(&self) -> Client {
        let file = self.ready["ca_file"].as_str().expect("ca_file");
        let pem = fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        Client::trusting(&pem)
    }

    /// Runs a verb against it, with `--json`.
    pub async fn cli(&self, arguments: &[&str]) -> Ended {
        cli(&self.path(), arguments, None).await
    }

    /// A person with this role, a password and no second factor.
    pub async fn person(&self, name: &str, role: &str) -> Person {
        let person = Person::named(name);
        let arguments = [
            "user",
            "add",
            name,
            "--role",
            role,
            "--password-stdin",
            "--no-second-factor",
        ];
        cli(&self.path(), &arguments, Some(&person.password))
            .await
            .ok();
        person
    }

    /// A client that acts by a new token of this user.
    pub async fn token(&self, user: &str, scopes: &[&str]) -> Client {
        let mut arguments = vec!["token", "create", "--user", user];
        for scope in scopes {
            arguments.extend(["--scope", scope]);
        }
        let made = self.cli(&arguments).await.ok().json();
        self.client()
            .with_bearer(made["secret"].as_str().expect("the token's secret"))
    }

    /// Stops it as a service manager would, and gives the data directory back.
    pub async fn stop(mut self) -> DataDir {
        self.process.ask_to_end();
        let ended = self.process.ended().await;
        assert!(
            ended.success(),
            "it did not stop in order: {ended}\n{}",
            self.process.said()
        );
        self.data.take().expect("it is there while Redkeep runs")
    }

    /// Kills it at once (SIGKILL), as a power cut would, and gives the data directory back.
    pub async fn kill(mut self) -> DataDir {
        self.process.kill().await;
        self.data.take().expect("it is there while Redkeep runs")
    }

    /// Starts again on the same data with the same options.
    pub async fn again(data: DataDir, options: Options) -> Self {
        Self::start_with(data, options).await
    }

    /// The options it was started with.
    pub fn options(&self) -> Options {
        self.options.clone()
    }

    /// The deployments, newest first, ended ones too.
    pub async fn deployments(&self) -> Vec<Value> {
        let found = self
            .cli(&["deployments", "list", "--all"])
            .await
            .ok()
            .json();
        listed(&found, "deployments")
    }

    /// One deployment, with its changes.
    pub async fn deployment(&self, id: i64) -> Value {
        self.cli(&["deployments", "show", &id.to_string()])
            .await
            .json()
    }

    /// Approves and applies a deployment as the local administrator; gives how it stands then.
    pub async fn approve_and_apply(&self, id: i64) -> Value {
        let shown = self.deployment(id).await["shown"]
            .as_str()
            .expect("a hash")
            .to_owned();
        let id = id.to_string();
        self.cli(&["deployments", "approve", &id, "--hash", &shown])
            .await
            .ok();
        let applied = self
            .cli(&["deployments", "apply", &id, "--hash", &shown])
            .await;
        let answer = applied.json();
        answer.get("deployment").cloned().unwrap_or(answer)
    }

    /// Entries of the record of this kind, newest first.
    pub async fn audit(&self, kind: &str) -> Vec<Value> {
        let found = self
            .cli(&["audit", "list", "-n", "500", "--kind", kind])
            .await
            .ok()
            .json();
        listed(&found, "entries")
    }

    /// Waits until the record holds an entry of this kind that fits, and gives it.
    pub async fn recorded(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let what = format!("an entry {kind} in the record");
        until(&what, || async {
            self.audit(kind).await.into_iter().find(|entry| fits(entry))
        })
        .await
    }

    /// Fails unless the record is whole.
    pub async fn assert_record_whole(&self) {
        let verified = self.cli(&["audit", "verify"]).await;
        assert_eq!(
            verified.code,
            Some(0),
            "the record is not whole: {}",
            verified.stdout
        );
    }
}

impl Drop for Redkeep {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "shown beside the test that failed")]
            {
                eprintln!("--- what redkeep said ---\n{}---", self.process.said());
            }
        }
    }
}

/// The list of this name in an answer, or the answer itself when it is a list.
pub fn listed(found: &Value, name: &str) -> Vec<Value> {
    found
        .as_array()
        .or_else(|| found[name].as_array())
        .cloned()
        .unwrap_or_else(|| {
            panic!("no list {name:?} in {found}");
        })
}

/// Runs a verb on a data directory, with `--json`.
pub async fn cli(data: &Path, arguments: &[&str], stdin: Option<&str>) -> Ended {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .arg("--json")
        .arg("--data-dir")
        .arg(data);
    run(command, stdin).await
}

async fn run(mut command: Command, stdin: Option<&str>) -> Ended {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let stdin = stdin.map(|text| format!("{text}\n")).unwrap_or_default();
    let task = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("redkeep can be started");
        let mut input = child.stdin.take().expect("piped");
        // A verb that reads nothing may have ended already.
        drop(input.write_all(stdin.as_bytes()));
        drop(input);
        let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
        let errors = std::thread::spawn(move || read(err.as_mut()));
        let stdout = read(out.as_mut());
        let stderr = errors.join().expect("the reading thread");
        let status = reap(&mut child, Duration::from_mins(2));
        Ended {
            code: status.code(),
            stdout,
            stderr,
        }
    });
    task.await.expect("the command's task")
}

fn read(from: Option<&mut impl std::io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        drop(from.read_to_end(&mut bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The folder cargo builds into: the one this test runs from.
pub fn target_dir() -> PathBuf {
    profile_dir().parent().expect("target/<profile>").to_owned()
}

fn profile_dir() -> PathBuf {
    let here = std::env::current_exe().expect("the path of this test");
    // target/<profile>/deps/<test>
    here.ancestors()
        .nth(2)
        .expect("target/<profile>")
        .to_owned()
}

/// The binary under test.
pub fn binary() -> PathBuf {
    let path = profile_dir().join("redkeep");
    assert!(
        path.is_file(),
        "{} is not there: build it first with `cargo build -p redkeep`",
        path.display()
    );
    path
}
