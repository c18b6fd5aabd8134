//! The picture's style as it stands in a file. Variables and what the reader's system prefers are
//! known to browsers alone; other programs that draw SVG would draw black on black. So every value
//! is put in where it is used.

use std::collections::HashMap;

use super::STYLE;

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scheme {
    /// Dark on light, as paper is.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

impl Scheme {
    /// What the word names.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            _ => None,
        }
    }
}

/// One rule of the sheet.
struct Rule<'s> {
    /// Whether it holds in the dark alone.
    is_dark: bool,
    selector: &'s str,
    body: &'s str,
}

/// The style of a file for any reader: light, and dark where that is preferred.
pub(super) fn both() -> String {
    format!(
        "{}@media (prefers-color-scheme: dark) {{{}}}",
        of(Scheme::Light),
        of(Scheme::Dark)
    )
}

/// The style of one scheme, without variables.
pub(super) fn of(scheme: Scheme) -> String {
    let sheet = without_comments(STYLE);
    let mut rules = Vec::new();
    read(&sheet, false, &mut rules);
    rules.retain(|rule| scheme == Scheme::Dark || !rule.is_dark);
    let mut values = HashMap::new();
    for rule in &rules {
        let variables = declarations(rule.body).filter(|(name, _)| name.starts_with("--"));
        values.extend(variables);
    }
    let mut out = String::new();
    // Nothing hovers over a picture.
    for rule in rules.iter().filter(|rule| !rule.selector.contains(':')) {
        let own = declarations(rule.body).filter(|(name, _)| !name.starts_with("--"));
        let own = own.map(|(name, value)| (name, filled(value, &values)));
        // The usual brightness is a filter that does nothing, and each takes a layer.
        let own = own.filter(|(_, value)| value != "brightness(1)");
        let own: Vec<_> = own.map(|(name, value)| format!("{name}:{value}")).collect();
        if !own.is_empty() {
            put!(out, "{}{{{}}}", rule.selector, own.join(";"));
        }
    }
    out
}

fn without_comments(sheet: &str) -> String {
    let mut parts = sheet.split("/*");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| {
        kept + part.split_once("*/").map_or("", |(_, after)| after)
    })
}

/// Takes the sheet apart: rules, and the rules in the one block there is for the dark.
fn read<'s>(mut sheet: &'s str, is_dark: bool, rules: &mut Vec<Rule<'s>>) {
    while let Some((selector, rest)) = sheet.split_once('{') {
        let selector = selector.trim();
        let is_block = selector.starts_with('@');
        let end = if is_block { "}\n}" } else { "}" };
        let Some((body, after)) = rest.split_once(end) else {
            return;
        };
        if is_block {
            let length = body.len() + 1;
            read(rest.get(..length).unwrap_or_default(), true, rules);
        } else {
            rules.push(Rule {
                is_dark,
                selector,
                body,
            });
        }
        sheet = after;
    }
}

fn declarations(body: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = body.split(';').filter_map(|part| part.split_once(':'));
    parts.map(|(name, value)| (name.trim(), value.trim()))
}

/// `value` with what its variable stands for.
fn filled(value: &str, values: &HashMap<&str, &str>) -> String {
    let Some((before, rest)) = value.split_once("var(") else {
        return value.to_owned();
    };
    let Some((name, after)) = rest.split_once(')') else {
        return value.to_owned();
    };
    let is = values.get(name.trim()).copied().unwrap_or_default();
    format!("{before}{is}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_is_put_in() {
        for scheme in [Scheme::Light, Scheme::Dark] {
            let style = of(scheme);
            assert!(!style.contains("var(") && !style.contains("--"), "{style}");
            assert!(!style.contains(['@', '<', '&']), "{style}");
            let is_empty = |(name, value): &(&str, &str)| name.is_empty() || value.is_empty();
            let bodies = style.split(['{', '}']).skip(1).step_by(2);
            assert!(
                !bodies.flat_map(declarations).any(|it| is_empty(&it)),
                "{style}"
            );
        }
        assert!(of(Scheme::Light).contains(".rk-canvas{fill:#ffffff}"));
        assert!(of(Scheme::Dark).contains(".rk-canvas{fill:#1b1c1f}"));
        assert!(of(Scheme::Dark).contains("brightness(0.82)"));
        assert!(both().ends_with("}}") && both().contains("prefers-color-scheme: dark"));
    }

    #[test]
    fn no_rule_of_the_sheet_is_lost() {
        let count = |text: &str| text.matches('{').count();
        let sheet = without_comments(STYLE);
        // The block for the dark, and rules for hovering and focus, are no rules of a file.
        let left_out = sheet
            .lines()
            .filter(|line| line.contains(":hover") || line.contains(":focus"));
        let rules = count(&sheet) - 1 - left_out.count();
        // In the sheet the dark values are a rule of their own, which holds values alone.
        assert_eq!(count(&of(Scheme::Dark)), rules - 1);
    }
}
