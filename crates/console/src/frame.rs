//! The picture of a flow on a page: which tab, which view of it, and the ways to the others.

use std::collections::HashMap;

use deploy::Review;
use model::flow::change::{Change, ChangeId, Subject};

use crate::{
    picture::{self, Labels, Mode, View, Zoom},
    wording::{name_of, shown},
};

/// Tabs offered at most.
const TABS_MAX: usize = 100;

/// Characters of a tab's own words.
const INFO_MAX: usize = 400;

/// A picture with its switches.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) title: String,
    /// What the tab says of itself.
    pub(crate) info: Option<String>,
    pub(crate) is_disabled: bool,
    pub(crate) svg: String,
    /// Where in it the middle of what is pointed out lies: a narrow screen opens there.
    pub(crate) middle: Option<(u32, u32)>,
    pub(crate) map: Option<String>,
    pub(crate) tabs: Vec<Way>,
    pub(crate) modes: Vec<Way>,
    pub(crate) zooms: Vec<Way>,
    /// The link to the whole tab, for the map.
    pub(crate) whole: String,
    pub(crate) walk: Walk,
}

/// A link to another picture.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) label: String,
    pub(crate) path: String,
    pub(crate) is_here: bool,
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

/// What the reader asked to see of the picture, from the query.
#[derive(Debug, Default, Clone)]
pub(crate) struct Look {
    tab: Option<String>,
    mode: Mode,
    zoom: Option<Zoom>,
    at: Option<ChangeId>,
}

impl Look {
    pub(crate) fn asked(query: &HashMap<String, String>) -> Self {
        let word = |name: &str| query.get(name).map(String::as_str);
        Self {
            tab: query.get("tab").cloned(),
            mode: match word("mode") {
                Some("before") => Mode::Before,
                Some("after") => Mode::After,
                _ => Mode::Overlay,
            },
            zoom: word("zoom").and_then(Zoom::named),
            at: query.get("at").cloned().map(ChangeId),
        }
    }

    /// The same on this tab, unless another was asked for.
    pub(crate) fn or_on(self, tab: Option<&str>) -> Self {
        let tab = self.tab.or_else(|| tab.map(str::to_owned));
        Self { tab, ..self }
    }

    /// The link that leads to this look.
    fn path(&self) -> String {
        let mut path = format!("?mode={}", self.mode.word());
        let zoom = self.zoom.map(|zoom| ("zoom", zoom.word()));
        let tab = self.tab.as_ref().map(|tab| ("tab", tab.as_str()));
        let at = self.at.as_ref().map(|at| ("at", at.0.as_str()));
        for (name, value) in [tab, zoom, at].into_iter().flatten() {
            let value = crate::pages::sign_in::show::percent_encoded(value);
            path.extend(["&", name, "=", value.as_str()]);
        }
        path
    }
}

/// Calls `draw` with the view of what is asked for; none when no tab of it can be drawn.
pub(crate) fn view<T>(
    review: &Review,
    look: &Look,
    focus: &[ChangeId],
    draw: impl FnOnce(&View<'_>) -> T,
) -> Option<T> {
    let offered = tabs(review);
    let tab = match &look.tab {
        Some(tab) => *offered.iter().find(|known| *known == tab)?,
        None => *offered.first()?,
    };
    let id = review.deployment.id;
    let href = |change: &ChangeId| {
        let number = review.step_of(change)?;
        Some(format!("/deployments/{id}/steps/{number}"))
    };
    Some(draw(&View {
        before: Some(&review.base),
        after: Some(&review.proposal),
        tab,
        diff: &review.diff,
        mode: look.mode,
        palette: &review.palette,
        focus,
        at: look.at.as_ref(),
        zoom: look.zoom,
        labels: Labels::Shown,
        href: &href,
    }))
}

/// The picture of a tab on a page, with `focus` pointed out. On a step's page (`is_step`) it stays
/// with the step's tab.
pub(crate) fn frame(
    review: &Review,
    look: &Look,
    focus: &[ChangeId],
    is_step: bool,
) -> Option<Frame> {
    let (tab, drawn) = view(review, look, focus, |view| {
        (view.tab.to_owned(), picture::picture(view))
    })?;
    let node = |id: &str| review.proposal.get(id).or_else(|| review.base.get(id));
    let name = |id: &str| node(id).map_or_else(|| name_of(id), |node| name_of(&node.label()));
    let look = look.clone().or_on(Some(&tab));
    let others = if is_step { Vec::new() } else { tabs(review) };
    let tabs = others.into_iter().map(|id| Way {
        label: name(id),
        path: Look {
            tab: Some(id.to_owned()),
            mode: look.mode,
            ..Look::default()
        }
        .path(),
        is_here: id == tab,
    });
    // What fits on the page needs no choice.
    let has_zooms = drawn.map.is_some() || look.zoom.is_some();
    let walk = Walk::of(&look, focus, &drawn.changes);
    let properties = node(&tab).map(|node| node.properties()).unwrap_or_default();
    let info = properties.get("info").and_then(serde_json::Value::as_str);
    let info = info.map(str::trim).filter(|info| !info.is_empty());
    Some(Frame {
        title: name(&tab),
        is_disabled: properties.get("disabled") == Some(&serde_json::Value::Bool(true)),
        info: info.map(|info| shown(&picture::cut(info, INFO_MAX))),
        tabs: tabs.collect(),
        modes: modes(&look),
        zooms: if has_zooms {
            zooms(&look, drawn.zoom)
        } else {
            Vec::new()
        },
        whole: Look {
            zoom: Some(Zoom::Whole),
            at: None,
            ..look
        }
        .path(),
        walk,
        svg: drawn.svg,
        middle: drawn.middle,
        map: drawn.map,
    })
}

fn modes(look: &Look) -> Vec<Way> {
    let modes = [
        ("Both", Mode::Overlay),
        ("Before", Mode::Before),
        ("After", Mode::After),
    ];
    let way = |(label, mode): (&str, Mode)| Way {
        label: label.to_owned(),
        path: Look {
            mode,
            ..look.clone()
        }
        .path(),
        is_here: mode == look.mode,
    };
    modes.into_iter().map(way).collect()
}

fn zooms(look: &Look, here: Zoom) -> Vec<Way> {
    let zooms = [
        ("Close", Zoom::Close),
        ("Near", Zoom::Near),
        ("Far", Zoom::Far),
        ("Whole", Zoom::Whole),
    ];
    let way = |(label, zoom): (&str, Zoom)| Way {
        label: label.to_owned(),
        path: Look {
            zoom: Some(zoom),
            ..look.clone()
        }
        .path(),
        is_here: zoom == here,
    };
    zooms.into_iter().map(way).collect()
}

/// From one change to the next, by links.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Which of them is in the middle, from 1; none when all of them are looked at.
    pub(crate) here: Option<usize>,
    pub(crate) count: usize,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
}

impl Walk {
    fn of(look: &Look, focus: &[ChangeId], changes: &[ChangeId]) -> Self {
        let place = |id: &ChangeId| changes.iter().position(|it| it == id);
        let at = look.at.as_ref().and_then(place);
        // Where a step points out one change, the walk begins there.
        let here = at.or_else(|| match focus {
            [alone] => place(alone),
            _ => None,
        });
        let to = |place: usize| {
            changes.get(place).map(|id| {
                Look {
                    at: Some(id.clone()),
                    zoom: look.zoom.filter(|zoom| *zoom != Zoom::Whole),
                    ..look.clone()
                }
                .path()
            })
        };
        Self {
            here: here.map(|place| place + 1),
            count: changes.len(),
            previous: here.and_then(|place| place.checked_sub(1)).and_then(to),
            next: to(here.map_or(0, |place| place + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_walks_from_change_to_change_and_no_further() {
        let ids: Vec<_> = ["a", "b", "c"].map(|it| ChangeId(it.to_owned())).into();
        let at = |id: Option<&str>| Look {
            at: id.map(|it| ChangeId(it.to_owned())),
            ..Look::default()
        };
        let walk = |look: &Look, focus| {
            let walk = Walk::of(look, focus, &ids);
            (walk.here, walk.previous, walk.next)
        };
        let to = |id| Some(format!("?mode=overlay&at={id}"));
        assert_eq!(walk(&at(None), &[]), (None, None, to("a")));
        assert_eq!(walk(&at(Some("b")), &[]), (Some(2), to("a"), to("c")));
        assert_eq!(walk(&at(None), &ids[2..]), (Some(3), to("b"), None));
        assert_eq!(walk(&at(Some("gone")), &[]), (None, None, to("a")));
    }

    #[test]
    fn a_look_leads_back_to_itself() {
        let look = Look {
            tab: Some("t&a=b".to_owned()),
            mode: Mode::After,
            zoom: Some(Zoom::Far),
            at: Some(ChangeId("changed:é".to_owned())),
        };
        let path = look.path();
        assert!(
            path.contains("mode=after") && path.contains("zoom=far"),
            "{path}"
        );
        assert!(path.contains("tab=t%26a%3Db"), "{path}");
    }
}
