//! Parts of the canvas, and how close one looks at it.

/// How close the frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Zoom {
    /// A few nodes.
    Close,
    /// What fits on a page.
    Near,
    /// Several times that.
    Far,
    /// The whole tab.
    Whole,
}

impl Zoom {
    /// All, from close to whole.
    pub const ALL: [Self; 4] = [Self::Close, Self::Near, Self::Far, Self::Whole];

    /// The word for it, in links.
    pub fn word(self) -> &'static str {
        match self {
            Self::Close => "close",
            Self::Near => "near",
            Self::Far => "far",
            Self::Whole => "whole",
        }
    }

    /// What the word names.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|zoom| zoom.word() == word)
    }

    /// How much of the canvas is in the frame.
    fn size(self) -> (f64, f64) {
        match self {
            Self::Close => (720.0, 400.0),
            Self::Near => (1_280.0, 640.0),
            Self::Far => (3_200.0, 1_600.0),
            Self::Whole => (f64::INFINITY, f64::INFINITY),
        }
    }
}

/// Room for what reaches beyond the nodes: wires that go back, buttons, marks.
const MARGIN: f64 = 60.0;

/// A part of the canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
}

impl Area {
    /// An area by its middle.
    pub(super) fn around(x: f64, y: f64, w: f64, h: f64) -> Self {
        Self {
            x: x - w / 2.0,
            y: y - h / 2.0,
            w,
            h,
        }
    }

    /// The smallest area that holds all of these.
    pub(super) fn of(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        let join = |one: Self, other: Self| {
            let (x, y) = (one.x.min(other.x), one.y.min(other.y));
            Self {
                x,
                y,
                w: (one.x + one.w).max(other.x + other.w) - x,
                h: (one.y + one.h).max(other.y + other.h) - y,
            }
        };
        all.into_iter().reduce(join)
    }

    pub(super) fn middle(&self) -> (f64, f64) {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.x < other.x + other.w
            && other.x < self.x + self.w
            && self.y < other.y + other.h
            && other.y < self.y + self.h
    }

    fn fits(&self, (w, h): (f64, f64)) -> bool {
        self.w <= w && self.h <= h
    }

    /// With room around it, on the grid, and not too small to be looked at.
    pub(super) fn canvas(&self) -> Self {
        let x = ((self.x - MARGIN) / 20.0).floor() * 20.0;
        let y = ((self.y - MARGIN) / 20.0).floor() * 20.0;
        Self {
            x,
            y,
            w: (self.x + self.w + MARGIN - x).ceil().max(320.0),
            h: (self.y + self.h + MARGIN - y).ceil(),
        }
    }
}

/// The frame within `canvas`: around `targets`, or around `at` where those do not fit.
pub(super) fn frame(
    canvas: Area,
    zoom: Option<Zoom>,
    targets: Option<Area>,
    at: Option<(f64, f64)>,
) -> (Zoom, Area) {
    let zoom = zoom.unwrap_or_else(|| {
        if canvas.fits(Zoom::Near.size()) {
            Zoom::Whole
        } else {
            Zoom::Near
        }
    });
    let (w, h) = zoom.size();
    let (w, h) = (w.min(canvas.w), h.min(canvas.h));
    let targets = targets.filter(|it| it.fits((w - MARGIN, h - MARGIN)));
    let middle = targets.map(|it| it.middle()).or(at);
    let (x, y) = middle.unwrap_or((canvas.x, canvas.y));
    // The frame stays on the canvas.
    let x = (x - w / 2.0)
        .clamp(canvas.x, canvas.x + canvas.w - w)
        .round();
    let y = (y - h / 2.0)
        .clamp(canvas.y, canvas.y + canvas.h - h)
        .round();
    (zoom, Area { x, y, w, h })
}
