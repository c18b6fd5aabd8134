//! The process of `redkeep up`: started, listened to, ended by its number.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::redkeep::Options;

/// The process and everything it says.
#[derive(Debug)]
pub(crate) struct Process {
    child: Option<Child>,
    said: Arc<Mutex<String>>,
}

impl Process {
    pub(crate) fn spawn(data: &Path, options: &Options) -> (Self, oneshot::Receiver<String>) {
        let mut command = options.command();
        command
            .arg("up")
            .args([
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--console-listen",
                "127.0.0.1:0",
            ])
            .args(["--node-red", options.node_red.as_str(), "--data-dir"])
            .arg(data)
            .args(&options.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("redkeep can be started");
        let said = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().expect("piped");
        let keep = said.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut said = keep.lock().unwrap_or_else(PoisonError::into_inner);
                said.push_str(&line);
                said.push('\n');
            }
        });
        let (tell, line) = oneshot::channel();
        let stdout = child.stdout.take().expect("piped");
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
            if let Some(line) = lines.next() {
                drop(tell.send(line));
            }
            lines.for_each(drop);
        });
        (
            Self {
                child: Some(child),
                said,
            },
            line,
        )
    }

    pub(crate) fn child(&self) -> &Child {
        self.child.as_ref().expect("it is there until it ended")
    }

    pub(crate) fn said(&self) -> String {
        self.said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = self
            .child
            .as_ref()
            .map(Child::id)
            .and_then(|it| i32::try_from(it).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            // It may have ended by itself.
            let _ended = rustix::process::kill_process(pid, signal).is_err();
        }
    }

    pub(crate) fn ask_to_end(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Waits for the end; kills what does not end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it ends once");
        tokio::task::spawn_blocking(move || reap(&mut child, Duration::from_secs(30)))
            .await
            .expect("waiting for the process")
    }

    pub(crate) async fn kill(&mut self) {
        let family = self
            .child
            .as_ref()
            .map(|child| family(child.id()))
            .unwrap_or_default();
        self.signal(rustix::process::Signal::KILL);
        self.ended().await;
        end_orphans(&family);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let family = family(child.id());
        self.child = Some(child);
        self.ask_to_end();
        child = self.child.take().expect("just put there");
        reap(&mut child, Duration::from_secs(20));
        end_orphans(&family);
    }
}

pub(crate) fn reap(child: &mut Child, patience: Duration) -> ExitStatus {
    let since = Instant::now();
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return status;
        }
        if since.elapsed() > patience {
            // `wait` tells of whatever went wrong with the kill.
            drop(child.kill());
            return child.wait().expect("a killed child can be waited for");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What outlives its parent is ended by its number, if it still is what it was.
pub(crate) fn end_orphans(family: &BTreeSet<u32>) {
    for pid in family {
        let is_ours = fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains("/tmp/rk"));
        let raw = i32::try_from(*pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let (true, Some(pid)) = (is_ours, raw) {
            let _ended = rustix::process::kill_process(pid, rustix::process::Signal::KILL).is_err();
        }
    }
}

pub(crate) fn family(root: u32) -> BTreeSet<u32> {
    let mut found = BTreeSet::from([root]);
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        for task in fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|it| it.parse().ok()) {
                if found.insert(child) {
                    waiting.push(child);
                }
            }
        }
    }
    found
}
