//! Started as root: the process that keeps root's rights, and how the one that parses the network
//! asks it.
//!
//! [`begin`] hands the data directory over and splits; [`duties`] is the closed list of what is done
//! for whoever asks; [`Rights`] asks. What a message names is an instance of the configuration and a
//! tree by its digest: no path is ever said, so none can lead anywhere.

pub(crate) mod begin;
pub(crate) mod duties;

use std::{
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::Arc,
};

use keys::{KeysError, Stamps, Starter};
use model::{
    id::{Hash, InstanceId},
    instance::{Memory, Network},
};
use runtime::{Broker, InstancePlan, Jailer, Run};
use sandbox::{
    apart::{self, Apart},
    broker::{Asked, Client},
    held::Held,
};
use serde::{Deserialize, Serialize};

/// Bytes read of why a work folder could not be cleared.
const SAID_MAX: u64 = 4096;

/// All that can be asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Start the process that holds the keys.
    Keys {},
    /// Look at the operator's certificate files.
    KeyFiles {},
    /// Give an instance's folders to its user.
    HandOver {
        instance: InstanceId,
        is_rehearsal: bool,
    },
    /// Clear an instance's work folder as its user.
    Clear { instance: InstanceId },
    /// Build an instance's jail.
    Jail(JailWish),
}

/// What may be said of a jail: the instance, what of its policy counts, and its tree by the digest
/// that is its name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JailWish {
    pub(crate) run: Run,
    pub(crate) instance: InstanceId,
    pub(crate) tree: Hash,
    pub(crate) network: Network,
    pub(crate) commands: Vec<String>,
    pub(crate) memory: Option<Memory>,
    pub(crate) cpu_percent: Option<std::num::NonZeroU16>,
}

/// What became of looking at files: what they are like, or which is not there, and why.
pub(crate) type Looked = Result<Option<Stamps>, (PathBuf, String)>;

/// The way to the process with root's rights.
#[derive(Debug)]
pub(crate) struct Rights(Client);

impl Rights {
    /// For the plans of instances.
    pub(crate) fn jailer(self: &Arc<Self>) -> Jailer {
        Jailer::Broker {
            broker: self.clone(),
            is_rehearsal: false,
        }
    }

    fn ask(&self, request: &Request) -> io::Result<Asked> {
        self.0.ask(&serde_json::to_vec(request)?)
    }

    fn start(&self, request: &Request) -> io::Result<(Held, Vec<OwnedFd>)> {
        match self.ask(request)? {
            Asked::Started(held, files) => Ok((held, files)),
            Asked::Said(_) => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Broker for Rights {
    fn jail(&self, run: Run, plan: &InstancePlan) -> io::Result<(Held, Vec<OwnedFd>)> {
        let tree = plan.node_tree.parent().and_then(|it| it.file_name());
        let tree = tree.and_then(|it| it.to_str()?.parse().ok());
        let policy = &plan.instance.policy;
        self.start(&Request::Jail(JailWish {
            run,
            instance: plan.instance.id.clone(),
            tree: tree.ok_or_else(|| io::Error::other("the tree has no digest as its name"))?,
            network: policy.network.clone(),
            commands: policy.commands.clone(),
            memory: policy.memory,
            cpu_percent: policy.cpu_percent,
        }))
    }

    fn hand_over(&self, instance: &InstanceId, is_rehearsal: bool) -> io::Result<()> {
        let instance = instance.clone();
        let request = Request::HandOver {
            instance,
            is_rehearsal,
        };
        self.ask(&request).map(drop)
    }

    fn clear(&self, instance: &InstanceId) -> io::Result<()> {
        let instance = instance.clone();
        let (held, files) = self.start(&Request::Clear { instance })?;
        let [_, said]: [OwnedFd; 2] = files.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
        let mut why = String::new();
        std::fs::File::from(said)
            .take(SAID_MAX)
            .read_to_string(&mut why)?;
        let ended = held.wait()?;
        if ended.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("{} ({ended})", why.trim())))
        }
    }
}

impl Starter for Rights {
    fn start(&self) -> io::Result<Apart> {
        let (held, files) = self.start(&Request::Keys {})?;
        apart::handed(held, files)
    }

    fn stamps(&self) -> Result<Option<Stamps>, KeysError> {
        let failed = |why: String| KeysError::Unavailable(why);
        let asked = self.ask(&Request::KeyFiles {});
        let Asked::Said(text) = asked.map_err(|error| failed(error.to_string()))? else {
            return Err(failed("it answers something else".to_owned()));
        };
        let looked = serde_json::from_slice::<Looked>(&text);
        let looked = looked.map_err(|error| failed(error.to_string()))?;
        looked.map_err(|(path, why)| KeysError::File { path, why })
    }
}
