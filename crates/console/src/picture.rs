//! The picture of a flow: one tab or subflow as the editor shows it, with what a deployment changes
//! marked. SVG of our own making: no script, no style, nothing fetched, and every text in it from
//! the flow escaped. Colours that are ours come from [`STYLE`]'s classes, so that it follows light
//! and dark; colours that are Node-RED's are attributes.
//!
//! What changed is told four ways: by a mark in a circle, by a word (on hover and to screen
//! readers), by the outline's kind, and by colour.

mod link;
mod mark;
mod palette;
mod scene;
mod shape;
mod text;
mod write;

use std::fmt;

use model::flow::{Flows, change::ChangeId, diff::Diff};

/// The style sheet the picture's classes need.
pub const STYLE: &str = include_str!("picture/picture.css");

/// Which version is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The flow as it is.
    Before,
    /// The flow as it would be.
    After,
    /// The flow as it would be, with what would go.
    #[default]
    Overlay,
}

/// What is to be drawn.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The flows before; none when there were none.
    pub before: Option<&'a Flows>,
    /// The flows after; none when there would be none.
    pub after: Option<&'a Flows>,
    /// The id of the tab or subflow to draw.
    pub tab: &'a str,
    /// What differs.
    pub diff: &'a Diff,
    /// Which version to draw.
    pub mode: Mode,
    /// The change to point out.
    pub focus: Option<&'a ChangeId>,
    /// Where a change is decided: nodes and wires that change link there.
    pub href: &'a dyn Fn(&ChangeId) -> Option<String>,
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("tab", &self.tab)
            .field("mode", &self.mode)
            .field("focus", &self.focus)
            .finish_non_exhaustive()
    }
}

/// Nodes drawn at most; the picture says how many are left out, those without a change first.
pub const NODES_MAX: usize = 5_000;

/// Wires drawn at most.
pub const WIRES_MAX: usize = 20_000;

/// Draws the picture: an `svg` element to put into a page that has [`STYLE`].
///
/// A node that changes has the `id` `node-` and its id, as far as that is made of letters, digits
/// and `._-`, so that a page can link to it.
pub fn draw(view: &View<'_>) -> String {
    write::svg(&scene::Scene::new(view), view)
}

#[cfg(test)]
mod tests;
