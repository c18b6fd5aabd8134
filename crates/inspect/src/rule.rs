//! The rules as data: what each is called, how grave, what it means, why it matters, and an example
//! on which it fires and one close by on which it does not. The tests run the examples, and
//! `docs/findings.md` is made of them.

pub mod code;
pub mod consequence;
pub mod hidden;
pub mod hygiene;
pub mod reach;
pub mod secrets;
pub mod state;

use model::flow::finding::Severity;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name, which policy and the API use.
    pub name: &'static str,
    /// How much attention it asks for.
    pub severity: Severity,
    /// What it finds.
    pub what: &'static str,
    /// Why that matters.
    pub why: &'static str,
    /// A change on which it fires.
    pub fires: Example,
    /// A change close by on which it does not.
    pub quiet: Example,
}

/// A change: nodes before and after, each a JSON object or a list of them.
///
/// What an example leaves out is filled in: ids `n`, `n2`…, and a place on the canvas for nodes
/// that are no config nodes (whose type says so).
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// Before; empty: nothing.
    pub before: &'static str,
    /// After; empty: nothing.
    pub after: &'static str,
}

impl Example {
    const fn new(after: &'static str) -> Self {
        Self { before: "", after }
    }

    const fn change(before: &'static str, after: &'static str) -> Self {
        Self { before, after }
    }
}

/// A subject that rules belong to.
#[derive(Debug)]
pub struct Area {
    /// What it is called.
    pub title: &'static str,
    /// Its rules.
    pub rules: &'static [&'static Rule],
}

/// Every rule there is.
pub static AREAS: [Area; 7] = [
    Area {
        title: "Code",
        rules: &code::RULES,
    },
    Area {
        title: "Reach",
        rules: &reach::RULES,
    },
    Area {
        title: "Secrets",
        rules: &secrets::RULES,
    },
    Area {
        title: "Hidden things",
        rules: &hidden::RULES,
    },
    Area {
        title: "Consequence",
        rules: &consequence::RULES,
    },
    Area {
        title: "State",
        rules: &state::RULES,
    },
    Area {
        title: "Hygiene",
        rules: &hygiene::RULES,
    },
];

/// Every rule, area by area.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    AREAS.iter().flat_map(|area| area.rules.iter().copied())
}

/// The rule of this name.
pub fn named(name: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.name == name)
}
