//! What the rules found in one change, until it becomes findings.

use std::{cmp::Reverse, collections::HashSet};

use model::{
    flow::{change::Change, finding::Finding},
    id::Hash,
};

use crate::rule::Rule;

/// Findings of one change at most: the gravest are kept, and the last says how many are not shown.
const HITS_MAX: usize = 200;

/// One thing found.
#[derive(Debug)]
pub(crate) struct Hit {
    rule: &'static Rule,
    message: String,
    property: Option<String>,
    line: Option<u32>,
    /// What makes it another matter although it reads the same, such as the code it is about.
    matter: Option<Hash>,
}

impl Hit {
    /// In this property.
    pub(crate) fn at(&mut self, property: &str) -> &mut Self {
        self.property = Some(property.to_owned());
        self
    }

    /// On this line of the property.
    pub(crate) fn line(&mut self, line: u32) -> &mut Self {
        self.line = Some(line);
        self
    }

    /// About this text: another text is another matter.
    pub(crate) fn about(&mut self, text: &str) -> &mut Self {
        self.matter = Some(Hash::of(text.as_bytes()));
        self
    }
}

/// What was found in one change.
#[derive(Debug, Default)]
pub(crate) struct Hits(Vec<Hit>);

impl Hits {
    /// Adds what `rule` found.
    pub(crate) fn add(&mut self, rule: &'static Rule, message: impl Into<String>) -> &mut Hit {
        self.0.push(Hit {
            rule,
            message: message.into(),
            property: None,
            line: None,
            matter: None,
        });
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// The findings, the gravest first; the same thing is said once.
    pub(crate) fn findings(mut self, change: &Change) -> Vec<Finding> {
        self.0.sort_by_key(|hit| Reverse(hit.rule.severity));
        let mut seen = HashSet::new();
        self.0
            .retain(|hit| seen.insert((hit.rule.name, hit.message.clone(), hit.property.clone())));
        let more = self.0.len().saturating_sub(HITS_MAX);
        // One of each rule stays, however many graver ones there are: policy may ask for it.
        let mut rules = HashSet::new();
        let (mut kept, rest): (Vec<Hit>, Vec<Hit>) = self
            .0
            .into_iter()
            .partition(|hit| rules.insert(hit.rule.name));
        let room = HITS_MAX.saturating_sub(kept.len());
        kept.extend(rest.into_iter().take(room));
        kept.sort_by_key(|hit| Reverse(hit.rule.severity));
        let mut findings: Vec<Finding> = kept.into_iter().map(|hit| hit.finding(change)).collect();
        if let (true, Some(last)) = (more > 0, findings.last_mut()) {
            use std::fmt::Write as _;
            // Writing to a string cannot fail.
            write!(
                last.message,
                " ({more} more findings of this change are not listed.)"
            )
            .ok();
        }
        findings
    }
}

impl Hit {
    fn finding(self, change: &Change) -> Finding {
        let matter = self.matter.map(|it| it.to_string()).unwrap_or_default();
        let property = self.property.as_deref().unwrap_or_default();
        let parts = [
            self.rule.name,
            &change.node,
            property,
            &self.message,
            &matter,
        ];
        Finding {
            rule: self.rule.name.to_owned(),
            severity: self.rule.severity,
            mark: Hash::of(parts.join("\u{0}").as_bytes()),
            message: self.message,
            property: self.property,
            line: self.line,
            accepted: None,
        }
    }
}
