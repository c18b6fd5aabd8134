//! One sentence of what a diff does.

use std::collections::HashSet;

use super::Diff;
use crate::flow::change::{Aspect, Change, Subject};

impl Diff {
    /// One sentence of what it does: "adds 2 nodes, changes 1, rewires 3 on Boiler".
    pub fn summary(&self) -> String {
        let mut parts = Vec::new();
        let frames = [(Subject::Tab, "tab"), (Subject::Subflow, "subflow")];
        let verbs =
            [(Aspect::Added, "adds"), (Aspect::Removed, "removes"), (Aspect::Changed, "changes")];
        for (subject, noun) in frames {
            for (aspect, verb) in verbs {
                let of = |change: &&Change| change.subject == subject && change.aspect == aspect;
                let all: Vec<&Change> = self.changes.iter().filter(of).collect();
                match all.as_slice() {
                    [] => {}
                    [one] => parts.push(format!("{verb} the {noun} {}", one.label)),
                    many => parts.push(format!("{verb} {} {noun}s", many.len())),
                }
            }
        }
        let mut is_named = false;
        let nodes = verbs.into_iter().chain([(Aspect::Wired, "rewires"), (Aspect::Layout, "moves")]);
        for (aspect, verb) in nodes {
            let count = self.on_canvas().filter(|change| change.aspect == aspect).count();
            if count == 0 {
                continue;
            }
            // The noun once: "adds 2 nodes, changes 1".
            let noun = match (is_named, count) {
                (true, _) => "",
                (false, 1) => " node",
                (false, _) => " nodes",
            };
            is_named = true;
            parts.push(format!("{verb} {count}{noun}"));
        }
        if let (true, Some(tab)) = (is_named, self.only_tab())
            && let Some(last) = parts.last_mut()
        {
            *last = format!("{last} on {tab}");
        }
        if self.changes.iter().any(|change| change.aspect == Aspect::Order) {
            parts.push("reorders the file".to_owned());
        }
        if parts.is_empty() { "changes nothing".to_owned() } else { parts.join(", ") }
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
        let tabs: HashSet<Option<&str>> =
            self.on_canvas().map(|change| change.tab.as_deref()).collect();
        let only = tabs.iter().next().copied().flatten().filter(|_| tabs.len() == 1)?;
        self.tabs.get(only).map(String::as_str)
    }
}
