//! One node: added, removed, or compared with what it was.

use std::collections::HashMap;

use serde_json::Value;

use super::{language, wires};
use crate::flow::{
    NodeRef,
    change::{Aspect, Change, ChangeId, CredentialAction, CredentialNote, PropertyChange, Subject},
    credentials::{CredentialChange, CredentialChanges, CredentialNames},
    scan, words,
};

/// The name under which a change of the order of a node's keys is shown; before and after are
/// the keys. It means nothing to Node-RED, but the file's text differs, so it is told.
pub const KEY_ORDER: &str = "(order of keys)";

/// The credentials a deployment touches on one node.
pub(super) fn notes(
    credentials: &CredentialChanges,
    known: &CredentialNames,
    node: &str,
) -> Vec<CredentialNote> {
    let fields = credentials.0.get(node).into_iter().flatten();
    let said = |(field, change): (&String, &CredentialChange)| {
        let was_there = known.contains(&(node.to_owned(), field.clone()));
        let action = match (change, was_there) {
            (CredentialChange::Set(_), false) => CredentialAction::Set,
            (CredentialChange::Set(_), true) => CredentialAction::Changed,
            (CredentialChange::Remove, true) => CredentialAction::Removed,
            (CredentialChange::Remove, false) => return None,
        };
        Some(CredentialNote {
            field: field.clone(),
            action,
        })
    };
    fields.filter_map(said).collect()
}

fn blank(aspect: Aspect, node: NodeRef<'_>) -> Change {
    Change {
        id: ChangeId::new(aspect, node.id()),
        aspect,
        subject: Subject::of(node),
        node: node.id().to_owned(),
        node_type: node.kind().to_owned(),
        label: node.label(),
        tab: node.tab().filter(|tab| !tab.is_empty()).map(str::to_owned),
        properties: Vec::new(),
        wires: Vec::new(),
        credentials: Vec::new(),
        used_by: Vec::new(),
        recognised: None,
        said: Vec::new(),
        findings: Vec::new(),
    }
}

/// A node that is new, with all it says.
pub(super) fn added(node: NodeRef<'_>, credentials: Vec<CredentialNote>) -> Change {
    let properties = |property| (None, Some(property));
    Change {
        credentials,
        wires: wires::compare("", wires::text(node), node.id()).wires,
        ..whole(Aspect::Added, node, properties)
    }
}

/// A node that is gone, with all it said.
pub(super) fn removed(node: NodeRef<'_>) -> Change {
    let properties = |property| (Some(property), None);
    Change {
        wires: wires::compare(wires::text(node), "", node.id()).wires,
        ..whole(Aspect::Removed, node, properties)
    }
}

fn whole(
    aspect: Aspect,
    node: NodeRef<'_>,
    sides: impl Fn(Value) -> (Option<Value>, Option<Value>),
) -> Change {
    let all = node.properties();
    let mut change = blank(aspect, node);
    change.said = match aspect {
        Aspect::Removed => words::say(node.kind(), Some(&all), None),
        _ => words::say(node.kind(), None, Some(&all)),
    };
    for (key, value) in &all {
        if key == "id" || key == "type" {
            continue;
        }
        let language = language::of(node.kind(), key, value, &all);
        let (before, after) = sides(value.clone());
        change.properties.push(PropertyChange {
            key: key.clone(),
            before,
            after,
            language,
        });
    }
    change
}

/// What differs between a node before and after.
pub(super) fn compare(
    before: NodeRef<'_>,
    after: NodeRef<'_>,
    credentials: Vec<CredentialNote>,
) -> Vec<Change> {
    let old: Vec<(&str, &str)> = scan::members(before.raw()).collect();
    let new: Vec<(&str, &str)> = scan::members(after.raw()).collect();
    let was: HashMap<&str, &str> = old.iter().copied().collect();
    let is: HashMap<&str, &str> = new.iter().copied().collect();
    let all = after.properties();
    let mut changed = Change {
        credentials,
        ..blank(Aspect::Changed, after)
    };
    let mut wired = blank(Aspect::Wired, after);
    let mut layout = blank(Aspect::Layout, after);
    let mut has_other_wires = false;
    let here = new
        .iter()
        .map(|(key, value)| (*key, was.get(key).copied(), Some(*value)));
    let gone = old.iter().filter(|(key, _)| !is.contains_key(key));
    let gone = gone.map(|(key, value)| (*key, Some(*value), None));
    for (key, old, new) in here.chain(gone).filter(|(_, old, new)| old != new) {
        if key == "wires" {
            has_other_wires = true;
            let told = wires::compare(old.unwrap_or(""), new.unwrap_or(""), after.id());
            wired.wires = told.wires;
            wired
                .said
                .extend(words::wires(told.count_before, told.count_after));
            if told.is_whole {
                continue;
            }
        }
        let change = property(after.kind(), key, old, new, &all);
        match key {
            "wires" => wired.properties.push(change),
            _ if is_layout(changed.subject, &change) => layout.properties.push(change),
            _ => changed.properties.push(change),
        }
    }
    if !changed.properties.is_empty() {
        changed.said = if before.kind() == after.kind() {
            words::say(after.kind(), Some(&before.properties()), Some(&all))
        } else {
            words::say(after.kind(), None, Some(&all))
        };
    }
    let mut aspects = Vec::new();
    if !changed.properties.is_empty() || !changed.credentials.is_empty() {
        aspects.push(changed);
    }
    if has_other_wires {
        aspects.push(wired);
    }
    if !layout.properties.is_empty() {
        aspects.push(layout);
    }
    if let Some(order) = key_order(&old, &new, &was, &is) {
        if aspects.is_empty() {
            aspects.push(blank(Aspect::Layout, after));
        }
        aspects[0].properties.push(order);
    }
    aspects
}

fn property(
    kind: &str,
    key: &str,
    before: Option<&str>,
    after: Option<&str>,
    all: &serde_json::Map<String, Value>,
) -> PropertyChange {
    // Canonical text always parses; were it not to, the text itself is shown.
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.into());
    let (before, after) = (before.map(value), after.map(value));
    let key = scan::unescape(key).into_owned();
    let shown = after.as_ref().or(before.as_ref()).unwrap_or(&Value::Null);
    let mut language = language::of(kind, &key, shown, all);
    if language == language::PLAIN && before.as_ref().is_some_and(language::is_long) {
        language = language::TEXT;
    }
    PropertyChange {
        key,
        before,
        after,
        language,
    }
}

/// Whether only where the node is drawn differs. Node-RED itself takes `w` and `h` for layout on
/// groups alone (`flows/util.js`, `diffNodes`); on other types they may mean anything.
fn is_layout(subject: Subject, change: &PropertyChange) -> bool {
    let numbers = [&change.before, &change.after]
        .into_iter()
        .all(|side| side.as_ref().is_some_and(Value::is_number));
    numbers
        && match change.key.as_str() {
            "x" | "y" => matches!(subject, Subject::Node | Subject::Group),
            "w" | "h" => subject == Subject::Group,
            _ => false,
        }
}

fn key_order(
    old: &[(&str, &str)],
    new: &[(&str, &str)],
    was: &HashMap<&str, &str>,
    is: &HashMap<&str, &str>,
) -> Option<PropertyChange> {
    let before = old
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| is.contains_key(key));
    let after = new
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| was.contains_key(key));
    if before.clone().eq(after.clone()) {
        return None;
    }
    let names = |keys: &mut dyn Iterator<Item = &str>| {
        Some(
            keys.map(|key| Value::from(scan::unescape(key).into_owned()))
                .collect(),
        )
    };
    Some(PropertyChange {
        key: KEY_ORDER.to_owned(),
        before: names(&mut before.into_iter()),
        after: names(&mut after.into_iter()),
        language: language::JSON,
    })
}
