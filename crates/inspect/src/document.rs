//! `docs/findings.md`, made of the rules themselves.

use std::fmt::Write as _;

use crate::{
    reach::table::TABLE,
    rule::{AREAS, Example, Rule},
};

/// The document, whole.
pub fn document() -> String {
    let mut out = String::from(
        "# Findings\n\n\
         What the review tells about a change before anything else. A finding is a hint, not a verdict: it says where to look\n\
         first. What has no finding is reviewed all the same, and code can always be written so that no rule sees what it does.\n\n\
         This page is made from the rules themselves (`cargo xtask findings`), and each example is run as a test: the first\n\
         gives the finding, the second, close by, does not. `⟨3 × a⟩` stands for `aaa`. A rule fires for what a change adds or\n\
         alters, not for what was there. `note`: good to know. `warning`: look twice. `danger`: can run code or commands, or\n\
         opens a way in or out.\n\n\
         An instance's policy can turn a rule, or all findings of a severity, into a demand: two reviewers, a role, a reason,\n\
         or refusal.\n",
    );
    // Writing to a string cannot fail.
    for area in &AREAS {
        write!(out, "\n## {}\n", area.title).ok();
        for rule in area.rules {
            one(&mut out, rule);
        }
    }
    out.push_str(
        "\n## What properties mean\n\n\
         The rules of reach know these properties. For node types that are not listed, addresses are found by their look\n\
         anywhere in a node, and hosts by the name of the property.\n\n\
         | types | property | what it is |\n|---|---|---|\n",
    );
    for row in &TABLE {
        let kinds: Vec<String> = row
            .kinds
            .iter()
            .map(|kind| {
                if *kind == "*" {
                    "any".to_owned()
                } else {
                    format!("`{kind}`")
                }
            })
            .collect();
        writeln!(
            out,
            "| {} | `{}` | {} |",
            kinds.join(", "),
            row.property,
            row.means.words()
        )
        .ok();
    }
    out
}

fn one(out: &mut String, rule: &Rule) {
    let Rule {
        name, what, why, ..
    } = rule;
    write!(
        out,
        "\n### {name} ({})\n{what} {why}\n",
        rule.severity.word()
    )
    .ok();
    example(out, "fires", rule.fires);
    example(out, "does not", rule.quiet);
}

fn example(out: &mut String, word: &str, example: Example) {
    write!(out, "\n{word}:\n```json\n").ok();
    if !example.before.is_empty() {
        writeln!(out, "{}\n// becomes", example.before).ok();
    }
    writeln!(
        out,
        "{}\n```",
        if example.after.is_empty() {
            "nothing"
        } else {
            example.after
        }
    )
    .ok();
}
