//! What the jail of one instance shows, lets out and starts.

use std::{collections::BTreeMap, path::PathBuf};

use model::instance::Network;
use sandbox::{JailSpec, Limits, ReadOnlyPath, UserIds};

use crate::{InstancePlan, folder::Folder, memory::Memory, settings};

/// The jail for this plan, with the instance's policy. `own_pid` is Redkeep's process, which must
/// be out of reach.
pub(crate) fn spec(plan: &InstancePlan, own_pid: u32) -> JailSpec {
    let folder = Folder::new(plan);
    let memory = Memory::of(
        &plan.instance.policy,
        sandbox::process::machine_memory_bytes(),
    );
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    JailSpec {
        argv: vec![
            text(plan.node.clone()),
            format!("--max-old-space-size={}", memory.heap_mib()),
            text(plan.entry.clone()),
            "--settings".into(),
            text(settings::entry(&folder)),
            "--userDir".into(),
            text(folder.work()),
        ],
        env: environment(&text(folder.work())),
        cwd: folder.work(),
        become_user: plan.user.map(|(uid, gid)| UserIds { uid, gid }),
        read_only: vec![
            ReadOnlyPath::code(&plan.node_tree),
            // Native addons are mapped executable; programs in it still cannot be started.
            ReadOnlyPath::code(&plan.modules_tree),
            ReadOnlyPath::data(folder.settings()),
        ],
        writable: vec![folder.work()],
        runtime_dir: folder.run(),
        commands: plan
            .instance
            .policy
            .commands
            .iter()
            .map(PathBuf::from)
            .collect(),
        network: match &plan.instance.policy.network {
            Network::Any => sandbox::Network::Any,
            Network::Ports(ports) => sandbox::Network::Ports(ports.clone()),
            Network::None => sandbox::Network::None,
        },
        limits: Limits {
            memory_bytes: Some(memory.limit.bytes()),
            cpu_percent: plan.instance.policy.cpu_percent.map(Into::into),
            ..Limits::default()
        },
        namespaces: true,
        observed: false,
        below: None,
        hidden: plan.hidden.clone(),
        hidden_pids: vec![own_pid],
    }
}

/// Everything Node-RED's process finds in its environment. Flows can read it, so nothing of
/// Redkeep's own is passed on.
fn environment(work: &str) -> BTreeMap<String, String> {
    [
        ("HOME", work),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("NODE_ENV", "production"),
        ("NODE_RED_DISABLE_TELEMETRY", "1"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use model::instance::{Instance, NodeRedMajor, Policy};

    use super::*;

    pub(crate) fn plan(policy: Policy) -> InstancePlan {
        InstancePlan {
            instance: Instance {
                id: "main".parse().unwrap(),
                node_red: NodeRedMajor::V5,
                policy,
            },
            node: "/trees/a/node/bin/node".into(),
            node_tree: "/trees/a/node".into(),
            entry: "/trees/a/node_modules/node-red/red.js".into(),
            modules_tree: "/trees/a/node_modules".into(),
            node_red_version: "5".into(),
            node_version: "24".into(),
            dir: "/data/instances/main".into(),
            user: Some((900, 901)),
            hidden: vec!["/data".into()],
            jailer: PathBuf::from("/proc/self/exe").into(),
        }
    }

    #[test]
    fn by_default_no_command_runs_and_only_the_work_folder_is_writable() {
        let spec = spec(&plan(Policy::default()), 7);
        spec.validate().unwrap();
        assert!(spec.commands.is_empty());
        assert_eq!(spec.writable, [PathBuf::from("/data/instances/main/work")]);
        assert_eq!(spec.hidden_pids, [7]);
        assert_eq!(spec.become_user, Some(UserIds { uid: 900, gid: 901 }));
        let settings = spec
            .read_only
            .iter()
            .find(|shown| shown.host.ends_with("settings"))
            .expect("the settings are shown");
        assert!(!settings.exec);
    }

    #[test]
    fn the_policy_decides_about_network_and_commands() {
        let policy = Policy {
            network: Network::Ports(vec![1883]),
            commands: vec!["/usr/bin/ping".into()],
            memory: Some("512 MiB".parse().unwrap()),
            cpu_percent: std::num::NonZeroU16::new(50),
            ..Policy::default()
        };
        let spec = spec(&plan(policy), 7);
        assert_eq!(spec.limits.memory_bytes, Some(512 << 20));
        assert_eq!(spec.argv[1], "--max-old-space-size=384");
        assert_eq!(spec.limits.cpu_percent, Some(50));
        assert_eq!(spec.network, sandbox::Network::Ports(vec![1883]));
        assert_eq!(spec.commands, [PathBuf::from("/usr/bin/ping")]);
    }

    #[test]
    fn nothing_of_redkeeps_environment_is_passed_on() {
        let spec = spec(&plan(Policy::default()), 7);
        let names: Vec<_> = spec.env.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "HOME",
                "LANG",
                "NODE_ENV",
                "NODE_RED_DISABLE_TELEMETRY",
                "PATH"
            ]
        );
    }
}
