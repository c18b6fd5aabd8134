//! Values a node's package fills in by itself: shown as that, not as a difference.
//!
//! What a package calls its default is the package's word, and packages are hostile by assumption.
//! So only short plain values are folded, never code, and nothing a finding is about.

use model::{
    flow::change::{Aspect, Change, Language, PropertyChange, Subject},
    palette::NodeType,
};
use serde_json::Value;

use super::is_plain;

/// Where a node stands and what it is wired to.
const PLACE: [&str; 5] = ["z", "g", "x", "y", "wires"];

/// What a package says of one property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Nothing, or something else than either side.
    Neither,
    /// The property comes or goes with the value the package sets: no difference a person made; or
    /// it says where a whole node stands and what it is wired to, which the page tells in words.
    Folded,
    /// It was what the package sets, and is something else now.
    Before,
    /// It is now what the package sets.
    After,
}

impl Preset {
    /// What the package of the change's node says of `property`.
    pub(crate) fn of(change: &Change, property: &PropertyChange, kind: Option<&NodeType>) -> Self {
        let is_whole = matches!(change.aspect, Aspect::Added | Aspect::Removed);
        let is_canvas = matches!(change.subject, Subject::Node | Subject::Group);
        if is_whole && is_canvas && PLACE.contains(&&*property.key) {
            return Self::Folded;
        }
        let set = kind
            .and_then(|kind| kind.defaults.get(&property.key))
            .and_then(|it| it.value.as_ref());
        let Some(set) = set.filter(|set| is_plain(set)) else {
            return Self::Neither;
        };
        let is_set = |value: &Option<Value>| value.as_ref() == Some(set);
        let is_found = change
            .findings
            .iter()
            .any(|finding| finding.property.as_deref() == Some(&*property.key));
        match (&property.before, &property.after) {
            (None, after) if is_set(after) => Self::folded(property, is_found),
            (before, None) if is_set(before) => Self::folded(property, is_found),
            (Some(_), Some(_)) if is_set(&property.before) => Self::Before,
            (Some(_), Some(_)) if is_set(&property.after) => Self::After,
            _ => Self::Neither,
        }
    }

    fn folded(property: &PropertyChange, is_found: bool) -> Self {
        if is_found || property.language != Language::Plain {
            return Self::Neither;
        }
        Self::Folded
    }

    /// For people.
    pub(crate) fn note(self) -> Option<&'static str> {
        match self {
            Self::Neither | Self::Folded => None,
            Self::Before => Some("was as the package sets it"),
            Self::After => Some("back to what the package sets"),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{
        flow::{
            change::ChangeId,
            finding::{Finding, Severity},
        },
        palette::Property,
    };
    use serde_json::json;

    use super::*;

    fn kind() -> NodeType {
        let mut kind = NodeType::default();
        let defaults = [("qos", json!("0")), ("func", json!("return msg;"))];
        for (key, value) in defaults {
            let property = Property {
                value: Some(value),
                ..Property::default()
            };
            kind.defaults.insert(key.to_owned(), property);
        }
        kind
    }

    fn change() -> Change {
        Change {
            id: ChangeId::new(Aspect::Changed, "n"),
            aspect: Aspect::Changed,
            subject: Subject::Node,
            node: "n".to_owned(),
            node_type: "mqtt out".to_owned(),
            label: "n".to_owned(),
            tab: None,
            properties: Vec::new(),
            wires: Vec::new(),
            credentials: Vec::new(),
            used_by: Vec::new(),
            recognised: None,
            said: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn preset(change: &Change, key: &str, before: Option<&str>, after: Option<&str>) -> Preset {
        let language = if key == "func" {
            Language::JavaScript
        } else {
            Language::Plain
        };
        let property = PropertyChange {
            key: key.to_owned(),
            before: before.map(Value::from),
            after: after.map(Value::from),
            language,
        };
        Preset::of(change, &property, Some(&kind()))
    }

    #[test]
    fn what_the_package_sets_by_itself_is_told_from_what_a_person_set() {
        let change = change();
        let qos = |before, after| preset(&change, "qos", before, after);
        assert_eq!(qos(None, Some("0")), Preset::Folded);
        assert_eq!(qos(Some("0"), None), Preset::Folded);
        assert_eq!(qos(None, Some("2")), Preset::Neither);
        assert_eq!(qos(Some("2"), None), Preset::Neither);
        assert_eq!(qos(Some("0"), Some("2")), Preset::Before);
        assert_eq!(qos(Some("2"), Some("0")), Preset::After);
        assert_eq!(qos(Some("1"), Some("2")), Preset::Neither);
        assert_eq!(preset(&change, "name", None, Some("0")), Preset::Neither);
    }

    #[test]
    fn where_a_whole_node_stands_is_folded_and_a_node_that_goes_elsewhere_is_not() {
        let mut change = change();
        assert_eq!(preset(&change, "z", None, Some("t2")), Preset::Neither);
        change.aspect = Aspect::Added;
        assert_eq!(preset(&change, "z", None, Some("t2")), Preset::Folded);
        change.subject = Subject::Config;
        assert_eq!(preset(&change, "z", None, Some("t2")), Preset::Neither);
    }

    #[test]
    fn a_package_cannot_fold_code_or_what_a_finding_is_about() {
        let mut change = change();
        let code = preset(&change, "func", None, Some("return msg;"));
        assert_eq!(code, Preset::Neither);
        change.findings.push(Finding {
            rule: "reach-topic".to_owned(),
            severity: Severity::Note,
            message: "Listens to everything.".to_owned(),
            property: Some("qos".to_owned()),
            line: None,
            mark: model::id::Hash::of(b"mark"),
            accepted: None,
        });
        assert_eq!(preset(&change, "qos", None, Some("0")), Preset::Neither);
    }
}
