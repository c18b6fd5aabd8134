//! The approved state of an instance, content-addressed.

use serde::{Deserialize, Serialize};

use crate::id::Hash;

/// Everything that was approved to run, each part by its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// SHA-256 of the canonical flows text; equal to Node-RED's `rev` of them.
    pub flows: Hash,
    /// Keyed digest (HMAC-SHA-256) of the credentials' canonical text. Keyed, so that it says
    /// "the same" or "changed" without letting anyone guess a password from it.
    pub credentials: Hash,
    /// SHA-256 of the generated settings file.
    pub settings: Hash,
    /// Digest of the tree of Node-RED and its dependencies.
    pub modules: Hash,
    /// Node-RED's version.
    pub node_red: String,
    /// Node.js' version.
    pub node: String,
}

impl Baseline {
    /// The baseline's own digest: SHA-256 of its parts, each on a line with its name.
    pub fn hash(&self) -> Hash {
        let Self {
            flows,
            credentials,
            settings,
            modules,
            node_red,
            node,
        } = self;
        let text = format!(
            "redkeep-baseline-1\nflows {flows}\ncredentials {credentials}\nsettings {settings}\n\
             modules {modules}\nnode-red {node_red}\nnode {node}\n"
        );
        Hash::of(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_moves_the_hash() {
        let base = Baseline {
            flows: Hash::of(b"f"),
            credentials: Hash::of(b"c"),
            settings: Hash::of(b"s"),
            modules: Hash::of(b"m"),
            node_red: "5.0.7".into(),
            node: "24.0.0".into(),
        };
        let mut others = vec![base.clone(); 6];
        others[0].flows = Hash::of(b"x");
        others[1].credentials = Hash::of(b"x");
        others[2].settings = Hash::of(b"x");
        others[3].modules = Hash::of(b"x");
        others[4].node_red = "4".into();
        others[5].node = "22".into();
        for other in others {
            assert_ne!(other.hash(), base.hash());
        }
    }
}
