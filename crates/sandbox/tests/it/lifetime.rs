//! The jail lives as long as it should, and not longer.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::harness::{Ended, Running, Scene, Setting, processes_marked};

const FOREVER: &str = "setInterval(() => {}, 1e6); console.log('up')";

fn marked(setting: Setting, script: &str) -> (Scene, String) {
    let mut scene = Scene::new(setting).script(script);
    let mark = scene.dir.path().to_str().unwrap().to_owned();
    scene.spec.env.insert("MARK".into(), mark.clone());
    (scene, format!("MARK={mark}"))
}

fn up(scene: &Scene) -> Running {
    let mut running = scene.start();
    assert_eq!(running.line(), "up");
    running
}

/// Waits, with a generous end, until no process of the jail is left.
fn gone(mark: &str) {
    for _ in 0..1000 {
        if processes_marked(mark).is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!(
        "still there after ten seconds: {:?}",
        processes_marked(mark)
    );
}

#[test]
fn the_exit_code_passes_through() {
    for setting in Setting::ALL {
        for code in [0, 1, 42] {
            let ended = Scene::new(setting)
                .script(&format!("process.exit({code})"))
                .finish();
            assert_eq!(ended.code, Some(code), "{setting:?}");
        }
    }
}

#[test]
fn a_death_by_signal_is_told_and_coded() {
    for setting in Setting::ALL {
        let Ended { code, stderr, .. } = Scene::new(setting)
            .script("process.kill(process.pid, 'SIGKILL')")
            .finish();
        assert_eq!(code, Some(137), "{setting:?}");
        assert!(
            stderr.contains("killed by signal 9"),
            "{setting:?}: {stderr}"
        );
    }
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let mut scene = Scene::new(Setting::Root);
    scene.spec.argv = vec![scene.path("ro/settings.js").to_str().unwrap().into()];
    scene.spec.read_only[0].exec = true;
    let ended = scene.finish();
    assert_eq!(ended.code, Some(126));
    assert!(
        ended.stderr.contains("could not be executed"),
        "{}",
        ended.stderr
    );
}

#[test]
fn sigterm_reaches_node_which_ends_as_it_likes() {
    let script = "process.on('SIGTERM', () => { console.log('bye'); process.exit(7) });\
                  setInterval(() => {}, 1e6); console.log('up')";
    for setting in Setting::ALL {
        let running = up(&Scene::new(setting).script(script));
        signal(running.child.id(), "TERM");
        let ended = running.finish();
        assert_eq!(
            (ended.code, ended.stdout.trim()),
            (Some(7), "bye"),
            "{setting:?}"
        );
    }
}

#[test]
fn killing_the_outer_process_takes_the_jail_away() {
    for setting in Setting::ALL {
        let (scene, mark) = marked(setting, FOREVER);
        let mut running = up(&scene);
        assert!(!processes_marked(&mark).is_empty(), "{setting:?}");
        running.child.kill().unwrap();
        assert_eq!(running.child.wait().unwrap().signal(), Some(9));
        gone(&mark);
    }
}

#[test]
fn closing_the_lifeline_takes_the_jail_away() {
    for setting in Setting::ALL {
        let (scene, mark) = marked(setting, FOREVER);
        let mut running = up(&scene);
        running.lifeline = None;
        gone(&mark);
        let ended = running.finish();
        assert_eq!(ended.code, Some(124), "{setting:?}: {}", ended.stderr);
    }
}

#[test]
fn a_command_does_not_outlive_node() {
    let script = "const c = require('child_process').spawn('/usr/bin/sleep', ['1000'], \
                  { detached: true, stdio: 'ignore' }); c.unref(); console.log('up'); process.exit()";
    for setting in Setting::ALL {
        let (mut scene, mark) = marked(setting, script);
        scene.spec.commands.push("/usr/bin/sleep".into());
        let ended = scene.finish();
        assert_eq!(
            (ended.code, ended.stdout.trim()),
            (Some(0), "up"),
            "{setting:?}"
        );
        gone(&mark);
    }
}

#[test]
fn limits_hold() {
    let script = "const fs = require('fs'); const open = []; try { for (;;) \
                  open.push(fs.openSync('/dev/null')) } catch (e) { console.log(e.code) } \
                  try { fs.writeFileSync('/tmp/big', Buffer.alloc(3 << 20)) } \
                  catch (e) { open.forEach(fs.closeSync); console.log(e.code) }";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = Scene::new(setting).script(script);
        scene.spec.limits.open_files = 64;
        scene.spec.limits.tmp_bytes = 1 << 20;
        let ended = scene.finish();
        assert_eq!(
            ended.stdout.split_whitespace().next(),
            Some("EMFILE"),
            "{ended:?}"
        );
    }
    let script = "try { require('fs').writeFileSync('/tmp/big', Buffer.alloc(3 << 20)) } \
                  catch (e) { console.log(e.code) }";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = Scene::new(setting).script(script);
        scene.spec.limits.tmp_bytes = 1 << 20;
        assert_eq!(scene.finish().stdout.trim(), "ENOSPC", "{setting:?}");
    }
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
