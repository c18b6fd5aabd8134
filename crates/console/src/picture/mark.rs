//! What happens to a part of the picture, told by mark, word and outline.

use model::flow::change::{Aspect, ChangeId};

/// What happens to a node or wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Mark {
    Added,
    Removed,
    Changed,
    Wired,
    Moved,
}

impl Mark {
    /// The mark of an aspect; the file's order has none.
    pub(super) fn of(aspect: Aspect) -> Option<Self> {
        Some(match aspect {
            Aspect::Added => Self::Added,
            Aspect::Removed => Self::Removed,
            Aspect::Changed => Self::Changed,
            Aspect::Wired => Self::Wired,
            Aspect::Layout => Self::Moved,
            Aspect::Order => return None,
        })
    }

    /// The class that gives its colour and outline.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Added => "rk-added",
            Self::Removed => "rk-removed",
            Self::Changed => "rk-changed",
            Self::Wired => "rk-wired",
            Self::Moved => "rk-moved",
        }
    }

    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Wired => "rewired",
            Self::Moved => "moved",
        }
    }

    /// The sign in the circle: ＋ − ± ∿ ↔, drawn, so that no font decides.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Added => "M-4.5 0h9M0-4.5v9",
            Self::Removed => "M-4.5 0h9",
            Self::Changed => "M-4-2h8M0-5.5v7M-4 4.5h8",
            Self::Wired => "M-5 3.5h.1c5 0 5-7 9.9-7H5M-5 3.5h1.5M3.5-3.5H5",
            Self::Moved => "M-5 0h10M-2.5-2.5L-5 0l2.5 2.5M2.5-2.5L5 0 2.5 2.5",
        }
    }
}

/// The marks of one part, each with the change it stands for, the weightiest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Marks<'a>(pub(super) Vec<(Mark, &'a ChangeId)>);

impl Marks<'_> {
    /// Its classes: one per mark, or the one for what stays as it is.
    pub(super) fn classes(&self) -> String {
        if self.0.is_empty() {
            return " rk-same".to_owned();
        }
        self.0
            .iter()
            .flat_map(|(mark, _)| [" ", mark.class()])
            .collect()
    }

    /// "changed, rewired"; "unchanged" when nothing happens.
    pub(super) fn words(&self) -> String {
        let word = |(mark, id): &(Mark, &ChangeId)| match mark {
            // Gone from here, but its change is no removal: it is on another tab now.
            Mark::Removed if !id.0.starts_with("removed:") => "leaves this tab",
            mark => mark.word(),
        };
        let words: Vec<&str> = self.0.iter().map(word).collect();
        if words.is_empty() {
            "unchanged".to_owned()
        } else {
            words.join(", ")
        }
    }
}
