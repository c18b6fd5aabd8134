//! The verbs of the command line, run as a person on the machine runs them.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{Redkeep, built::binary, process::reap};

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

impl Redkeep {
    /// Runs a verb against it as whoever runs it, with `--json` and these words on standard input.
    pub async fn verb(&self, arguments: &[&str], stdin: Option<&str>) -> Ended {
        verb(self.options().command(), &self.path(), arguments, stdin).await
    }

    /// Runs a verb against it, with `--json`.
    pub async fn cli(&self, arguments: &[&str]) -> Ended {
        self.verb(arguments, None).await
    }

    /// A verb for people: without `--json`. To be run by who asks for it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.options().command();
        command.args(arguments).arg("--data-dir").arg(self.path());
        command
    }

    /// Runs a verb as a person does, without `--json`.
    pub async fn plainly(&self, arguments: &[&str]) -> Ended {
        run(self.command(arguments), None).await
    }

    /// Runs `up` where it must fail, and gives how it ended.
    pub async fn fails(data: &Path, arguments: &[&str]) -> Ended {
        let mut command = Command::new(binary());
        command.args(["up", "--json"]);
        command.arg("--data-dir").arg(data).args(arguments);
        run(command, None).await
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
    verb(Command::new(binary()), data, arguments, stdin).await
}

async fn verb(mut command: Command, data: &Path, arguments: &[&str], stdin: Option<&str>) -> Ended {
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
