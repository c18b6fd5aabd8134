//! The picture of a flow on a page: which tab, which view of it, and the ways to the others.

use std::collections::HashMap;

use deploy::Review;
use model::flow::change::{Change, ChangeId, Subject};

use crate::{
    picture::{self, Mode, View},
    wording::name_of,
};

/// Tabs offered at most.
const TABS_MAX: usize = 100;

/// A picture with its switches.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) svg: String,
    pub(crate) tabs: Vec<Way>,
    pub(crate) modes: Vec<Way>,
}

/// A link to another picture.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) label: String,
    pub(crate) path: String,
    pub(crate) is_here: bool,
}

/// The mode a word names.
pub(crate) fn mode_of(word: Option<&str>) -> Mode {
    match word {
        Some("before") => Mode::Before,
        Some("after") => Mode::After,
        _ => Mode::Overlay,
    }
}

/// The tab a change is drawn on.
pub(crate) fn tab_of(change: &Change) -> Option<&str> {
    match change.subject {
        Subject::Tab | Subject::Subflow => Some(&change.node),
        Subject::Group | Subject::Config | Subject::Node => {
            change.tab.as_deref().filter(|tab| !tab.is_empty())
        }
        Subject::File => None,
    }
}

/// The tabs and subflows with a change that can be drawn, in the order of the review.
pub(crate) fn tabs(review: &Review) -> Vec<&str> {
    let mut seen = std::collections::HashSet::new();
    let changes = review.diff.changes.iter();
    changes
        .filter_map(tab_of)
        .filter(|tab| seen.insert(*tab))
        .take(TABS_MAX)
        .collect()
}

/// The picture of one tab as SVG; its changes link to their steps.
pub(crate) fn svg(review: &Review, tab: &str, mode: Mode, focus: Option<&ChangeId>) -> String {
    let mut steps = HashMap::new();
    for step in &review.steps {
        steps.extend(step.changes.iter().map(|change| (change, step.number)));
    }
    let id = review.deployment.id;
    let href = |change: &ChangeId| {
        steps
            .get(change)
            .map(|number| format!("/deployments/{id}/steps/{number}"))
    };
    picture::draw(&View {
        before: Some(&review.base),
        after: Some(&review.proposal),
        tab,
        diff: &review.diff,
        mode,
        focus,
        href: &href,
    })
}

/// The picture of `tab` (or of the first tab with a change), with `focus` pointed out.
pub(crate) fn frame(
    review: &Review,
    tab: Option<&str>,
    mode: Option<&String>,
    focus: Option<&Change>,
) -> Option<Frame> {
    let offered = tabs(review);
    let tab = match tab {
        Some(tab) => offered.iter().find(|known| **known == tab).copied()?,
        None => *offered.first()?,
    };
    let mode = mode_of(mode.map(String::as_str));
    let name = |id: &str| {
        let node = review.proposal.get(id).or_else(|| review.base.get(id));
        node.map_or_else(|| name_of(id), |node| name_of(&node.label()))
    };
    let query = |tab: &str, word: &str| {
        format!(
            "?tab={}&mode={word}",
            crate::pages::sign_in::show::percent_encoded(tab)
        )
    };
    let word = match mode {
        Mode::Before => "before",
        Mode::After => "after",
        Mode::Overlay => "overlay",
    };
    // On a step's page the picture stays with the step: only its mode can be chosen.
    let others = if focus.is_some() { Vec::new() } else { offered };
    let modes = [
        ("overlay", "Both", Mode::Overlay),
        ("before", "Before", Mode::Before),
        ("after", "After", Mode::After),
    ];
    Some(Frame {
        title: name(tab),
        svg: svg(review, tab, mode, focus.map(|change| &change.id)),
        tabs: others
            .into_iter()
            .map(|id| Way {
                label: name(id),
                path: query(id, word),
                is_here: id == tab,
            })
            .collect(),
        modes: modes
            .into_iter()
            .map(|(word, label, this)| Way {
                label: label.to_owned(),
                path: query(tab, word),
                is_here: this == mode,
            })
            .collect(),
    })
}
