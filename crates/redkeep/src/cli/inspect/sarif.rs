//! The report in SARIF 2.1.0, which code hosts and editors show beside the file.

use std::path::Path;

use model::flow::{
    change::Change,
    diff::Diff,
    finding::{Finding, Severity},
};
use serde_json::{Value, json};

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Danger => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// The log of one run over `file`, whose text is `text`.
pub(super) fn log(diff: &Diff, file: &Path, text: &str) -> Value {
    let rules = inspect::rule::all().map(|rule| {
        json!({
            "id": rule.name,
            "shortDescription": { "text": rule.what },
            "fullDescription": { "text": rule.why },
            "defaultConfiguration": { "level": level(rule.severity) },
        })
    });
    let mut results = Vec::new();
    for change in &diff.changes {
        let line = if change.findings.is_empty() {
            None
        } else {
            line_of(text, &change.node)
        };
        results.extend(
            change
                .findings
                .iter()
                .map(|finding| result(change, finding, file, line)),
        );
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "Redkeep",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            }},
            "results": results,
        }],
    })
}

fn result(change: &Change, finding: &Finding, file: &Path, line: Option<usize>) -> Value {
    let property = finding.property.as_deref().unwrap_or("");
    let place = if property.is_empty() {
        change.node.clone()
    } else {
        format!("{}.{property}", change.node)
    };
    let within = finding
        .line
        .map_or_else(String::new, |line| format!(" (line {line} of {property})"));
    json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": { "text": format!("{}: {}{within}", change.label, finding.message) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": file.display().to_string() },
                "region": { "startLine": line.unwrap_or(1) },
            },
            "logicalLocations": [{ "name": change.label, "fullyQualifiedName": place, "kind": "object" }],
        }],
        "partialFingerprints": { "redkeep/mark": finding.mark },
    })
}

/// The line on which a node's id stands, from 1.
fn line_of(text: &str, id: &str) -> Option<usize> {
    let quoted = serde_json::to_string(id).ok()?;
    let is_id = |at: &usize| {
        let before = text.get(..*at).unwrap_or("").trim_end();
        let before = before.strip_suffix(':').map(str::trim_end);
        before.is_some_and(|before| before.ends_with("\"id\""))
    };
    let at = text.match_indices(&quoted).map(|(at, _)| at).find(is_id)?;
    Some(text.get(..at)?.matches('\n').count() + 1)
}
