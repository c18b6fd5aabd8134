//! What a program attempts in an observed jail is told from outside it, and comes to nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use sandbox::command::JAIL_VERB;
use sandbox::observed::{ATTEMPTS_MAX, Attempt, Change, Protocol, Sighting, Usage};
use sandbox::{JailCommand, JailReport, Network};

use crate::harness::{NOBODY, Scene, Setting};

/// An observed jail that has ended, or was ended.
#[derive(Debug)]
struct Observed {
    stdout: String,
    code: Option<i32>,
    attempts: Vec<Attempt>,
    has_more: bool,
    usage: Usage,
}

fn scene(setting: Setting, script: &str) -> Scene {
    let mut scene = Scene::new(setting).script(script).network(Network::None);
    scene.spec.observed = true;
    scene
}

fn start(scene: &Scene) -> (Child, UnixStream, JailReport) {
    let request = JailCommand::jail(&scene.spec).unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_jailer"));
    command
        .arg(JAIL_VERB)
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    if !scene.setting.is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command.spawn().unwrap();
    drop(command);
    ours.write_all(&request.stdin).unwrap();
    let mut line = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    // Not a byte more: the rest is the program's.
    let mut byte = [0];
    while stdout.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    let report = JailReport::parse(&line).unwrap();
    (child, ours, report)
}

/// Runs to the end; with `stopped_at`, until the program has printed this.
fn observe(scene: &Scene, stopped_at: Option<&str>) -> Observed {
    let (mut child, witness, report) = start(scene);
    assert!(matches!(report, JailReport::Built(_)), "{report:?}");
    let mut stdout = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    while stopped_at.is_none_or(|stop| !stdout.contains(stop)) {
        if output.read_line(&mut stdout).unwrap() == 0 {
            break;
        }
    }
    if stopped_at.is_some() {
        sandbox::process::ask_to_stop(child.id()).unwrap();
    }
    let code = child.wait().unwrap().code();
    let mut found = Observed {
        stdout,
        code,
        attempts: Vec::new(),
        has_more: false,
        usage: Usage {
            memory_bytes: 0,
            cpu_ms: 0,
        },
    };
    for line in BufReader::new(witness).lines() {
        match serde_json::from_str(&line.unwrap()).unwrap() {
            Sighting::Attempt(attempt) => found.attempts.push(attempt),
            Sighting::More => found.has_more = true,
            Sighting::Ended(usage) => found.usage = usage,
        }
    }
    found
}

fn reach(protocol: Protocol, host: &str, port: u16) -> Attempt {
    Attempt::Reach {
        protocol,
        host: host.into(),
        port,
    }
}

#[test]
fn nothing_is_told_of_a_program_that_keeps_to_itself() {
    let script = r"
        const fs = require('fs');
        fs.writeFileSync('mine', 'x'); fs.writeFileSync('/tmp/mine', 'x'); fs.readFileSync('mine');
        fs.renameSync('mine', 'yours'); fs.mkdirSync('d'); fs.rmdirSync('d');
        require('net').createServer().listen(process.env.SOCKET, () => {
            require('net').connect(process.env.SOCKET, () => { console.log('fine'); process.exit() })
        })";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = scene(setting, script);
        let socket = scene.path("run/nr.sock");
        let socket = socket.to_str().unwrap().into();
        scene.spec.env.insert("SOCKET".into(), socket);
        let seen = observe(&scene, None);
        assert_eq!((seen.stdout.trim(), seen.code), ("fine", Some(0)));
        assert_eq!(seen.attempts, [], "{setting:?}");
        // Node.js alone takes tens of megabytes and milliseconds.
        assert!(seen.usage.memory_bytes > 10 << 20, "{:?}", seen.usage);
        assert!(seen.usage.cpu_ms > 1, "{:?}", seen.usage);
    }
}

#[test]
fn hosts_are_told_by_name_and_address_and_not_reached() {
    let script = r"
        const net = require('net');
        const t = (port, host) => new Promise((done) =>
            net.connect(port, host).on('error', (e) => done(e.code)).on('connect', () => done('ok')));
        (async () => {
            console.log(await t(1883, '192.0.2.7'), await t(502, '2001:db8::7'),
                await t(8883, 'Broker.Example'), await t(22, '127.0.0.1'));
        })()";
    for setting in Setting::WITH_NAMESPACES {
        let seen = observe(&scene(setting, script), None);
        assert_eq!(
            seen.stdout.trim(),
            "ECONNREFUSED ECONNREFUSED ECONNREFUSED ECONNREFUSED"
        );
        let expected = [
            reach(Protocol::Tcp, "192.0.2.7", 1883),
            reach(Protocol::Tcp, "2001:db8::7", 502),
            Attempt::LookUp {
                name: "broker.example".into(),
            },
            reach(Protocol::Tcp, "broker.example", 8883),
            reach(Protocol::Tcp, "127.0.0.1", 22),
        ];
        assert_eq!(seen.attempts, expected, "{setting:?}");
    }
}

#[test]
fn names_are_told_whichever_way_they_are_asked_for() {
    let script = r"
        const dns = require('dns').promises;
        (async () => {
            console.log((await dns.resolve4('direct.example'))[0],
                await dns.resolveMx('mail.example').catch((e) => e.code));
        })()";
    let seen = observe(&scene(Setting::Root, script), None);
    assert_eq!(seen.stdout.trim(), "198.18.0.1 ENODATA");
    let names =
        ["direct.example", "mail.example"].map(|name| Attempt::LookUp { name: name.into() });
    assert_eq!(seen.attempts, names);
}

#[test]
fn datagrams_are_told_with_where_they_should_go() {
    let script = r"
        const s = require('dgram').createSocket('udp4');
        s.send('x', 5683, '192.0.2.9', (e) => {
            s.send('x', 161, 'plc.example', (f) => { console.log(e.code, f.code); s.close() })
        })";
    for setting in Setting::WITH_NAMESPACES {
        let seen = observe(&scene(setting, script), None);
        assert_eq!(seen.stdout.trim(), "ENETUNREACH ENETUNREACH");
        let expected = [
            reach(Protocol::Udp, "192.0.2.9", 5683),
            Attempt::LookUp {
                name: "plc.example".into(),
            },
            reach(Protocol::Udp, "plc.example", 161),
        ];
        assert_eq!(seen.attempts, expected, "{setting:?}");
    }
}

#[test]
fn sockets_of_others_are_told() {
    let script = r"
        const net = require('net');
        net.connect('/run/docker.sock').on('error', (e) => console.log(e.code));";
    let seen = observe(&scene(Setting::Root, script), None);
    assert_eq!(seen.stdout.trim(), "ENOENT");
    let path = "/run/docker.sock".into();
    assert_eq!(seen.attempts, [Attempt::Socket { path }]);
}

#[test]
fn listening_is_told_and_refused_whichever_way_it_is_tried() {
    let script = r"
        const net = require('net');
        const t = (listen) => new Promise((done) => {
            const s = net.createServer(); s.on('error', (e) => done(e.code)); listen(s);
            s.on('listening', () => done('listening')) });
        (async () => {
            const { TCP, constants } = process.binding('tcp_wrap');
            const bare = new TCP(constants.SERVER).listen(5);
            console.log(await t((s) => s.listen(1880)), await t((s) => s.listen(502, '127.0.0.1')), bare);
            const u = require('dgram').createSocket('udp4');
            u.bind(5353, () => u.close());
        })()";
    for setting in Setting::WITH_NAMESPACES {
        let seen = observe(&scene(setting, script), None);
        assert_eq!(seen.stdout.trim(), "EACCES EACCES -13", "{setting:?}");
        let listen = |protocol, port| Attempt::Listen { protocol, port };
        let expected = [
            listen(Protocol::Tcp, 0),
            listen(Protocol::Tcp, 1880),
            listen(Protocol::Tcp, 502),
            listen(Protocol::Udp, 5353),
        ];
        assert_eq!(seen.attempts, expected, "{setting:?}");
    }
}

#[test]
fn commands_are_told_with_their_arguments_once() {
    let script = r"
        const { exec, spawnSync } = require('child_process');
        exec('reboot --now', (e) => {
            console.log(e.code, spawnSync('wget', ['http://x.example/']).error.code,
                spawnSync('wget', ['http://x.example/']).error.code)
        });";
    for setting in Setting::WITH_NAMESPACES {
        let seen = observe(&scene(setting, script), None);
        assert_eq!(seen.stdout.trim(), "EACCES ENOENT ENOENT", "{setting:?}");
        let [
            Attempt::Run { program, arguments },
            Attempt::Run {
                arguments: wget, ..
            },
        ] = seen.attempts.as_slice()
        else {
            panic!("{:#?}", seen.attempts)
        };
        assert_eq!(program, "/bin/sh");
        assert_eq!(arguments, &["/bin/sh", "-c", "reboot --now"]);
        assert_eq!(wget, &["wget", "http://x.example/"]);
    }
}

#[test]
fn changes_outside_its_folders_are_told_and_do_not_happen() {
    let script = r"
        const fs = require('fs');
        // Which of the two comes first depends on whose the file is.
        const t = (f) => { try { f(); return 'ok' } catch (e) { return e.code.replace('EROFS', 'EACCES') } };
        console.log([t(() => fs.appendFileSync('/etc/passwd', 'x')),
            t(() => fs.openSync('/dev/ttyUSB0', 'r+')), t(() => fs.mkdirSync('/opt/x')),
            t(() => fs.unlinkSync(process.env.RO + '/settings.js')),
            t(() => fs.renameSync('a', '../ro/b')), t(() => fs.readFileSync('/etc/shadow'))].join())";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = scene(setting, script);
        let ro = scene.path("ro").to_str().unwrap().to_owned();
        scene.spec.env.insert("RO".into(), ro.clone());
        let seen = observe(&scene, None);
        assert_eq!(
            seen.stdout.trim(),
            "EACCES,ENOENT,ENOENT,EACCES,EXDEV,ENOENT"
        );
        let write = |path: &str, how| Attempt::Write {
            path: path.into(),
            how,
        };
        let expected = [
            write("/etc/passwd", Change::Open),
            write("/dev/ttyUSB0", Change::Open),
            write("/opt/x", Change::Make),
            write(&format!("{ro}/settings.js"), Change::Remove),
            write(&format!("{ro}/b"), Change::Rename),
        ];
        assert_eq!(seen.attempts, expected, "{setting:?}");
        assert!(scene.path("ro/settings.js").exists());
    }
}

#[test]
fn a_flood_of_attempts_is_cut_and_said_to_be() {
    let script = r"
        const net = require('net');
        for (let i = 1; i <= 400; i++) net.connect(i, '192.0.2.1').on('error', () => {})";
    let seen = observe(&scene(Setting::Root, script), None);
    assert_eq!((seen.attempts.len(), seen.has_more), (ATTEMPTS_MAX, true));
}

#[test]
fn a_program_in_an_endless_loop_is_stopped_and_counted() {
    let seen = observe(
        &scene(Setting::Root, "console.log('up'); for (;;) ;"),
        Some("up"),
    );
    assert_eq!(seen.code, Some(137));
    assert!(seen.usage.memory_bytes > 10 << 20, "{:?}", seen.usage);
}

#[test]
fn memory_is_bounded_without_a_cgroup_too() {
    let script = r"
        const kept = []; for (;;) kept.push(Buffer.alloc(16 << 20, 1))";
    let mut scene = scene(Setting::Root, script);
    scene.spec.limits.memory_bytes = Some(512 << 20);
    let seen = observe(&scene, None);
    assert_ne!(seen.code, Some(0));
    // The bound is of data, beside what Node.js reserves and mostly never touches.
    let bound = (512 << 20) + sandbox::RESERVED_BYTES + (64 << 20);
    assert!(seen.usage.memory_bytes < bound, "{:?}", seen.usage);
}

#[test]
fn the_program_cannot_speak_for_the_witness() {
    // Descriptor 0 is /dev/null in the jail, and no other leads to the witness.
    let script = r#"
        const fs = require('fs');
        for (let fd = 0; fd < 64; fd++) {
            if (fd === 1 || fd === 2) continue;
            try { fs.writeSync(fd, '{"attempt":{"kind":"look-up","name":"forged"}}\n') } catch {}
        }"#;
    let seen = observe(&scene(Setting::Root, script), None);
    assert_eq!(seen.attempts, []);
}

#[test]
fn without_namespaces_nothing_is_observed_and_nothing_runs() {
    let mut scene = scene(Setting::RootWithoutNamespaces, "console.log('ran')");
    assert!(JailCommand::jail(&scene.spec).is_err());
    scene.spec.namespaces = true;
    scene.spec.commands.push("/usr/bin/true".into());
    assert!(JailCommand::jail(&scene.spec).is_err());
}
