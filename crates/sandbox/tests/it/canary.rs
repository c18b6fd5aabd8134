//! The canary passes, for every way to have a jail and every network policy.

use sandbox::{Layer, Network, Outcome, Status};

use crate::harness::{Scene, Setting};

#[test]
fn it_passes_everywhere() {
    for setting in Setting::ALL {
        for network in [Network::Any, Network::Ports(vec![443, 1883]), Network::None] {
            let scene = Scene::new(setting).network(network.clone());
            let (enforcement, report) = scene.canary();
            let failures: Vec<_> = report.failures().collect();
            assert!(
                report.passed(),
                "{setting:?} {network:?}: {failures:#?} {enforcement:#?}"
            );
            if setting.has_namespaces() {
                let open: Vec<_> = report.not_enforced().collect();
                assert!(open.is_empty(), "{setting:?} {network:?}: {open:#?}");
            }
        }
    }
}

#[test]
fn it_tries_what_the_spec_names() {
    let scene = Scene::new(Setting::Root);
    let (_, report) = scene.canary();
    let tried = |part: &str| {
        report
            .findings
            .iter()
            .any(|finding| finding.what.contains(part))
    };
    for part in [
        scene.path("secret/key").to_str().unwrap(),
        scene.path("ro").to_str().unwrap(),
        &format!("signal process {}", std::process::id()),
        "TCP 127.0.0.1:1880",
        "abstract socket",
        "loader",
        "memory",
    ] {
        assert!(tried(part), "nothing about {part:?} in {report:#?}");
    }
}

#[test]
fn the_guard_and_the_loader_are_tried_in_earnest() {
    for setting in Setting::ALL {
        let (_, report) = Scene::new(setting).canary();
        let outcome = |what: &str| {
            let found = report
                .findings
                .iter()
                .find(|finding| finding.what.contains(what));
            found.map(|finding| finding.outcome.clone()).expect(what)
        };
        let denied = Outcome::Denied("EACCES".into());
        assert_eq!(outcome("without an address"), denied, "{setting:?}");
        let loader = outcome("by way of the loader");
        if setting.has_namespaces() {
            assert_eq!(loader, denied, "{setting:?}");
        } else {
            assert!(
                matches!(loader, Outcome::NotEnforced(_)),
                "{setting:?}: {loader:?}"
            );
        }
    }
}

#[test]
fn without_namespaces_the_report_says_what_nothing_denies() {
    let scene = Scene::new(Setting::OrdinaryWithoutNamespaces);
    let (enforcement, report) = scene.canary();
    for layer in [Layer::MountNamespace, Layer::PidNamespace] {
        assert!(
            matches!(enforcement.of(layer), Status::Missing(_)),
            "{layer:?}"
        );
    }
    assert!(!enforcement.is_complete());
    let mapped = report
        .findings
        .iter()
        .find(|finding| finding.what.starts_with("map code") && finding.what.ends_with("work"));
    let outcome = &mapped.expect("mapping code is tried").outcome;
    let Outcome::NotEnforced(why) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(why.contains("switched off"), "{why}");
}

#[test]
fn what_the_probe_promises_is_what_a_jail_gets() {
    // As in `redkeep`, which has made itself untraceable by then.
    let untraceable = rustix::process::DumpableBehavior::NotDumpable;
    rustix::process::set_dumpable_behavior(untraceable).unwrap();
    let promised = sandbox::probe();
    let (given, _) = Scene::new(Setting::Root).network(Network::None).canary();
    for (layer, status) in &promised.layers {
        assert_eq!(given.of(*layer), *status, "{layer:?}");
    }
    assert_eq!(promised.landlock_abi, given.landlock_abi);
}

#[test]
fn a_jail_as_root_is_complete_but_for_the_machine() {
    let (enforcement, _) = Scene::new(Setting::Root).network(Network::None).canary();
    for (layer, status) in &enforcement.layers {
        // Control groups are the machine's to give.
        if *layer != Layer::Cgroup {
            assert_eq!(*status, Status::Enforced, "{layer:?}");
        }
    }
}
