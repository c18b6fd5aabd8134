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
            t(() => fs.renameSync('a', '../ro/b')), t(() => fs.chmodSync('/etc/hosts', 0o777))].join())";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = scene(setting, script);
        let ro = scene.path("ro").to_str().unwrap().to_owned();
        scene.spec.env.insert("RO".into(), ro.clone());
        let seen = observe(&scene, None);
        assert_eq!(
            seen.stdout.trim(),
            "EACCES,ENOENT,ENOENT,EACCES,EXDEV,EACCES"
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
            write("/etc/hosts", Change::Mark),
        ];
        assert_eq!(seen.attempts, expected, "{setting:?}");
        assert!(scene.path("ro/settings.js").exists());
    }
}

#[test]
fn a_flood_of_attempts_is_cut_and_said_to_be() {
    let script = r"
        const net = require('net'), fs = require('fs');
        for (let i = 1; i <= 400; i++) net.connect(i, '192.0.2.1').on('error', () => {});
        for (let i = 1; i <= 400; i++) try { fs.readFileSync('/home/x' + i) } catch {}
        try { fs.writeFileSync('/etc/cron.d/x', '') } catch {}";
    let seen = observe(&scene(Setting::Root, script), None);
    assert!(seen.has_more);
    assert_eq!(seen.attempts.len(), 2 * ATTEMPTS_MAX + 1);
    let write = Attempt::Write {
        path: "/etc/cron.d/x".into(),
        how: Change::Open,
    };
    assert!(seen.attempts.contains(&write), "the flood hid it");
}

#[test]
fn what_is_read_outside_its_trees_is_told_and_links_are_seen_through() {
    let script = r"
        const fs = require('fs');
        const t = (f) => { try { f(); return 'ok' } catch (e) { return e.code.replace('EXDEV', 'EPERM') } };
        fs.symlinkSync('/etc', 'far'); fs.symlinkSync('ro/../../home', 'nowhere');
        console.log([t(() => fs.readFileSync('/etc/shadow')), t(() => fs.readdirSync('/root')),
            t(() => fs.writeFileSync('far/passwd', 'x')), t(() => fs.readFileSync('far/./group')),
            t(() => fs.writeFileSync('./'.repeat(300) + '../ro/long', 'x')),
            t(() => fs.linkSync(process.env.RO + '/settings.js', 'mine')), t(() => fs.linkSync('/etc/shadow', 'mine')),
            t(() => fs.renameSync(process.env.RO + '/settings.js', 'mine')),
            t(() => fs.readFileSync('/proc/self/cwd/far/hostname')),
            t(() => fs.readFileSync(process.env.RO + '/settings.js'))].join())";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = scene(setting, script);
        let ro = scene.path("ro").to_str().unwrap().to_owned();
        let beside = scene.path("home").to_str().unwrap().to_owned();
        scene.spec.env.insert("RO".into(), ro.clone());
        let seen = observe(&scene, None);
        let said: Vec<_> = seen.stdout.trim().split(',').collect();
        assert_eq!(said.len(), 10);
        assert_eq!(said.iter().filter(|it| **it == "ok").count(), 2, "{said:?}");
        let write = |path: &str, how| Attempt::Write {
            path: path.into(),
            how,
        };
        let read = |path: &str| Attempt::Read { path: path.into() };
        let expected = [
            read("/etc"),
            read(&beside),
            read("/etc/shadow"),
            read("/root"),
            write("/etc/passwd", Change::Open),
            read("/etc/group"),
            write(&format!("{ro}/long"), Change::Open),
            write(&format!("{ro}/settings.js"), Change::Rename),
            read("/etc/hostname"),
        ];
        assert_eq!(seen.attempts, expected, "{setting:?}");
    }
}

/// A program that makes any system call, in place of Node.js.
fn perl(setting: Setting, script: &str) -> Scene {
    let mut scene = Scene::new(setting).network(Network::None);
    scene.spec.argv = vec!["/usr/bin/perl".into(), "-e".into(), script.into()];
    scene.spec.observed = true;
    scene
}

#[cfg(target_arch = "x86_64")]
#[test]
fn calls_that_no_filter_sees_through_are_refused_and_told() {
    // io_uring_setup, execveat, ptrace, unshare, a clone into a user namespace, memfd_create, mount,
    // raw and packet sockets, and a socket made by its number in the file system.
    let script = r#"
        for my $call ([425, 1, 0], [322, -100, "/bin/sh", 0, 0, 0], [101, 0, 0, 0, 0], [272, 0x10000000],
            [56, 0x10000011, 0, 0, 0, 0], [319, "x", 0], [165, "a", "b", "c", 0, 0], [41, 2, 3, 1], [41, 17, 3, 768],
            [133, "s", 0140600, 0]) {
            my $came = syscall($call->[0], @$call[1 .. $#$call]);
            print "$call->[0]=$came/", $! + 0, " ";
        }"#;
    for setting in Setting::WITH_NAMESPACES {
        let seen = observe(&perl(setting, script), None);
        let refused =
            [425, 322, 101, 272, 56, 319, 165, 41, 41, 133].map(|it| format!("{it}=-1/1"));
        assert_eq!(seen.stdout.trim(), refused.join(" "), "{setting:?}");
        let call = |call: &str| Attempt::Call { call: call.into() };
        let expected = [
            call("io_uring_setup"),
            call("execveat"),
            call("ptrace"),
            call("unshare"),
            call("clone into a namespace"),
            call("memfd_create"),
            call("mount"),
            call("socket of family 2, kind 3, protocol 1"),
            call("socket of family 17, kind 3, protocol 768"),
            call("mknod"),
        ];
        assert_eq!(seen.attempts, expected, "{setting:?}");
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn a_call_about_what_is_no_socket_is_refused_and_told() {
    // connect on a descriptor that is not open, and on one that is a file; bind likewise.
    let script = r#"
        my $to = pack("S n C4 x8", 2, 80, 192, 0, 2, 1);
        for my $call ([42, 99], [42, 0], [49, 99], [49, 0]) {
            syscall($call->[0], $call->[1], $to, 16); print $! + 0, " ";
        }"#;
    let seen = observe(&perl(Setting::Root, script), None);
    // EBADF and ENOTSOCK.
    assert_eq!(seen.stdout.trim(), "9 88 9 88");
    let unreadable = |call| Attempt::Unreadable { call };
    let expected = [unreadable(42), unreadable(49)];
    assert_eq!(seen.attempts, expected);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn every_message_of_many_sent_at_once_is_told_and_fast_open_too() {
    let script = r#"
        my $data = "x"; my $part = pack("P Q", $data, 1); my ($all, @to) = ("");
        for my $last (1 .. 20) {
            push @to, pack("S n C4 x8", 2, 53, 192, 0, 2, $last);
            $all .= pack("P L x4 P Q Q Q L x4 L x4", $to[-1], 16, $part, 1, 0, 0, 0, 0);
        }
        socket(my $udp, 2, 2, 0); syscall(307, fileno($udp), $all, 20, 0);
        socket(my $tcp, 2, 1, 0);
        syscall(44, fileno($tcp), $data, 1, 0x20000000, $to[0], 16); print $! + 0;"#;
    let seen = observe(&perl(Setting::Root, script), None);
    assert_eq!(seen.stdout.trim(), "1");
    let told = (1..=20).map(|last| reach(Protocol::Udp, &format!("192.0.2.{last}"), 53));
    let mut expected: Vec<_> = told.collect();
    expected.push(reach(Protocol::Tcp, "192.0.2.1", 53));
    assert_eq!(seen.attempts, expected);
}

#[cfg(target_arch = "x86_64")]
#[test]
fn what_cannot_be_read_hides_nothing_else() {
    // Two messages of which the second's address leads nowhere; a rename onto a file of the system's
    // from a path that leads nowhere.
    let script = r#"
        my $data = "x"; my $part = pack("P Q", $data, 1); my $to = pack("S n C4 x8", 2, 53, 192, 0, 2, 1);
        my $all = pack("P L x4 P Q Q Q L x4 L x4", $to, 16, $part, 1, 0, 0, 0, 0)
            . pack("Q L x4 P Q Q Q L x4 L x4", 8, 16, $part, 1, 0, 0, 0, 0);
        socket(my $udp, 2, 2, 0); syscall(307, fileno($udp), $all, 2, 0);
        my $target = "/etc/passwd"; syscall(82, 8, $target); print "done";"#;
    let seen = observe(&perl(Setting::Root, script), None);
    assert_eq!(seen.stdout.trim(), "done");
    let expected = [
        reach(Protocol::Udp, "192.0.2.1", 53),
        Attempt::Unreadable { call: 307 },
        Attempt::Write {
            path: "/etc/passwd".into(),
            how: Change::Rename,
        },
        Attempt::Unreadable { call: 82 },
    ];
    assert_eq!(seen.attempts, expected);
}

#[test]
fn looking_at_the_network_uses_up_no_names_of_sockets() {
    let script = r"
        for (let n = 0; n < 300; n++) require('os').networkInterfaces();
        require('net').createServer().listen(process.env.SOCKET, () => { console.log('fine'); process.exit() })
            .on('error', (e) => console.log(e.code))";
    let mut scene = scene(Setting::Root, script);
    let socket = scene.path("run/nr.sock");
    let socket = socket.to_str().unwrap().into();
    scene.spec.env.insert("SOCKET".into(), socket);
    assert_eq!(observe(&scene, None).stdout.trim(), "fine");
}

#[test]
fn neither_bytes_nor_files_nor_sockets_fill_the_disk() {
    let script = r"
        const fs = require('fs'), net = require('net');
        const until = (f) => { let n = 0; try { for (; n < 3000; n++) f(n) } catch (e) { return [n, e.code] } return [n] };
        const block = Buffer.alloc(64 << 10);
        const bytes = until((n) => fs.writeFileSync('b' + n, block));
        for (let n = 0; n <= bytes[0]; n++) fs.rmSync('b' + n, { force: true });
        const files = until((n) => fs.writeFileSync('f' + n, ''));
        const sockets = until((n) => {
            const { Pipe, constants } = process.binding('pipe_wrap');
            const made = new Pipe(constants.SOCKET).bind(process.env.RUN + '/s' + n);
            if (made) throw Object.assign(new Error(), { code: made });
        });
        const links = until((n) => fs.linkSync(process.env.RUN + '/s0', process.env.RUN + '/l' + n));
        console.log(JSON.stringify({ bytes, files, sockets, links }))";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = scene(setting, script);
        let run = scene.path("run").to_str().unwrap().to_owned();
        scene.spec.env.insert("RUN".into(), run);
        scene.spec.limits.work_bytes = Some(8 << 20);
        let seen = observe(&scene, None);
        let said: serde_json::Value = serde_json::from_str(&seen.stdout).unwrap();
        assert_eq!(said["bytes"], serde_json::json!([128, "ENOSPC"]), "{said}");
        assert_eq!(said["files"][1], "ENOSPC", "{said}");
        assert!(said["files"][0].as_u64().unwrap() <= 2048, "{said}");
        assert_eq!(said["sockets"], serde_json::json!([256, -28]), "{said}");
        assert_eq!(said["links"], serde_json::json!([0, "ENOSPC"]), "{said}");
        let on_disk = std::fs::read_dir(scene.path("work")).unwrap().count();
        assert_eq!(on_disk, 0, "{setting:?}");
    }
}

#[test]
fn it_gives_way_to_others_and_goes_first_when_memory_runs_out() {
    let script = r"
        const fs = require('fs'), score = '/proc/self/oom_score_adj';
        let undone = true; try { fs.writeFileSync(score, '0') } catch { undone = false }
        let group = ''; try { group = fs.readFileSync('/proc/self/autogroup', 'utf8') } catch {}
        console.log(require('os').getPriority(), fs.readFileSync(score, 'utf8').trim(), undone,
            group.trim().split(' ').slice(1).join(' '))";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = scene(setting, script);
        scene.spec.limits.gives_way = true;
        let seen = observe(&scene, None);
        let own = rustix::process::getpriority_process(None).unwrap();
        let group = if std::path::Path::new("/proc/self/autogroup").exists() {
            "nice 15"
        } else {
            ""
        };
        let expected = format!("{} 1000 false {group}", (own + 15).min(19));
        assert_eq!(seen.stdout.trim(), expected.trim(), "{setting:?}");
    }
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
