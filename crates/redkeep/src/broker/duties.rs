//! The process with root's rights: the closed list, and what is checked before anything is done.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use keys::KeysError;
use model::{
    id::InstanceId,
    instance::{Instance, NodeRedMajor, Policy},
};
use registry::TreePlaces;
use runtime::{InstancePlan, Jailer, Run, jail_spec};
use sandbox::{
    JailCommand, UserIds,
    broker::{self, Begun, Decision, Duties, Input, Order},
    folder::Folder,
    handover::{give_folder_to, open_below},
    users::{self, REDKEEP, REHEARSAL},
};
use serde::{Deserialize, Serialize};

use super::{JailWish, Looked, Request};
use crate::{config::Config, up::hidden};

/// What is known before anybody asks: from the configuration, read as root.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Setup {
    data_dir: PathBuf,
    /// In their order, which gives each its user.
    instances: Vec<InstanceId>,
    keys: keys::Setup,
}

impl Setup {
    pub(super) fn of(config: &Config, keys: keys::Setup) -> Self {
        Self {
            data_dir: config.data_dir.clone(),
            instances: config.instances.iter().map(|it| it.id.clone()).collect(),
            keys,
        }
    }

    pub(super) fn said(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

/// When this process was started to keep root's rights, does that until Redkeep ends, and ends with
/// Redkeep's exit code. `None` otherwise.
///
/// Must be the first thing in `main`, before any thread, async runtime or open file.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let begun = broker::begin_if_asked()?;
    let served = begun.and_then(|begun| {
        let setup = serde_json::from_slice(&begun.setup)?;
        serve(begun, setup)
    });
    Some(match served {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            broker::say(&format!("ended: {error}"));
            ExitCode::FAILURE
        }
    })
}

fn serve(begun: Begun, setup: Setup) -> std::io::Result<u8> {
    let pids = [begun.main_pid()];
    broker::serve(begun, &mut List { setup, pids })
}

/// The list, and what it is about.
#[derive(Debug)]
struct List {
    setup: Setup,
    /// Processes that no jail may reach, beside this one.
    pids: [u32; 1],
}

impl Duties for List {
    fn decide(&mut self, message: &[u8]) -> Decision {
        let Ok(request) = serde_json::from_slice::<Request>(message) else {
            return Decision::Refuse("what is asked is not on the list".to_owned());
        };
        let decided = match request {
            Request::Keys {} => self.keys(),
            Request::KeyFiles {} => self.key_files(),
            Request::HandOver {
                instance,
                is_rehearsal,
            } => self.hand_over(&instance, is_rehearsal),
            Request::Clear { instance } => self.clear(&instance),
            Request::Jail(wish) => self.jail(wish),
        };
        decided.unwrap_or_else(Decision::Refuse)
    }
}

type Decided = Result<Decision, String>;

impl List {
    fn keys(&self) -> Decided {
        let said = self.setup.keys.said().map_err(|error| error.to_string())?;
        Ok(Decision::Start(Order {
            arguments: vec![keys::process::VERB.to_owned()],
            input: Input::Lanes(said),
        }))
    }

    fn key_files(&self) -> Decided {
        let looked: Looked = self.setup.keys.stamps().map_err(|error| match error {
            KeysError::File { path, why } => (path, why),
            other => (PathBuf::new(), other.to_string()),
        });
        let text = serde_json::to_vec(&looked).map_err(|error| error.to_string())?;
        Ok(Decision::Say(text))
    }

    /// The instance's user and its folder, below the data directory.
    fn place(&self, instance: &InstanceId) -> Result<(UserIds, PathBuf), String> {
        let place = self.setup.instances.iter().position(|it| it == instance);
        let place = place.ok_or_else(|| format!("there is no instance {instance}"))?;
        let folder = Path::new("instances").join(instance.as_str());
        Ok((users::instance(place), folder))
    }

    fn folder(&self, below: &Path) -> Result<std::os::fd::OwnedFd, String> {
        let opened = Folder::open(&self.setup.data_dir).and_then(|dir| open_below(dir, below));
        opened.map_err(|error| format!("{}: {error}", below.display()))
    }

    fn hand_over(&self, instance: &InstanceId, is_rehearsal: bool) -> Decided {
        let (user, folder) = self.place(instance)?;
        // Sockets in `run/` take its group: so the one side listens, the other connects, and nobody else.
        let shared = |user: UserIds| UserIds {
            gid: REDKEEP.gid,
            ..user
        };
        // A rehearsal's work is in memory; what lies on the disk is empty, and Redkeep's to remove.
        let (folder, work, run) = if is_rehearsal {
            let work = (shared(REHEARSAL), 0o2770);
            (PathBuf::from("rehearsal"), work, work)
        } else {
            (folder, (user, 0o700), (shared(user), 0o2770))
        };
        let from: Vec<u32> = users::jails().chain([REDKEEP.uid]).collect();
        for (name, (owner, mode)) in [("work", work), ("run", run)] {
            let path = folder.join(name);
            let given = give_folder_to(self.folder(&path)?, owner, mode, &from);
            given.map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(Decision::Say(Vec::new()))
    }

    fn clear(&self, instance: &InstanceId) -> Decided {
        let (user, folder) = self.place(instance)?;
        Ok(Decision::Start(Order {
            arguments: vec![runtime::clearing::VERB.to_owned(), user.uid.to_string()],
            input: Input::Folder(self.folder(&folder.join("work"))?),
        }))
    }

    fn jail(&self, wish: JailWish) -> Decided {
        let (mut user, mut folder) = self.place(&wish.instance)?;
        if wish.run == Run::Rehearsal {
            (user, folder) = (REHEARSAL, PathBuf::from("rehearsal"));
        }
        let data_dir = &self.setup.data_dir;
        for command in &wish.commands {
            is_everybodys(Path::new(command), data_dir)?;
        }
        let tree = data_dir.join("trees").join(wish.tree.to_string());
        let paths = TreePlaces::of(&tree);
        let plan = InstancePlan {
            instance: Instance {
                id: wish.instance,
                node_red: NodeRedMajor::V5,
                policy: Policy {
                    network: wish.network,
                    commands: wish.commands,
                    memory: wish.memory,
                    cpu_percent: wish.cpu_percent,
                    ..Policy::default()
                },
            },
            node: paths.node,
            node_tree: paths.node_tree,
            entry: paths.entry,
            modules_tree: paths.modules,
            node_red_version: String::new(),
            node_version: String::new(),
            dir: data_dir.join(folder),
            user: Some((user.uid, user.gid)),
            hidden: hidden(data_dir),
            jailer: Jailer::Own(PathBuf::new()),
        };
        let spec = jail_spec(wish.run, &plan, data_dir.clone(), &self.pids);
        let command = match wish.run {
            Run::Canary => JailCommand::canary(&spec),
            Run::Program | Run::Rehearsal => JailCommand::jail(&spec),
        };
        let command = command.map_err(|error| error.to_string())?;
        Ok(Decision::Start(Order {
            arguments: vec![command.verb.to_owned()],
            input: Input::Orders(command.stdin),
        }))
    }
}

/// Whether everybody could execute it anyway, and nobody but root could put something else in its
/// place: what is shown in a jail is opened as root, and must not be what a closed folder keeps.
fn is_everybodys(command: &Path, data_dir: &Path) -> Result<(), String> {
    let shown = command.display();
    let real = command
        .canonicalize()
        .map_err(|error| format!("the command {shown}: {error}"))?;
    let roots = |path: &Path, needed: u32| {
        let found = fs::symlink_metadata(path);
        found.is_ok_and(|found| {
            let is_link = found.file_type().is_symlink();
            let is_closed = found.mode() & 0o002 == 0 && found.mode() & needed == needed;
            found.uid() == 0 && !users::is_ours(found.gid()) && (is_link || is_closed)
        })
    };
    let ways = command.ancestors().skip(1).chain(real.ancestors().skip(1));
    let is_reached = ways.into_iter().all(|folder| roots(folder, 0o001));
    let is_file = fs::metadata(&real).is_ok_and(|found| found.is_file());
    // What a name there leads to is another's from one moment to the next.
    let is_fleeting = command.starts_with("/proc") || real.starts_with(data_dir);
    if is_file && is_reached && roots(&real, 0o005) && !is_fleeting {
        return Ok(());
    }
    Err(format!(
        "the command {shown}: it and the folders above must be root's, open to everybody, and \
         changed by nobody else"
    ))
}

#[cfg(test)]
mod tests;
