//! The real binary, as a person on the machine runs it.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    Client, DataDir, built,
    process::{Process, family},
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
    /// Words before the binary's own: another program that becomes it.
    pub through: Vec<String>,
    /// Another binary than the one cargo built: a copy of it where others can read it.
    pub binary: Option<PathBuf>,
    /// Whether its clients speak HTTP/2.
    pub is_http2: bool,
}

impl Options {
    /// The binary, to be given arguments.
    pub(crate) fn command(&self) -> Command {
        let binary = self.binary.clone().unwrap_or_else(built::binary);
        let Some((first, rest)) = self.through.split_first() else {
            return Command::new(binary);
        };
        let mut command = Command::new(first);
        command.args(rest).arg(binary);
        command
    }
}

/// A running `redkeep up`. Dropping it stops it; if the test failed, what it said is shown.
#[derive(Debug)]
pub struct Redkeep {
    process: Process,
    data: Option<DataDir>,
    options: Options,
    /// The line `up --json` printed when it was ready.
    pub ready: Value,
    place: Option<OwnedSemaphorePermit>,
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
            place,
        }
    }

    /// Starts `up`, and kills it (SIGKILL) at that moment of its start.
    pub async fn killed_at(data: &DataDir, options: &Options, moment: impl Future<Output = ()>) {
        let (mut process, line) = Process::spawn(&data.path(), options);
        tokio::select! {
            line = line => panic!("it was over before that moment: {line:?}\n{}", process.said()),
            () = moment => process.kill().await,
        }
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
        let client = Client::trusting(&pem);
        if self.options.is_http2 {
            client.with_http2()
        } else {
            client
        }
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

    fn to_take_over(&self, arguments: &[&str]) -> Options {
        let mut options = self.options.clone();
        // The file is there; what is written anew is what the test says.
        options.config = None;
        let more = ["--take-over"].iter().chain(arguments);
        options.arguments.extend(more.map(|it| (*it).to_owned()));
        options
    }

    /// Starts another that takes over from this one; returns it when it is ready and this one has ended
    /// in order.
    pub async fn succeeded_by(mut self, arguments: &[&str]) -> Self {
        let options = self.to_take_over(arguments);
        let data = self.data.take().expect("it is there while Redkeep runs");
        let place = self.place.take();
        let next = Self::begin(data, options, place, START).await;
        let ended = self.process.ended().await;
        let said = self.process.said();
        assert!(ended.success(), "it did not end in order: {ended}\n{said}");
        next
    }

    /// Starts another that is to take over and fails; what it said.
    pub async fn not_succeeded_by(&self, arguments: &[&str]) -> String {
        let options = self.to_take_over(arguments);
        let (mut process, line) = Process::spawn(&self.path(), &options);
        let line = tokio::time::timeout(START, line).await;
        let line = line.expect("it ends, or becomes ready").unwrap_or_default();
        assert!(!line.contains("\"ready\""), "it became ready: {line}");
        let ended = process.ended().await;
        let said = process.said();
        assert!(!ended.success(), "it ended well:\n{said}");
        said
    }

    /// The options it was started with.
    pub fn options(&self) -> Options {
        self.options.clone()
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
