//! A real Node.js lives in the jail, and cannot do what it must not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

use sandbox::{JailReport, Network, ReadOnlyPath};

use crate::harness::{Scene, Setting};

/// Runs a script that prints one JSON value.
fn answer(scene: &Scene) -> String {
    let ended = scene.finish();
    assert_eq!(ended.code, Some(0), "{:?}: {ended:#?}", scene.setting);
    ended.stdout.trim().to_owned()
}

#[test]
fn node_runs_with_compiled_code_wasm_and_workers() {
    let script = r"
        let x = 0; for (let i = 0; i < 3e6; i++) x = (x * 31 + i) | 0;
        const wasm = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,
            97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]);
        const { Worker } = require('worker_threads');
        WebAssembly.instantiate(wasm).then(({ instance }) => {
            const w = new Worker('require(`worker_threads`).parentPort.postMessage(os())\n' +
                'function os(){ return require(`os`).cpus().length > 0 }', { eval: true });
            w.on('message', (ok) => console.log(instance.exports.add(40, 2), ok));
        });";
    for setting in Setting::ALL {
        assert_eq!(
            answer(&Scene::new(setting).script(script)),
            "42 true",
            "{setting:?}"
        );
    }
}

#[test]
fn the_kernel_ends_the_jail_before_what_guards_it() {
    for setting in Setting::ALL {
        let script = "console.log(require('fs').readFileSync('/proc/self/oom_score_adj', 'utf8'))";
        let ended = Scene::new(setting).script(script).finish();
        assert_eq!(ended.stdout.trim(), "300", "{setting:?}: {}", ended.stderr);
    }
}

#[test]
fn empty_files_do_not_fill_the_machines_memory() {
    let script = r"
        const fs = require('fs'); let n = 0;
        try { for (; n < 300000; n++) fs.closeSync(fs.openSync('/tmp/f' + n, 'w')) } catch (e) { console.log(e.code) }";
    let mut scene = Scene::new(Setting::Root).script(script);
    scene.spec.limits.tmp_bytes = 4 << 20;
    assert_eq!(scene.finish().stdout.trim(), "ENOSPC");
}

#[test]
fn it_writes_its_work_folder_and_tmp_and_nothing_else() {
    let script = r"
        const fs = require('fs');
        const t = (p) => { try { fs.writeFileSync(p, 'x'); return 'ok' } catch (e) { return e.code } };
        fs.renameSync((t('a.tmp'), 'a.tmp'), 'a.json'); fs.mkdirSync('d'); fs.symlinkSync('a', 'l');
        console.log([t('b'), t('/tmp/c'), t(process.env.RO + '/settings.js'), t(process.env.RO + '/n'),
            t('/etc/x'), t(process.env.RUN + '/file')].join())";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = Scene::new(setting).script(script);
        let (ro, run) = (scene.path("ro"), scene.path("run"));
        scene
            .spec
            .env
            .insert("RO".into(), ro.to_str().unwrap().into());
        scene
            .spec
            .env
            .insert("RUN".into(), run.to_str().unwrap().into());
        assert_eq!(
            answer(&scene),
            "ok,ok,EROFS,EROFS,EROFS,EACCES",
            "{setting:?}"
        );
        assert!(scene.path("work/a.json").exists());
    }
}

#[test]
fn what_is_not_listed_does_not_exist() {
    let script = r"
        const fs = require('fs');
        const t = (p) => { try { fs.readFileSync(p); return 'ok' } catch (e) { return e.code } };
        console.log([t('/etc/shadow'), t(process.env.SECRET), t('/usr/bin/env'), t('/bin/sh'),
            t('/proc/1/environ'), fs.readdirSync('/proc').filter((n) => n > 0).length < 5].join())";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = Scene::new(setting).script(script);
        let secret = scene.path("secret/key");
        scene
            .spec
            .env
            .insert("SECRET".into(), secret.to_str().unwrap().into());
        assert_eq!(
            answer(&scene),
            "ENOENT,ENOENT,ENOENT,EACCES,EACCES,true",
            "{setting:?}"
        );
    }
}

#[test]
fn without_namespaces_landlock_keeps_the_secret() {
    let script = r"
        const fs = require('fs');
        const t = (p) => { try { fs.readFileSync(p); return 'ok' } catch (e) { return e.code } };
        console.log([t('/etc/shadow'), t('/etc/passwd'), t(process.env.SECRET)].join())";
    for setting in [
        Setting::RootWithoutNamespaces,
        Setting::OrdinaryWithoutNamespaces,
    ] {
        let mut scene = Scene::new(setting).script(script);
        let secret = scene.path("secret/key");
        scene
            .spec
            .env
            .insert("SECRET".into(), secret.to_str().unwrap().into());
        assert_eq!(answer(&scene), "EACCES,EACCES,EACCES", "{setting:?}");
    }
}

#[test]
fn an_exec_node_fails_with_eacces() {
    let script = r"
        const { exec, spawnSync } = require('child_process');
        exec('id', (e) => console.log(e.code, e.errno, spawnSync('/usr/bin/env').error.code));";
    for setting in Setting::ALL {
        let got = answer(&Scene::new(setting).script(script));
        let direct = if setting.has_namespaces() {
            "ENOENT"
        } else {
            "EACCES"
        };
        assert_eq!(got, format!("EACCES -13 {direct}"), "{setting:?}");
    }
}

#[test]
fn a_listed_command_runs_and_no_other() {
    let script = r"
        const { spawnSync } = require('child_process');
        const t = (p, a) => { const r = spawnSync(p, a); return r.error ? r.error.code : r.status };
        console.log(t('/usr/bin/true'), t('/usr/bin/false'));";
    for setting in Setting::ALL {
        let mut scene = Scene::new(setting).script(script);
        scene.spec.commands.push("/usr/bin/true".into());
        let other = if setting.has_namespaces() {
            "ENOENT"
        } else {
            "EACCES"
        };
        assert_eq!(answer(&scene), format!("0 {other}"), "{setting:?}");
    }
}

#[test]
fn a_unix_socket_in_the_runtime_folder_can_be_reached_from_outside() {
    let script = r"
        require('net').createServer((c) => c.end('hello'))
            .listen(process.env.SOCKET, () => console.log('listening'));";
    for setting in Setting::ALL {
        let mut scene = Scene::new(setting).script(script);
        let socket = scene.path("run/nr.sock");
        scene
            .spec
            .env
            .insert("SOCKET".into(), socket.to_str().unwrap().into());
        let mut running = scene.start();
        assert_eq!(running.line(), "listening", "{setting:?}");
        let mut text = String::new();
        UnixStream::connect(&socket)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "hello");
        let mode = std::os::unix::fs::MetadataExt::mode(&socket.metadata().unwrap());
        // With a user of its own the group is its own, or Redkeep's where the folder says so.
        let others = if setting.is_root() { 0o007 } else { 0o077 };
        assert_eq!(mode & others, 0, "others may not connect: {mode:o}");
    }
}

#[test]
fn a_worker_thread_may_listen_on_a_unix_socket_too() {
    let script = r"
        const { Worker } = require('worker_threads');
        new Worker(`require('net').createServer().listen(process.env.SOCKET, () => {
            console.log('listening'); process.exit() })
            .on('error', (e) => { console.log(e.code); process.exit() })`, { eval: true });";
    for setting in Setting::ALL {
        let mut scene = Scene::new(setting).script(script);
        let socket = scene.path("run/worker.sock");
        scene
            .spec
            .env
            .insert("SOCKET".into(), socket.to_str().unwrap().into());
        assert_eq!(answer(&scene), "listening", "{setting:?}");
    }
}

#[test]
fn a_read_only_folder_inside_the_work_folder_stays_so() {
    let script = r"
        try { require('fs').writeFileSync('node_modules/x', '') } catch (e) { console.log(e.code) }
        try { require('fs').renameSync('node_modules', 'mine') } catch (e) { console.log(e.code) }";
    let nested = |setting| {
        let mut scene = Scene::new(setting).script(script);
        let (host, inside) = (scene.path("ro"), scene.path("work/node_modules"));
        scene.spec.read_only = vec![ReadOnlyPath {
            host,
            jail: Some(inside),
            exec: true,
        }];
        scene
    };
    for setting in Setting::WITH_NAMESPACES {
        assert_eq!(answer(&nested(setting)), "EROFS\nEBUSY", "{setting:?}");
    }
    // Landlock alone cannot make the exception.
    let mut scene = nested(Setting::OrdinaryWithoutNamespaces);
    let inside = scene.path("work/modules");
    std::fs::create_dir(&inside).unwrap();
    scene.spec.read_only = vec![ReadOnlyPath::code(inside)];
    let running = scene.start();
    assert!(
        matches!(running.report, JailReport::Failed(_)),
        "{:?}",
        running.report
    );
}

#[test]
fn it_reaches_the_bridge_socket() {
    let script = r"
        require('net').connect(process.env.SOCKET).on('data', (d) => { console.log(String(d));
            process.exit() });";
    for setting in Setting::ALL {
        let mut scene = Scene::new(setting).script(script);
        let socket = scene.path("run/bridge.sock");
        scene
            .spec
            .env
            .insert("SOCKET".into(), socket.to_str().unwrap().into());
        let bridge = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let uid = setting.uid();
        std::os::unix::fs::chown(&socket, Some(uid), Some(uid)).unwrap();
        let running = scene.start();
        let (mut connection, _) = bridge.accept().unwrap();
        let peer = sandbox::process::peer_credentials(&connection).unwrap();
        assert_eq!(peer.uid, uid);
        connection.write_all(b"approved flows").unwrap();
        assert_eq!(
            running.finish().stdout.trim(),
            "approved flows",
            "{setting:?}"
        );
    }
}

#[test]
fn it_cannot_listen_on_tcp_in_any_way() {
    // The last is how a function node would do it: a handle that was never bound.
    let script = r"
        const net = require('net');
        const t = (...a) => new Promise((done) => net.createServer()
            .on('error', (e) => done(e.code)).listen(...a, () => done('LISTENS')));
        const { TCP, constants } = process.binding('tcp_wrap');
        const unbound = new TCP(constants.SERVER).listen(5);
        Promise.all([t(1880), t(0), t(0, '127.0.0.1'), t(0, '::1')]).then((r) => console.log(
            r.join(), unbound === 0 ? 'LISTENS' : require('util').getSystemErrorName(unbound)))";
    for setting in Setting::ALL {
        for network in [Network::Any, Network::Ports(vec![1880]), Network::None] {
            let got = answer(&Scene::new(setting).network(network.clone()).script(script));
            assert!(!got.contains("LISTENS"), "{setting:?} {network:?}: {got}");
            if network != Network::None {
                assert!(got.ends_with("EACCES"), "{setting:?} {network:?}: {got}");
            }
        }
    }
}

#[test]
fn the_network_policy_holds() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "require('net').connect({port}, '127.0.0.1').on('connect', () => {{ console.log('REACHED'); \
         process.exit() }}).on('error', (e) => console.log(e.code));"
    );
    for setting in Setting::ALL {
        let reach = |network| answer(&Scene::new(setting).network(network).script(&script));
        assert_eq!(reach(Network::Any), "REACHED", "{setting:?}");
        assert_eq!(reach(Network::Ports(vec![port])), "REACHED", "{setting:?}");
        let other = port.checked_add(1).unwrap_or(1);
        assert_eq!(reach(Network::Ports(vec![other])), "EACCES", "{setting:?}");
        assert_eq!(reach(Network::None), "EPERM", "{setting:?}");
    }
}

#[test]
fn without_a_network_not_even_the_loopback_is_there() {
    let script = "console.log(Object.keys(require('os').networkInterfaces()).length)";
    for setting in Setting::WITH_NAMESPACES {
        let seen = |network| answer(&Scene::new(setting).network(network).script(script));
        assert_eq!(seen(Network::None), "0", "{setting:?}");
        assert_ne!(seen(Network::Any), "0", "{setting:?}");
    }
}

#[test]
fn udp_is_for_the_open_policy_alone() {
    let script = r"
        const s = require('dgram').createSocket('udp4');
        s.on('error', (e) => { console.log(e.code); process.exit() });
        s.bind(0, () => { console.log('BOUND'); s.close() });";
    for setting in Setting::ALL {
        let get = |network| answer(&Scene::new(setting).network(network).script(script));
        assert_eq!(get(Network::Any), "BOUND", "{setting:?}");
        assert_eq!(get(Network::Ports(vec![53])), "EPERM", "{setting:?}");
    }
}

#[test]
fn names_are_resolved_over_tcp_when_there_is_no_udp() {
    let script = "console.log(require('fs').readFileSync('/etc/resolv.conf', 'utf8'))";
    for setting in Setting::WITH_NAMESPACES {
        let scene = Scene::new(setting)
            .network(Network::Ports(vec![443]))
            .script(script);
        assert!(answer(&scene).ends_with("options use-vc"), "{setting:?}");
    }
}

#[test]
fn the_environment_and_the_descriptors_are_those_of_the_spec() {
    let script = r"
        const fs = require('fs');
        const open = fs.readdirSync('/proc/self/fd').map((n) => { try {
            return fs.readlinkSync('/proc/self/fd/' + n) } catch { return '' } });
        const ours = open.filter((p) => p.startsWith('/') && !p.startsWith('/proc'));
        console.log(JSON.stringify([process.env, ours.filter((p) => p !== '/dev/null'),
            fs.readlinkSync('/proc/self/fd/0'), process.umask(), process.getuid()]))";
    // Somebody left a file open for all children.
    let leaked = std::fs::File::open("/etc/shadow").unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    for setting in Setting::ALL {
        let got = answer(&Scene::new(setting).script(script));
        let uid = setting.uid();
        // With a user of its own the group is its own, too.
        let umask = if setting.is_root() { 0o007 } else { 0o077 };
        assert_eq!(
            got,
            format!(r#"[{{"HOME":"/tmp"}},[],"/dev/null",{umask},{uid}]"#),
            "{setting:?}"
        );
    }
}

#[test]
fn a_tree_can_be_shown_at_another_path() {
    let script = "console.log(require('fs').readFileSync('/app/settings.js', 'utf8'))";
    let moved = |setting| {
        let mut scene = Scene::new(setting).script(script);
        let host = scene.path("ro");
        scene.spec.read_only = vec![ReadOnlyPath {
            host,
            jail: Some("/app".into()),
            exec: false,
        }];
        scene
    };
    for setting in Setting::WITH_NAMESPACES {
        assert_eq!(answer(&moved(setting)), "settings", "{setting:?}");
    }
    // Without a mount namespace it must not start as if all were well.
    let running = moved(Setting::OrdinaryWithoutNamespaces).start();
    let JailReport::Failed(why) = &running.report else {
        panic!("{:?}", running.report)
    };
    assert!(why.contains("another path"), "{why}");
}

#[test]
fn a_link_planted_in_the_work_folder_is_not_followed_when_mounting() {
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = Scene::new(setting).script("console.log(1)");
        // An earlier run left a link where the next one mounts its modules.
        let elsewhere = scene.path("run");
        std::os::unix::fs::symlink(&elsewhere, scene.path("work/node_modules")).unwrap();
        let inside = scene.path("work/node_modules/deep");
        let host = scene.path("ro");
        scene.spec.read_only = vec![ReadOnlyPath {
            host,
            jail: Some(inside),
            exec: false,
        }];
        let running = scene.start();
        assert!(
            matches!(running.report, JailReport::Failed(_)),
            "{:?}",
            running.report
        );
        assert!(
            !elsewhere.join("deep").exists(),
            "{setting:?}: something was made elsewhere"
        );
    }
}

#[test]
fn below_a_folder_others_write_no_link_leads_to_what_is_shown() {
    let script = "console.log(require('fs').readFileSync('settings.js', 'utf8'))";
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = Scene::new(setting).script(script);
        let (shown, elsewhere) = (scene.path("ro"), scene.path("elsewhere"));
        scene.spec.below = Some(scene.dir.path().to_owned());
        scene.spec.cwd.clone_from(&shown);
        assert_eq!(answer(&scene), "settings", "the control: {setting:?}");
        // In its place, and on the way to it.
        std::fs::rename(&shown, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &shown).unwrap();
        for path in [shown.clone(), shown.join("deep")] {
            std::fs::create_dir_all(elsewhere.join("deep")).unwrap();
            scene.spec.read_only = vec![ReadOnlyPath::data(path)];
            let running = scene.start();
            let JailReport::Failed(why) = &running.report else {
                panic!("{setting:?}: {:?}", running.report)
            };
            assert!(why.contains("could not show"), "{why}");
        }
    }
}

#[test]
fn root_without_a_user_for_the_jail_is_refused() {
    let mut scene = Scene::new(Setting::Root);
    scene.spec.become_user = None;
    let running = scene.start();
    let JailReport::Failed(why) = &running.report else {
        panic!("{:?}", running.report)
    };
    assert!(why.contains("no user is given"), "{why}");
}
