use model::flow::change::{Aspect, ChangeId, Language, PropertyChange, Subject};

use super::*;
use crate::rule::{code::MODULES, hidden::ODD_KEY};

fn change(key: &str, says: &str) -> Change {
    Change {
        id: ChangeId::new(Aspect::Changed, "n"),
        aspect: Aspect::Changed,
        subject: Subject::Node,
        node: "n".to_owned(),
        node_type: "x".to_owned(),
        label: "x".to_owned(),
        tab: None,
        properties: vec![PropertyChange {
            key: key.to_owned(),
            before: None,
            after: Some(says.into()),
            language: Language::Plain,
        }],
        wires: Vec::new(),
        credentials: Vec::new(),
        used_by: Vec::new(),
        recognised: None,
        said: Vec::new(),
        findings: Vec::new(),
    }
}

fn mark(change: &Change, add: impl Fn(&mut Hits)) -> Hash {
    let mut hits = Hits::default();
    add(&mut hits);
    hits.findings(change)[0].mark
}

/// Two matters that read the same are both told: else one of them would hide behind the other.
#[test]
fn what_reads_the_same_and_is_another_matter_is_told_beside_it() {
    let mut hits = Hits::default();
    for text in ["a", "b", "a"] {
        hits.add(&MODULES, "Loads something.")
            .at("libs")
            .about(text);
    }
    let found = hits.findings(&change("libs", "x"));
    assert_eq!(found.len(), 2);
    assert_ne!(found[0].mark, found[1].mark);
}

#[test]
fn a_mark_is_of_what_the_property_says() {
    let of = |says| {
        mark(&change("libs", says), |hits| {
            hits.add(&MODULES, "Loads something.").at("libs");
        })
    };
    assert_eq!(of("a"), of("a"));
    assert_ne!(of("a"), of("b"));
}

/// A text that holds what separates the parts of a mark is not taken for two parts.
#[test]
fn no_text_passes_for_another_by_where_it_is_cut() {
    let of = |property: &str, message: &str| {
        mark(&change("other", "x"), |hits| {
            hits.add(&MODULES, message).at(property);
        })
    };
    assert_ne!(of("a\0b", "c"), of("a", "b\0c"));
    let all = |texts: &[&str]| {
        mark(&change("x", "x"), |hits| {
            hits.add(&MODULES, "m").about_all(texts);
        })
    };
    assert_ne!(all(&["a", "b"]), all(&["a1:b"]));
    assert_ne!(all(&["a", "b"]), all(&["ab"]));
}

#[test]
fn a_million_hits_of_one_rule_are_counted_and_not_kept() {
    let mut hits = Hits::default();
    for at in 0..50_000 {
        hits.add(&ODD_KEY, format!("The property {at} is odd."));
    }
    hits.add(&MODULES, "Loads something.");
    assert_eq!(hits.kept.len(), OF_RULE_MAX + 1);
    let found = hits.findings(&change("x", "x"));
    assert_eq!(found.len(), HITS_MAX);
    assert_eq!(found[0].rule, "function-modules");
    let last = &found[HITS_MAX - 1].message;
    assert!(last.contains("49801 more findings"), "{last}");
}
