//! Starting, stopping and placing programs.

use std::{
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// Where a program may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Wherever the kernel likes.
    Anywhere,
    /// On this CPU alone.
    Cpu(u8),
}

/// A command for `program`, on its place.
pub(crate) fn command(program: &str, place: Place) -> Command {
    match place {
        Place::Anywhere => Command::new(program),
        Place::Cpu(cpu) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &cpu.to_string(), program]);
            command
        }
    }
}

/// Moves a running process with all its threads.
pub(crate) fn put(pid: u32, place: Place) -> Result<()> {
    if let Place::Cpu(cpu) = place {
        let mut taskset = Command::new("taskset");
        taskset.args(["-a", "-p", "-c", &cpu.to_string(), &pid.to_string()]);
        output(&mut taskset)?;
    }
    Ok(())
}

/// Runs a command to its end and gives what it printed.
///
/// Errors: it could not be started (with the Debian package that holds it) or failed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.stdin(Stdio::null()).output().with_context(|| {
        format!("{name} could not be started: apt-get install nginx-light wrk nghttp2-client curl")
    })?;
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() {
        bail!(
            "{name} failed: {said}{}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(said)
}

/// A program that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Fails if it has ended.
    pub(crate) fn assert_running(&mut self, what: &str) -> Result<()> {
        match self.0.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{what} ended: {status}"),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ended = rustix::process::kill_process(pid, rustix::process::Signal::TERM).is_err();
        }
        let since = Instant::now();
        while matches!(self.0.try_wait(), Ok(None)) {
            if since.elapsed() > Duration::from_secs(30) {
                drop(self.0.kill());
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// Asks again until it is so, for half a minute at most.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let since = Instant::now();
    while !is_so() {
        if since.elapsed() > Duration::from_secs(30) {
            bail!("after 30 seconds still not: {what}");
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}
