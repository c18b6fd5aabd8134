//! The canary can fail: each thing it tries succeeds when nothing forbids it, and is named.

use sandbox::canary::{self, Beacon, Surroundings};
use sandbox::{Enforcement, Layer, Network, Outcome, ReadOnlyPath, Status};

use crate::harness::{Scene, Setting};

/// Claims that every layer is there.
fn claims() -> Enforcement {
    let layers = [
        Layer::User,
        Layer::MountNamespace,
        Layer::PidNamespace,
        Layer::IpcNamespace,
        Layer::NetworkNamespace,
        Layer::Landlock,
        Layer::Seccomp,
        Layer::ListenGuard,
        Layer::NoNewPrivileges,
        Layer::Capabilities,
        Layer::ResourceLimits,
    ];
    let mut claims = Enforcement {
        landlock_abi: 7,
        ..Enforcement::default()
    };
    claims
        .layers
        .extend(layers.map(|layer| (layer, Status::Enforced)));
    claims
}

#[test]
fn without_a_jail_every_probe_succeeds_and_says_so() {
    let socket_dir = tempfile::tempdir().unwrap();
    let socket = socket_dir.path().join("control.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let mut scene = Scene::new(Setting::Root).network(Network::Ports(vec![443]));
    scene.spec.hidden.push(socket);
    let beacon = Beacon::light().unwrap();
    let report = canary::run(&scene.spec, &claims(), &Surroundings::look(Some(&beacon)));
    assert!(!report.passed());
    let mut unproven = Vec::new();
    for finding in &report.findings {
        match &finding.outcome {
            Outcome::Succeeded(_) => {}
            Outcome::NotApplicable(why) if why.contains("not a socket") => {}
            // What this kernel was built without cannot be proven here.
            Outcome::Denied(errno) if errno == "ENOSYS" || errno == "ENOENT" => {
                unproven.push(finding.what.as_str());
            }
            other => panic!("{}: {other:?}", finding.what),
        }
    }
    println!("{unproven:?}");
}

#[test]
fn a_hidden_path_that_is_shown_is_named() {
    for setting in Setting::WITH_NAMESPACES {
        let mut scene = Scene::new(setting);
        let secret = scene.path("secret");
        scene.spec.read_only.push(ReadOnlyPath::data(&secret));
        let (_, report) = scene.canary();
        let named: Vec<&str> = report
            .failures()
            .map(|finding| finding.what.as_str())
            .collect();
        let key = format!("read {}", scene.path("secret/key").display());
        assert_eq!(
            named,
            [format!("read {}", secret.display()), key],
            "{setting:?}"
        );
    }
}

#[test]
fn a_control_socket_in_the_runtime_folder_is_named() {
    let mut scene = Scene::new(Setting::Root);
    let socket = scene.path("run/control.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::os::unix::fs::chown(&socket, Some(scene.setting.uid()), None).unwrap();
    scene.spec.hidden.push(socket.clone());
    let (_, report) = scene.canary();
    let what = format!("connect to the socket {}", socket.display());
    assert!(
        report.failures().any(|finding| finding.what == what),
        "{report:#?}"
    );
}
