//! What the rules found in one change, until it becomes findings.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use model::{
    flow::{change::Change, finding::Finding},
    id::Hash,
};

use crate::rule::Rule;

/// Findings of one change at most: the gravest are kept, and the last says how many are not shown.
const HITS_MAX: usize = 200;

/// Hits of one rule kept at most until then: a value of a million odd keys would fill the memory.
const OF_RULE_MAX: usize = 1_000;

/// One thing found.
#[derive(Debug)]
pub(crate) struct Hit {
    rule: &'static Rule,
    message: String,
    property: Option<String>,
    line: Option<u32>,
    /// What makes it another matter although it reads the same, such as the hosts it is about.
    matter: Option<Hash>,
}

impl Hit {
    /// In this property. What the property says then is part of the matter: a risk that was
    /// accepted with one text does not cover another.
    pub(crate) fn at(&mut self, property: &str) -> &mut Self {
        self.property = Some(property.to_owned());
        self
    }

    /// On this line of the property.
    pub(crate) fn line(&mut self, line: u32) -> &mut Self {
        self.line = Some(line);
        self
    }

    /// About this text, beside the property it stands in: another text is another matter.
    pub(crate) fn about(&mut self, text: &str) -> &mut Self {
        self.matter = Some(Hash::of(text.as_bytes()));
        self
    }

    /// About all of these: messages name only the first few.
    pub(crate) fn about_all(&mut self, texts: &[impl AsRef<str>]) -> &mut Self {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        self.about(&whole(&texts))
    }
}

/// Several texts as one, such that no others give the same, whatever characters they hold.
fn whole(texts: &[&str]) -> String {
    let text = |text: &&str| format!("{}:{text}", text.len());
    texts.iter().map(text).collect()
}

/// What was found in one change.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    kept: Vec<Hit>,
    of_rule: HashMap<&'static str, usize>,
    /// What comes after the most that are kept of its rule: written over by the next.
    spare: Option<Hit>,
    dropped: usize,
}

impl Hits {
    /// Adds what `rule` found.
    pub(crate) fn add(&mut self, rule: &'static Rule, message: impl Into<String>) -> &mut Hit {
        let hit = Hit {
            rule,
            message: message.into(),
            property: None,
            line: None,
            matter: None,
        };
        let count = self.of_rule.entry(rule.name).or_default();
        *count += 1;
        if *count > OF_RULE_MAX {
            self.dropped += 1;
            return self.spare.insert(hit);
        }
        self.kept.push(hit);
        let last = self.kept.len() - 1;
        &mut self.kept[last]
    }

    /// The findings, the gravest first; the same thing is said once.
    pub(crate) fn findings(mut self, change: &Change) -> Vec<Finding> {
        self.kept.sort_by_key(|hit| Reverse(hit.rule.severity));
        let mut seen = HashSet::new();
        self.kept.retain(|hit| {
            let (message, property) = (hit.message.clone(), hit.property.clone());
            seen.insert((hit.rule.name, message, property, hit.matter))
        });
        let more = self.dropped + self.kept.len().saturating_sub(HITS_MAX);
        // One of each rule stays, however many graver ones there are: policy may ask for it.
        let mut rules = HashSet::new();
        let (mut kept, rest): (Vec<Hit>, Vec<Hit>) = self
            .kept
            .into_iter()
            .partition(|hit| rules.insert(hit.rule.name));
        let room = HITS_MAX.saturating_sub(kept.len());
        kept.extend(rest.into_iter().take(room));
        kept.sort_by_key(|hit| Reverse(hit.rule.severity));
        let mut said = Said::new(change);
        let findings = kept.into_iter().map(|hit| hit.finding(change, &mut said));
        let mut findings: Vec<Finding> = findings.collect();
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

/// What the properties of a change say after it, as digests, each worked out once.
struct Said<'c> {
    change: &'c Change,
    known: HashMap<String, String>,
}

impl<'c> Said<'c> {
    fn new(change: &'c Change) -> Self {
        let known = HashMap::new();
        Self { change, known }
    }

    /// The digest of what `property` says; empty for none and for one that does not differ.
    fn digest(&mut self, property: &str) -> String {
        if let Some(known) = self.known.get(property) {
            return known.clone();
        }
        let all = &mut self.change.properties.iter();
        let value = all
            .find(|it| it.key == property)
            .and_then(|it| it.after.as_ref());
        let digest = value.map_or_else(String::new, |value| {
            Hash::of(value.to_string().as_bytes()).to_string()
        });
        self.known.insert(property.to_owned(), digest.clone());
        digest
    }
}

impl Hit {
    fn finding(self, change: &Change, said: &mut Said<'_>) -> Finding {
        let matter = self.matter.map(|it| it.to_string()).unwrap_or_default();
        let property = self.property.as_deref().unwrap_or_default();
        let parts = [
            self.rule.name,
            &change.node,
            property,
            &said.digest(property),
            &self.message,
            &matter,
        ];
        Finding {
            rule: self.rule.name.to_owned(),
            severity: self.rule.severity,
            mark: Hash::of(whole(&parts).as_bytes()),
            message: self.message,
            property: self.property,
            line: self.line,
            accepted: None,
        }
    }
}

#[cfg(test)]
mod tests;
