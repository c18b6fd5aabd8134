//! What a change is seen to be beyond its own node: the same node with another id, a copy, a part
//! that was wrapped up. A remark beside the change: it hides nothing and decides nothing.

use serde::{Deserialize, Serialize};

use super::change::Aspect;

/// What a change is seen to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
pub enum Recognised {
    /// The same thing is called otherwise.
    Renamed {
        /// What it was called.
        before: String,
    },
    /// One node goes and one like it comes: it was deleted and made or imported anew.
    Recreated {
        /// The id of the other: the one before of an added node, the one after of a removed one.
        other: String,
        /// What the other is called.
        label: String,
        /// The properties that differ, ids followed to the nodes they mean; none: all the same.
        differs: Vec<String>,
    },
    /// A node like it is there and stays.
    Copy {
        /// The id of the node it is like.
        of: String,
        /// What that is called.
        label: String,
        /// The properties that differ beside its place and its wires.
        differs: Vec<String>,
    },
    /// A tab whose nodes are copies of another tab's.
    CopiedTab {
        /// The other tab.
        of: String,
        /// What that is called.
        label: String,
        /// How many of its nodes are copies.
        copies: usize,
        /// How many nodes it has.
        nodes: usize,
    },
    /// A subflow into which nodes moved that were there before.
    Extracted {
        /// How many.
        nodes: usize,
        /// What the tab is called they came from, if it is one.
        from: Option<String>,
    },
    /// A node that moved into a new subflow.
    IntoSubflow {
        /// The subflow's id.
        subflow: String,
        /// What it is called.
        label: String,
    },
    /// A group put round nodes that were there before.
    Wrapped {
        /// How many.
        nodes: usize,
    },
    /// A node round which a new group was put, which is all that changed.
    IntoGroup {
        /// The group's id.
        group: String,
        /// What it is called.
        label: String,
    },
}

impl Recognised {
    /// It in one sentence, for a change of `aspect`.
    pub fn sentence(&self, aspect: Aspect) -> String {
        match self {
            Self::Renamed { before } => format!("Renamed: it was called \u{201c}{before}\u{201d}"),
            Self::Recreated {
                label,
                differs,
                other,
            } => {
                let differs = but(differs, "; nothing else differs");
                if aspect == Aspect::Removed {
                    format!(
                        "Comes back as \u{201c}{label}\u{201d} with the new id {other}{differs}"
                    )
                } else {
                    format!(
                        "The same as \u{201c}{label}\u{201d} before (id {other}), with a new id{differs}"
                    )
                }
            }
            Self::Copy { label, of, differs } => {
                format!(
                    "A copy of \u{201c}{label}\u{201d} (id {of}){}",
                    but(differs, "")
                )
            }
            Self::CopiedTab {
                label,
                copies,
                nodes: all,
                ..
            } => {
                let how_many = if copies == all {
                    format!(" with all its {}", nodes(*all))
                } else {
                    format!(": {copies} of {} are copies", nodes(*all))
                };
                format!("A copy of the tab \u{201c}{label}\u{201d}{how_many}")
            }
            Self::Extracted { nodes, from } => {
                let place = match from {
                    Some(tab) => format!("on \u{201c}{tab}\u{201d}"),
                    None => "there before".to_owned(),
                };
                format!("Made of {} {place}", that_were(*nodes))
            }
            Self::IntoSubflow { label, .. } => {
                format!("Moved into the new subflow \u{201c}{label}\u{201d}")
            }
            Self::Wrapped { nodes } => format!("Put round {} there before", that_were(*nodes)),
            Self::IntoGroup { label, .. } => format!(
                "The new group \u{201c}{label}\u{201d} was put round it, nothing else changed"
            ),
        }
    }
}

fn nodes(count: usize) -> String {
    match count {
        1 => "1 node".to_owned(),
        count => format!("{count} nodes"),
    }
}

fn that_were(count: usize) -> String {
    let were = if count == 1 { "was" } else { "were" };
    format!("{} that {were}", nodes(count))
}

fn but(differs: &[String], otherwise: &str) -> String {
    if differs.is_empty() {
        otherwise.to_owned()
    } else {
        format!("; different: {}", listed(differs))
    }
}

fn listed(keys: &[String]) -> String {
    const LISTED: usize = 8;
    let named = keys.iter().take(LISTED).map(String::as_str);
    let mut words = named.collect::<Vec<_>>().join(", ");
    if keys.len() > LISTED {
        words = format!("{words} and {} more", keys.len() - LISTED);
    }
    words
}
