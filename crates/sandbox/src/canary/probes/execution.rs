//! Running code that nobody approved.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::io::Errno;

use super::{FILES, NO_CALL, NO_PATH, Probe, SECCOMP};
use crate::canary::{Guard, Surroundings};
use crate::enforcement::Layer;
use crate::kernel::bare;
use crate::spec::JailSpec;

/// Only a mount that is noexec keeps code in it from being mapped.
const MAPPING: &[Guard] = &[Guard::Layer(Layer::MountNamespace)];

/// A program of its own, so that nothing but the wall can keep it from running: an ELF file whose
/// whole code is `exit(0)`.
#[cfg(target_arch = "x86_64")]
const EXIT_CODE: (&[u8], u8) = (&[0x31, 0xff, 0xb8, 0x3c, 0, 0, 0, 0x0f, 0x05], 0x3e);
#[cfg(target_arch = "aarch64")]
const EXIT_CODE: (&[u8], u8) = (
    &[
        0x00, 0x00, 0x80, 0xd2, 0xa8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4,
    ],
    0xb7,
);

pub(super) fn probes(spec: &JailSpec, around: &Surroundings) -> Vec<Probe> {
    let shell = Path::new("/bin/sh");
    let shell_allowed = spec.commands.iter().any(|command| command == shell);
    let mut probes = vec![
        Probe::new("run a shell", FILES, NO_PATH, move || {
            run(Command::new(shell).args(["-c", ":"]))
        })
        .unless(shell_allowed.then_some("the policy allows it")),
        Probe::new(
            "run a program from memory",
            SECCOMP,
            NO_CALL,
            run_from_memory,
        ),
    ];
    let tmp = Path::new("/tmp");
    for dir in spec.writable.iter().map(PathBuf::as_path).chain([tmp]) {
        probes.extend(in_writable(dir));
        probes.push(by_loader(dir, around));
    }
    probes
}

fn in_writable(dir: &Path) -> [Probe; 2] {
    let there = dir.display();
    let program = dir.join(".redkeep-canary-program");
    let code = dir.join(".redkeep-canary-code");
    [
        Probe::new(
            format!("run a program dropped into {there}"),
            FILES,
            NO_PATH,
            move || {
                drop_file(&program, &elf())?;
                let ran = run(&mut Command::new(&program));
                clean(&program, ran)
            },
        ),
        Probe::new(
            format!("map code dropped into {there}"),
            MAPPING,
            NO_PATH,
            move || {
                drop_file(&code, &elf())?;
                let mapped = fs::File::open(&code).and_then(|file| bare::map_code(&file));
                clean(&code, mapped)
            },
        ),
    ]
}

/// `ld.so` runs what it can read and map, whatever the file's mode. The C library is a program, too:
/// it prints its version.
fn by_loader(dir: &Path, around: &Surroundings) -> Probe {
    let copy = dir.join(".redkeep-canary-library");
    let what = format!("run a program in {} by way of the loader", dir.display());
    let known = around.loader.clone();
    let unknown = known
        .is_none()
        .then_some("no loader is known on this machine");
    Probe::new(what, MAPPING, &[Errno::ACCESS], move || {
        let (loader, library) = known.as_ref().ok_or(Errno::NOENT)?;
        let bytes = fs::read(library)?;
        if drop_file(&copy, &bytes).is_err() {
            // Nothing can be written here, so there is nothing to run.
            return Err(Errno::ACCESS.into());
        }
        let ran = match quiet(Command::new(loader).arg(&copy)).status() {
            Ok(status) if status.success() => Ok(()),
            // The loader started, said "failed to map segment", and exited with 127.
            Ok(status) if status.code() == Some(127) => Err(Errno::ACCESS.into()),
            Ok(_) => Err(Errno::INVAL.into()),
            Err(error) => Err(error),
        };
        clean(&copy, ran)
    })
    .unless(unknown)
}

/// Landlock always permits executing a memory file; making one must fail.
fn run_from_memory() -> io::Result<()> {
    let memory = bare::memory_file()?;
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    fs::File::from(memory.try_clone()?).write_all(&elf())?;
    run(&mut Command::new(path))
}

/// Whether it starts is what counts.
fn run(command: &mut Command) -> io::Result<()> {
    quiet(command).status().map(drop)
}

fn quiet(command: &mut Command) -> &mut Command {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .env_clear()
}

/// The canary runs in every jail of its spec; what an earlier one left is replaced.
fn drop_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    drop(fs::remove_file(path));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o700)
        .open(path)?;
    file.write_all(bytes)
}

fn clean(path: &Path, result: io::Result<()>) -> io::Result<()> {
    result
        .and(fs::remove_file(path))
        .inspect_err(|_| drop(fs::remove_file(path)))
}

/// The smallest program: one header, one segment, `exit(0)`.
fn elf() -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let (code, machine) = EXIT_CODE;
    let size = HEADERS + code.len() as u64;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    elf.extend([2, 0, machine, 0, 1, 0, 0, 0]);
    for word in [BASE + HEADERS, 64, 0] {
        elf.extend(word.to_le_bytes());
    }
    elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    // One loadable segment, readable and executable, the whole file.
    elf.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for word in [0, BASE, BASE, size, size, 0x1000] {
        elf.extend(u64::to_le_bytes(word));
    }
    elf.extend(code);
    elf
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_program_runs_where_nothing_forbids_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("program");
        drop_file(&path, &elf()).unwrap();
        assert!(Command::new(path).status().unwrap().success());
    }
}
