//! The picture of a flow on a page: which tab, which view of it, and the ways to the others.

use deploy::Review;
use model::flow::change::Change;

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

/// The picture of `tab` (or of the first tab with a change), `focus` set apart.
pub(crate) fn frame(
    review: &Review,
    tab: Option<&str>,
    mode: Option<&String>,
    focus: Option<&Change>,
) -> Option<Frame> {
    let _ = (review, tab, mode, focus);
    None
}
