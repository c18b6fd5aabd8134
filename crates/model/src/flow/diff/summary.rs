//! One sentence of what a diff does.

use std::collections::HashSet;

use super::Diff;
use crate::flow::change::{Aspect, Change, Subject};

impl Diff {
    /// One sentence of what it does: "adds 2 nodes, changes 1, rewires 3 on Boiler".
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        let mut is_named = false;
        let verbs = [
            (Aspect::Added, "adds"),
            (Aspect::Removed, "removes"),
            (Aspect::Changed, "changes"),
        ];
        for (aspect, verb) in verbs {
            let mut things = Vec::new();
            things.extend(self.frames(aspect, Subject::Tab, "tab"));
            things.extend(self.frames(aspect, Subject::Subflow, "subflow"));
            // "removes 2 tabs and 30" would leave open of what.
            is_named &= things.is_empty();
            things.extend(self.nodes(aspect, &mut is_named));
            if let Some((last, first)) = things.split_last() {
                let first = first.join(", ");
                let and = if first.is_empty() { "" } else { " and " };
                parts.push(format!("{verb} {first}{and}{last}"));
            }
        }
        for (aspect, verb) in [(Aspect::Wired, "rewires"), (Aspect::Layout, "moves")] {
            parts.extend(
                self.nodes(aspect, &mut is_named)
                    .map(|nodes| format!("{verb} {nodes}")),
            );
        }
        if let (true, Some(tab)) = (is_named, self.only_tab())
            && let Some(last) = parts.last_mut()
        {
            *last = format!("{last} on {tab}");
        }
        if self
            .changes
            .iter()
            .any(|change| change.aspect == Aspect::Order)
        {
            parts.push("reorders the file".to_owned());
        }
        if parts.is_empty() {
            "changes nothing".to_owned()
        } else {
            parts.join(", ")
        }
    }

    /// "the tab Boiler", "2 tabs".
    fn frames(&self, aspect: Aspect, subject: Subject, noun: &str) -> Option<String> {
        let of = |change: &&Change| change.subject == subject && change.aspect == aspect;
        let all: Vec<&Change> = self.changes.iter().filter(of).collect();
        match all.as_slice() {
            [] => None,
            [one] => Some(format!("the {noun} {}", one.label)),
            many => Some(format!("{} {noun}s", many.len())),
        }
    }

    /// "2 nodes"; only "2" once nodes have been named.
    fn nodes(&self, aspect: Aspect, is_named: &mut bool) -> Option<String> {
        let count = self
            .on_canvas()
            .filter(|change| change.aspect == aspect)
            .count();
        if count == 0 {
            return None;
        }
        let noun = match (std::mem::replace(is_named, true), count) {
            (true, _) => "",
            (false, 1) => " node",
            (false, _) => " nodes",
        };
        Some(format!("{count}{noun}"))
    }

    /// Changes of groups, config nodes and nodes (and wires and layout of anything).
    fn on_canvas(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| match change.aspect {
            Aspect::Added | Aspect::Removed | Aspect::Changed => {
                !matches!(change.subject, Subject::Tab | Subject::Subflow)
            }
            Aspect::Wired | Aspect::Layout => true,
            Aspect::Order => false,
        })
    }

    fn only_tab(&self) -> Option<&str> {
        let tabs: HashSet<Option<&str>> = self
            .on_canvas()
            .map(|change| change.tab.as_deref())
            .collect();
        let only = tabs
            .iter()
            .next()
            .copied()
            .flatten()
            .filter(|_| tabs.len() == 1)?;
        self.tabs.get(only).map(String::as_str)
    }
}
