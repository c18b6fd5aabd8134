//! The picture of a flow: one tab or subflow as the editor shows it, with what a deployment changes
//! marked. SVG of our own making: no script, no style, nothing fetched, and every text in it from
//! the flow escaped. Colours that are ours come from [`STYLE`]'s classes, so that it follows light
//! and dark; colours that are Node-RED's are attributes.
//!
//! What changed is told four ways: by a mark in a circle, by a word (on hover and to screen
//! readers), by the outline's kind, and by colour.

/// `write!` for a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        $out.push_str(&format!($($arg)*))
    };
}

mod area;
mod icon;
mod label;
mod link;
mod map;
mod mark;
mod palette;
mod part;
mod raster;
mod scene;
mod shape;
mod spot;
mod style;
mod text;
mod turn;
mod write;

use std::fmt;

use model::{
    flow::{Flows, change::ChangeId, diff::Diff},
    palette::Palette,
};

pub use area::Zoom;
pub use raster::{PIXELS_MAX, Raster, RasterError, png};
pub use style::Scheme;
pub(crate) use text::cut;
pub(crate) use turn::{Place, in_turn};
use write::Dress;

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

impl Mode {
    /// The word for it, in links.
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Overlay => "overlay",
        }
    }
}

/// What stands on nodes without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Labels {
    /// What the editor would show: often a value, such as an exec node's command.
    #[default]
    Shown,
    /// The type: for pictures that leave the house, where values must not stand.
    Named,
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
    /// What the node types look like; empty when nothing is known.
    pub palette: &'a Palette,
    /// The changes to point out.
    pub focus: &'a [ChangeId],
    /// The change in the middle of the frame; none: what is pointed out, else the first.
    pub at: Option<&'a ChangeId>,
    /// How close; none: the whole tab where that is small, else near.
    pub zoom: Option<Zoom>,
    /// What stands on nodes without a name.
    pub labels: Labels,
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

/// Bytes spent on nodes drawn in full; those that change come first. The rest are quiet blocks.
const DETAIL_BYTES: usize = 64 * 1024;

/// Bytes spent on quiet blocks, and again on wires.
const QUIET_BYTES: usize = 24 * 1024;

/// A drawn picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The frame, as an `svg` element.
    pub svg: String,
    /// The whole tab in small with the frame marked, as an `svg` element; none when the frame shows
    /// all of it.
    pub map: Option<String>,
    /// The changes that can be framed, in the order of the review.
    pub changes: Vec<ChangeId>,
    /// How close it is.
    pub zoom: Zoom,
    /// Where in the frame the middle of what is pointed out lies, right and down.
    pub middle: Option<(u32, u32)>,
}

/// Draws a tab: the frame, and a map where that is not all.
pub fn picture(view: &View<'_>) -> Picture {
    let scene = scene::Scene::new(view);
    Picture {
        svg: write::svg(&scene, view, &Dress::Page),
        map: (!scene.is_whole()).then(|| map::svg(&scene)),
        changes: scene.framed_changes(view),
        zoom: scene.zoom,
        middle: scene.middle_in_frame(),
    }
}

/// The frame as an `svg` element for a page that has [`STYLE`].
pub fn draw(view: &View<'_>) -> String {
    write::svg(&scene::Scene::new(view), view, &Dress::Page)
}

/// The frame as a file that stands alone: its style is in it, light and dark, and under the picture
/// stands what its marks mean.
pub fn file(view: &View<'_>) -> String {
    let style = style::both();
    let mut file = write::svg(&scene::Scene::new(view), view, &Dress::Alone(&style));
    file.push('\n');
    file
}

#[cfg(test)]
mod tests;
