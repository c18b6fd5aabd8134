//! A jail for a test, in a folder of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use sandbox::command::{CANARY_VERB, JAIL_VERB};
use sandbox::{
    CanaryReport, Enforcement, JailCommand, JailReport, JailSpec, Limits, Network, ReadOnlyPath,
    UserIds,
};
use tempfile::TempDir;

/// A user that owns nothing.
pub(crate) const NOBODY: u32 = 65534;
/// A user for the jail under root.
const JAILED: u32 = 64000;

/// As whom the jailer is started, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    Root,
    RootWithoutNamespaces,
    Ordinary,
    OrdinaryWithoutNamespaces,
}

impl Setting {
    pub(crate) const ALL: [Self; 4] = [
        Self::Root,
        Self::RootWithoutNamespaces,
        Self::Ordinary,
        Self::OrdinaryWithoutNamespaces,
    ];
    pub(crate) const WITH_NAMESPACES: [Self; 2] = [Self::Root, Self::Ordinary];

    pub(crate) fn is_root(self) -> bool {
        matches!(self, Self::Root | Self::RootWithoutNamespaces)
    }

    pub(crate) fn has_namespaces(self) -> bool {
        Self::WITH_NAMESPACES.contains(&self)
    }

    /// The user of the jail.
    pub(crate) fn uid(self) -> u32 {
        if self.is_root() { JAILED } else { NOBODY }
    }
}

/// Folders and a spec, to be changed before starting.
pub(crate) struct Scene {
    pub(crate) setting: Setting,
    pub(crate) spec: JailSpec,
    pub(crate) dir: TempDir,
}

/// The machine's Node.js.
pub(crate) fn node() -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH is set");
    std::env::split_paths(&path)
        .map(|dir| dir.join("node"))
        .find(|node| node.is_file())
        .expect("these tests need a Node.js on PATH")
        .canonicalize()
        .unwrap()
}

impl Scene {
    pub(crate) fn new(setting: Setting) -> Self {
        assert!(
            sandbox::process::is_root(),
            "these tests start jails as several users: run as root"
        );
        // Not in /tmp, which in the jail is another one.
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let uid = setting.uid();
        for name in ["work", "run", "secret", "ro"] {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            // The ordinary user owns all of it, as in real life; only the jail keeps it away.
            let owner = if setting.is_root() && name != "work" && name != "run" {
                0
            } else {
                uid
            };
            chown(&path, Some(owner), Some(owner)).unwrap();
        }
        let secret = dir.path().join("secret/key");
        std::fs::write(&secret, "the key").unwrap();
        std::fs::write(dir.path().join("ro/settings.js"), "settings").unwrap();
        let owner = if setting.is_root() { 0 } else { uid };
        for file in ["secret/key", "ro/settings.js"] {
            chown(dir.path().join(file), Some(owner), Some(owner)).unwrap();
        }
        let spec = JailSpec {
            argv: vec![node().to_str().unwrap().into()],
            env: BTreeMap::from([("HOME".into(), "/tmp".into())]),
            cwd: dir.path().join("work"),
            become_user: setting.is_root().then_some(UserIds { uid, gid: uid }),
            read_only: vec![ReadOnlyPath::data(dir.path().join("ro"))],
            writable: vec![dir.path().join("work")],
            runtime_dir: dir.path().join("run"),
            commands: Vec::new(),
            network: Network::Any,
            limits: Limits::default(),
            namespaces: setting.has_namespaces(),
            observed: false,
            below: None,
            hidden: vec![dir.path().join("secret"), secret],
            hidden_pids: vec![std::process::id()],
        };
        Self { setting, spec, dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs this script instead.
    pub(crate) fn script(mut self, script: &str) -> Self {
        self.spec.argv.extend(["-e".into(), script.into()]);
        self
    }

    pub(crate) fn network(mut self, network: Network) -> Self {
        self.spec.network = network;
        self
    }

    /// Starts the jailer and reads its report.
    pub(crate) fn start(&self) -> Running {
        self.start_with(JAIL_VERB)
    }

    fn start_with(&self, verb: &str) -> Running {
        let request = JailCommand::jail(&self.spec).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_jailer"));
        command
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !self.setting.is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mut child = command.spawn().unwrap();
        let mut lifeline = child.stdin.take().unwrap();
        lifeline.write_all(&request.stdin).unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let report = JailReport::parse(line.as_bytes()).unwrap_or_else(|error| {
            let mut stderr = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut stderr)
                .unwrap();
            panic!("no report but {line:?} ({error}); stderr: {stderr}")
        });
        Running {
            child,
            lifeline: Some(lifeline),
            stdout,
            report,
        }
    }

    /// Runs to the end.
    pub(crate) fn finish(&self) -> Ended {
        self.start().finish()
    }

    /// Runs the canary.
    pub(crate) fn canary(&self) -> (Enforcement, CanaryReport) {
        let ended = self.start_with(CANARY_VERB).finish();
        let findings = CanaryReport::parse(ended.stdout.as_bytes())
            .unwrap_or_else(|error| panic!("{error}: {:?} {:?}", ended.stdout, ended.stderr));
        assert_eq!(
            ended.code,
            Some(i32::from(!findings.passed())),
            "{}",
            ended.stderr
        );
        (ended.enforcement, findings)
    }
}

/// A jailer that has reported.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) lifeline: Option<ChildStdin>,
    pub(crate) stdout: BufReader<ChildStdout>,
    pub(crate) report: JailReport,
}

/// A jailer that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) enforcement: Enforcement,
}

impl Running {
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn finish(mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        let code = self.child.wait().unwrap().code();
        drop(self.lifeline);
        match self.report {
            JailReport::Built(enforcement) => Ended {
                code,
                stdout,
                stderr,
                enforcement,
            },
            JailReport::Failed(why) => panic!("the jail was not built: {why}\n{stderr}"),
        }
    }
}

/// The processes whose environment carries `mark`: those of one jail, seen from outside.
pub(crate) fn processes_marked(mark: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            std::fs::read(Path::new("/proc").join(pid.to_string()).join("environ")).is_ok_and(
                |environ| {
                    environ
                        .split(|byte| *byte == 0)
                        .any(|v| v == mark.as_bytes())
                },
            )
        })
        .collect()
}
