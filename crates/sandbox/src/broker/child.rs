//! What the broker started: its files, its line, its end.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child as Process, Command, ExitStatus, Stdio};

use rustix::net::{SendFlags, send};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process};

use super::{Input, Order};
use crate::held::{ASK_TO_STOP, KILL, status_bytes};

/// A child, and the line to whoever asked for it.
#[derive(Debug)]
pub(super) struct Child {
    process: Process,
    /// None: let go of.
    line: Option<UnixStream>,
}

/// Starts one. Returns it with the files to hand on, its line last.
pub(super) fn start(order: Order) -> io::Result<(Child, Vec<OwnedFd>)> {
    let (line, their_line) = UnixStream::pair()?;
    line.set_nonblocking(true)?;
    let mut command = Command::new("/proc/self/exe");
    command.args(order.arguments).env_clear().current_dir("/");
    let mut files = match order.input {
        Input::Lanes(said) => {
            let (first, its_first) = UnixStream::pair()?;
            let (second, its_second) = UnixStream::pair()?;
            say_first(&second, &said)?;
            command.stdin(Stdio::from(OwnedFd::from(its_first)));
            command.stdout(Stdio::from(OwnedFd::from(its_second)));
            vec![first.into(), second.into()]
        }
        Input::Orders(said) => {
            let (ours, its) = UnixStream::pair()?;
            say_first(&ours, &said)?;
            command.stdin(Stdio::from(OwnedFd::from(its)));
            let mut files = vec![ours.into()];
            files.extend(output(&mut command)?);
            files
        }
        Input::Folder(folder) => {
            command.stdin(Stdio::from(folder));
            output(&mut command)?.into()
        }
    };
    // A terminal's interrupt goes to Redkeep alone, which stops its children in order.
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let process = command.spawn()?;
    files.push(their_line.into());
    let line = Some(line);
    Ok((Child { process, line }, files))
}

/// All of it or nothing: it fits into the socket's buffer, or the broker would wait for its child.
fn say_first(socket: &UnixStream, said: &[u8]) -> io::Result<()> {
    let sent = send(socket, said, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
    if sent == said.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

fn output(command: &mut Command) -> io::Result<[OwnedFd; 2]> {
    let (out, its_out) = pipe_with(PipeFlags::CLOEXEC)?;
    let (err, its_err) = pipe_with(PipeFlags::CLOEXEC)?;
    command.stdout(Stdio::from(File::from(its_out)));
    command.stderr(Stdio::from(File::from(its_err)));
    Ok([out, err])
}

impl Child {
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(super) fn line(&self) -> Option<&UnixStream> {
        self.line.as_ref()
    }

    /// Whether it has ended, which its line is then told.
    pub(super) fn has_ended(&mut self) -> bool {
        match self.process.try_wait() {
            Ok(None) => false,
            Ok(Some(status)) => {
                self.tell(status);
                true
            }
            // It is nobody's child any more.
            Err(_) => true,
        }
    }

    fn tell(&mut self, status: ExitStatus) {
        if let Some(line) = &mut self.line {
            // Whoever asked may have let go.
            line.write_all(&status_bytes(status)).ok();
        }
    }

    /// Does what its line asks. One that nobody holds any more is killed.
    pub(super) fn hear(&mut self) {
        let mut asked = [0; 16];
        let Some(line) = &mut self.line else { return };
        match line.read(&mut asked) {
            Ok(0) => {
                self.kill();
                self.line = None;
            }
            Ok(count) => asked[..count].iter().for_each(|byte| match *byte {
                ASK_TO_STOP => self.ask_to_stop(),
                KILL => self.kill(),
                _ => {}
            }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => {
                self.kill();
                self.line = None;
            }
        }
    }

    fn ask_to_stop(&self) {
        // Not waited for yet, so the number is still its own.
        let pid = Pid::from_raw(self.process.id().cast_signed());
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).ok();
        }
    }

    pub(super) fn kill(&mut self) {
        // It can only fail because it is over.
        self.process.kill().ok();
    }
}
