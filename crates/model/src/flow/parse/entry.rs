//! One entry of the array: where it lies, and the values that are asked of it most often.

use std::{borrow::Cow, ops::Range};

use super::{ID_MAX, TYPE_MAX};
use crate::flow::{error::FlowError, scan};

/// Where an entry and what is asked of it most often lie in the canonical text.
pub(super) struct Entry {
    pub(super) whole: Range<usize>,
    pub(super) id: Text,
    pub(super) kind: Text,
    pub(super) tab: Option<Text>,
    pub(super) wires: Option<Range<usize>>,
    pub(super) name: Option<Range<usize>>,
    pub(super) label: Option<Range<usize>>,
    pub(super) is_placed: bool,
    pub(super) is_off: bool,
}

pub(super) enum Text {
    At(Range<usize>),
    Owned(Box<str>),
}

impl Text {
    pub(super) fn of<'a>(&'a self, canonical: &'a str) -> &'a str {
        match self {
            Self::At(range) => &canonical[range.clone()],
            Self::Owned(text) => text,
        }
    }
}

/// Where an entry lies, and the values in it that are asked of it most often, as they are written.
#[derive(Debug, Default)]
pub(in crate::flow) struct Place {
    pub(in crate::flow) whole: Range<usize>,
    pub(super) id: Option<Range<usize>>,
    pub(super) kind: Option<Range<usize>>,
    pub(super) tab: Option<Range<usize>>,
    pub(super) wires: Option<Range<usize>>,
    pub(super) name: Option<Range<usize>>,
    pub(super) label: Option<Range<usize>>,
    pub(super) has_x: bool,
    pub(super) has_y: bool,
    /// Whether `d`, and `disabled`, is true: a node is switched off by the first, a tab by the
    /// second.
    pub(super) off: [bool; 2],
}

impl Place {
    /// Notes a member of the entry; `value` is where it lies in `text`.
    pub(in crate::flow) fn see(&mut self, text: &str, key: &str, value: Range<usize>) {
        let is_true = || text.get(value.clone()) == Some("true");
        match key {
            "d" => self.off[0] = is_true(),
            "disabled" => self.off[1] = is_true(),
            "x" => self.has_x = true,
            "y" => self.has_y = true,
            "id" => self.id = Some(value),
            "type" => self.kind = Some(value),
            "z" => self.tab = Some(value),
            "wires" => self.wires = Some(value),
            "name" => self.name = Some(value),
            "label" => self.label = Some(value),
            _ => {}
        }
    }
}

pub(super) fn place(canonical: &str, whole: Range<usize>) -> Result<Place, FlowError> {
    let origin = canonical.as_ptr().addr();
    let mut members = scan::members(&canonical[whole.clone()]);
    let mut place = Place {
        whole,
        ..Place::default()
    };
    for (key, value) in members.by_ref() {
        let start = value.as_ptr().addr() - origin;
        place.see(canonical, key, start..start + value.len());
    }
    if members.is_finished() {
        Ok(place)
    } else {
        Err(FlowError::NotCanonical)
    }
}

pub(super) fn entry(canonical: &str, index: usize, place: Place) -> Result<Entry, FlowError> {
    let text = |range: Range<usize>| {
        let inner = canonical[range.clone()]
            .strip_prefix('"')?
            .strip_suffix('"')?;
        Some(match scan::unescape(inner) {
            Cow::Borrowed(_) => Text::At(range.start + 1..range.end - 1),
            Cow::Owned(text) => Text::Owned(text.into()),
        })
    };
    let fits = |text: &Text, max: usize| {
        let text = text.of(canonical);
        let usable = !text.is_empty() && !text.contains(char::is_control);
        usable && (text.len() <= max || text.chars().count() <= max)
    };
    let (id, kind) = (place.id.and_then(text), place.kind.and_then(text));
    // Node-RED uses ids as keys of plain objects, where this one is the prototype.
    let id = id
        .filter(|id| fits(id, ID_MAX) && id.of(canonical) != "__proto__")
        .ok_or(FlowError::BadId { index })?;
    let kind = kind
        .filter(|kind| fits(kind, TYPE_MAX))
        .ok_or_else(|| FlowError::BadType {
            id: id.of(canonical).to_owned(),
        })?;
    // A tab is switched off by another key than a node.
    let is_off = place.off[usize::from(kind.of(canonical) == "tab")];
    Ok(Entry {
        whole: place.whole,
        id,
        kind,
        tab: place.tab.and_then(text),
        wires: place.wires,
        name: place.name,
        label: place.label,
        is_placed: place.has_x && place.has_y,
        is_off,
    })
}
