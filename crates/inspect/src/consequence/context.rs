//! What a change does by context: names it sets that others read, names it reads that others set,
//! names that nobody sets any more.

use std::collections::{HashMap, HashSet};

use model::flow::{
    change::{Aspect, Subject},
    diff::Diff,
};

use crate::{
    graph::{
        Graph,
        context::{Owner, Shared, Touch},
    },
    hit::Hits,
    look::{list, quote},
    rule::consequence::{CONTEXT_UNSET, CONTEXT_WAY},
};

/// Nodes named in a sentence, and looked at for it: thousands may share a name.
const NAMED: usize = 5;

pub(super) fn look<'f>(before: &Graph<'f>, after: &Graph<'f>, diff: &Diff, hits: &mut [Hits]) {
    if before.contexts.is_empty() && after.contexts.is_empty() {
        return;
    }
    let mut told = HashSet::new();
    let mut switched: HashMap<&str, usize> = HashMap::new();
    for (place, (change, hits)) in diff.changes.iter().zip(&mut *hits).enumerate() {
        let is_one = matches!(change.subject, Subject::Node | Subject::Config)
            && matches!(
                change.aspect,
                Aspect::Added | Aspect::Removed | Aspect::Changed
            );
        // A node has several changes, and says what it says once.
        if is_one && told.insert(change.node.as_str()) {
            one(before, after, &change.node, hits);
        }
        let is_switched = change.properties.iter().any(|it| it.key == "disabled");
        if change.subject == Subject::Tab && is_switched {
            switched.insert(&change.node, place);
        }
    }
    if switched.is_empty() {
        return;
    }
    // A tab that is switched on or off does so with all its nodes: told there.
    for node in after.nodes().filter(|it| !told.contains(it.id())) {
        let place = node.tab().and_then(|tab| switched.get(tab));
        if let Some(hits) = place.and_then(|place| hits.get_mut(*place)) {
            one(before, after, node.id(), hits);
        }
    }
}

fn one<'f>(before: &Graph<'f>, after: &Graph<'f>, node: &str, hits: &mut Hits) {
    let touches = |graph: &Graph<'f>| {
        let place = graph.place(node);
        let found = place.map_or(&[][..], |place| graph.contexts.of(place));
        found.iter().cloned().collect::<HashSet<Touch<'f>>>()
    };
    let (was, is) = (touches(before), touches(after));
    let sorted = |one: &HashSet<Touch<'f>>, other: &HashSet<Touch<'f>>| {
        let mut only: Vec<Touch<'f>> = one.difference(other).cloned().collect();
        only.sort_unstable();
        only
    };
    let own = after.place(node);
    for touch in sorted(&is, &was) {
        shares(after, own, &touch, hits);
    }
    for touch in sorted(&was, &is).iter().filter(|touch| touch.sets) {
        unset(after, touch, hits);
    }
}

/// A name that is set or read newly, and those at its other end.
fn shares(graph: &Graph<'_>, own: Option<u32>, touch: &Touch<'_>, hits: &mut Hits) {
    let ends = |shared: &Shared| {
        let ends = if touch.sets {
            &shared.readers
        } else {
            &shared.setters
        };
        Others::of(graph, own, ends)
    };
    let (does, done) = if touch.sets {
        ("Sets", "read")
    } else {
        ("Reads", "set")
    };
    let owner = touch.owner.word();
    let sharing = |key: Option<&str>| graph.contexts.sharing(touch.owner, key);
    let message = if let Some(key) = &touch.key {
        let others = sharing(Some(key)).map(ends).unwrap_or_default();
        let perhaps = sharing(None).map(ends).unwrap_or_default();
        let name = format!("{does} {owner} {}", quote(key));
        match (others.words(), perhaps.words()) {
            (Some(others), _) => {
                format!("{name}, {done} by {others}: they hang together without a wire.")
            }
            (None, Some(perhaps)) => {
                format!("{name}, which may be {done} by {perhaps}, where the name is worked out.")
            }
            (None, None) => return,
        }
    } else {
        let others = graph.contexts.owned(touch.owner).map(ends);
        let Some(others) = others.and_then(|it| it.words()) else {
            return;
        };
        format!(
            "{does} names in {owner} that it works out: what is {done} by {others} may be among them."
        )
    };
    // Whoever else sets or reads it is part of what was accepted, and messages name only a few.
    let mark = |shared: Option<&Shared>| {
        let mark = shared.map(|it| it.mark(graph, !touch.sets).to_string());
        mark.unwrap_or_default()
    };
    let (all, perhaps) = match &touch.key {
        Some(key) => (mark(sharing(Some(key))), mark(sharing(None))),
        None => (mark(graph.contexts.owned(touch.owner)), String::new()),
    };
    let key = touch.key.as_deref().unwrap_or("");
    hits.add(&CONTEXT_WAY, message)
        .about_all(&[touch.owner.id(), key, &all, &perhaps]);
}

/// A name that is set here no more.
fn unset<'f>(after: &Graph<'f>, touch: &Touch<'f>, hits: &mut Hits) {
    let Some(key) = &touch.key else {
        return;
    };
    let is_set = |key: Option<&str>| {
        let shared = after.contexts.sharing(touch.owner, key);
        shared.is_some_and(|it| !it.setters.is_empty())
    };
    if is_set(Some(key)) || is_set(None) || is_gone(after, touch.owner) {
        return;
    }
    let shared = after.contexts.sharing(touch.owner, Some(key));
    let readers = shared.map(|it| Others::of(after, None, &it.readers));
    if let Some(readers) = readers.and_then(|it| it.words()) {
        let message = format!(
            "Nothing sets {} {} any more. It is read by {readers}: from now on that is what was set last, or nothing.",
            touch.owner.word(),
            quote(key)
        );
        let all = shared.map(|it| it.mark(after, false).to_string());
        hits.add(&CONTEXT_UNSET, message).about_all(&[
            touch.owner.id(),
            key,
            &all.unwrap_or_default(),
        ]);
    }
}

/// Whether the tab that a name belongs to is gone.
fn is_gone(graph: &Graph<'_>, owner: Owner<'_>) -> bool {
    matches!(owner, Owner::Flow(tab) if graph.place(tab).is_none())
}

/// Nodes for a sentence: the first few, and how many.
#[derive(Default)]
struct Others {
    named: Vec<String>,
    count: usize,
}

impl Others {
    fn of(graph: &Graph<'_>, own: Option<u32>, vertices: &[u32]) -> Self {
        let is_own = |vertex: u32| Some(vertex) == own;
        // In the order of the file, so that a look-up tells whether it is itself among them.
        let count =
            vertices.len() - usize::from(own.is_some_and(|it| vertices.binary_search(&it).is_ok()));
        let others = vertices.iter().filter(|it| !is_own(**it)).take(NAMED + 1);
        let label = |vertex: &u32| Some(quote(graph.label(*vertex)?));
        Self {
            named: others.filter_map(label).collect(),
            count,
        }
    }

    fn words(&self) -> Option<String> {
        let more = self.count.saturating_sub(NAMED);
        let shown = self.named.get(..NAMED).unwrap_or(&self.named);
        match (shown, more) {
            ([], _) => None,
            (shown, 0) => Some(list(shown)),
            (shown, more) => Some(format!("{} and {more} more", shown.join(", "))),
        }
    }
}
