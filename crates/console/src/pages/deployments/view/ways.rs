//! What a change feeds and what feeds it, in names.

use inspect::Ways;
use model::flow::change::{Aspect, Change};

use super::Looked;
use crate::wording::{Icon, counted};

/// Nodes named on one line.
const NAMED: usize = 8;

/// One sentence of what a change means for the inputs and outputs round it.
#[derive(Debug)]
pub(crate) struct WayLine {
    pub(crate) tone: &'static str,
    pub(crate) icon: Icon,
    /// Such as `Feeds 3 outputs`.
    pub(crate) what: String,
    pub(crate) names: Vec<String>,
    /// Nodes that are not named.
    pub(crate) more: usize,
}

impl WayLine {
    /// What is lost first: it is what nobody sees on a canvas.
    pub(super) fn all(looked: &Looked<'_>, ways: &Ways, change: &Change) -> Vec<Self> {
        if ways.is_untold {
            return vec![Self {
                tone: "quiet",
                icon: Icon("info"),
                what: "Not worked out: the flow is too large and too tangled".to_owned(),
                names: Vec::new(),
                more: 0,
            }];
        }
        let is_removed = change.aspect == Aspect::Removed;
        // That an output reaches itself, and an input feeds itself, says nothing.
        let others = |ids: &'_ [String]| -> Vec<String> {
            let others = ids.iter().filter(|id| **id != change.node);
            others.cloned().collect()
        };
        let outputs = |ids: &[String]| counted(ids.len(), "output");
        let (lost, new) = (&others(&ways.lost_outputs), &others(&ways.new_outputs));
        let (fed_by, feeds) = (&others(&ways.inputs), &others(&ways.outputs));
        let past = |now: &'static str, then: &'static str| if is_removed { then } else { now };
        let told = [
            (
                lost,
                "bad",
                "cross",
                format!("No longer reaches {}", outputs(lost)),
            ),
            (
                new,
                "warn",
                "plus",
                format!("Now also reaches {}", outputs(new)),
            ),
            (fed_by, "quiet", "arrow", {
                let inputs = counted(fed_by.len(), "input");
                format!("{} fed by {inputs}", past("Is", "Was"))
            }),
            (feeds, "quiet", "arrow", {
                format!("{} {}", past("Feeds", "Fed"), outputs(feeds))
            }),
        ];
        let is_all_new = new.len() == feeds.len();
        let is_all_lost = is_removed && lost.len() == feeds.len();
        let told = told.into_iter().enumerate().filter(|(at, (ids, ..))| {
            // The same nodes are not named twice.
            let is_said = *at == 3 && (is_all_new || is_all_lost);
            !ids.is_empty() && !is_said
        });
        told.map(|(_, (ids, tone, icon, what))| Self {
            tone,
            icon: Icon(icon),
            what,
            names: ids.iter().take(NAMED).map(|id| looked.name(id)).collect(),
            more: ids.len().saturating_sub(NAMED),
        })
        .collect()
    }
}
