//! The operator's program that sets DNS records for dns-01.

use std::{os::unix::fs::MetadataExt as _, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};

/// How long it may take: it may wait until the record is seen everywhere.
const TIME: Duration = Duration::from_mins(10);
/// Bytes of what it says that are shown.
const SAID_MAX: u64 = 2048;
/// Where it finds programs. Nothing else of our environment is passed on.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs `PROGRAM VERB RECORD VALUE`. The value is no secret: it stands in public DNS.
///
/// Errors: it could not be started, failed or took too long; with what it said, for people.
pub(super) async fn run(
    program: &Path,
    verb: &str,
    record: &str,
    value: &str,
) -> Result<(), String> {
    run_within(program, [verb, record, value], TIME).await
}

async fn run_within(program: &Path, words: [&str; 3], time: Duration) -> Result<(), String> {
    let shown = program.display();
    let found = std::fs::metadata(program).map_err(|error| format!("the hook {shown}: {error}"))?;
    // It runs with our rights: whoever can write it has them.
    if found.mode() & 0o022 != 0 {
        return Err(format!(
            "the hook {shown} can be changed by others than its owner: run `chmod go-w` on it"
        ));
    }
    let mut child = Command::new(program)
        .args(words)
        .env_clear()
        .env("PATH", PATH)
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the hook {shown} could not be started: {error}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(child.wait(), said(out), said(err)) };
    let Ok((ended, out, err)) = tokio::time::timeout(time, all).await else {
        let seconds = time.as_secs();
        return Err(format!(
            "the hook {shown} took more than {seconds} s and was stopped"
        ));
    };
    let ended = ended.map_err(|error| format!("the hook {shown}: {error}"))?;
    if ended.success() {
        return Ok(());
    }
    let said = [err.trim(), out.trim()].join(" ");
    Err(format!(
        "the hook {shown} {} ended with {ended}: {said}",
        words[0]
    ))
}

/// The beginning of what it says; the rest is read, so that it can go on, and dropped.
async fn said(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    let mut text = Vec::new();
    let read = (&mut pipe).take(SAID_MAX).read_to_end(&mut text).await;
    if let Ok(read) = read
        && read > 0
        && let Err(error) = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await
    {
        tracing::debug!(%error, "the hook's output ended");
    }
    let text = String::from_utf8_lossy(&text);
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

    use super::*;

    fn script(dir: &Path, text: &str) -> PathBuf {
        let path = dir.join("hook");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn run(program: &Path) -> Result<(), String> {
        super::run(program, "present", "_acme-challenge.plant.example", "v-1").await
    }

    #[tokio::test]
    async fn it_gets_three_words_and_nothing_of_our_environment() {
        let dir = tempfile::tempdir().unwrap();
        let seen = dir.path().join("seen");
        let text = format!("echo \"$#:$1:$2:$3\" > {0}; env >> {0}", seen.display());
        run(&script(dir.path(), &text)).await.unwrap();
        let seen = fs::read_to_string(seen).unwrap();
        let mut lines = seen.lines();
        assert_eq!(
            lines.next().unwrap(),
            "3:present:_acme-challenge.plant.example:v-1"
        );
        for line in lines {
            let name = line.split('=').next().unwrap_or_default();
            // `PWD`, `SHLVL` and `_` are the shell's own.
            assert!(
                ["PATH", "LANG", "PWD", "SHLVL", "_"].contains(&name),
                "{line}"
            );
        }
    }

    #[tokio::test]
    async fn what_it_says_stands_in_the_error_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let text = "echo 'the zone is locked' >&2; yes xxxxxxxx | head -c 200000; exit 3";
        let error = run(&script(dir.path(), text)).await.unwrap_err();
        assert!(
            error.contains("exit status: 3: the zone is locked"),
            "{error}"
        );
        assert!(error.len() < 5000, "{}", error.len());
    }

    #[tokio::test]
    async fn one_that_never_ends_is_stopped_and_one_others_can_write_is_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let hook = script(dir.path(), "exec sleep 600");
        let words = ["present", "a", "b"];
        let error = run_within(&hook, words, Duration::from_millis(200))
            .await
            .unwrap_err();
        assert!(error.contains("was stopped"), "{error}");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o775)).unwrap();
        let error = run(&hook).await.unwrap_err();
        assert!(error.contains("chmod go-w"), "{error}");
    }
}
