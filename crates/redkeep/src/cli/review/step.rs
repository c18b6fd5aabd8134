//! The steps: each change with its values, what it does, and what was decided and said.

use console::{compare::Budget, name_of};
use deploy::{Step, StepKind};
use inspect::Ways;
use model::{
    deployment::{Comment, Verdict},
    flow::change::{
        Aspect, Change, ChangeId, CredentialAction, PropertyChange, Subject, WireChange,
    },
};
use serde_json::Value;

use super::{Entry, Index, Reviewed, head, value};
use crate::{
    cli::output::counted,
    terminal::sheet::{Sheet, Span, Style, bold, dim, plain},
};

/// Wires, users and outputs named at most, unless all are asked for.
const WIRES: usize = 100;
const USERS: usize = 20;
const OUTPUTS: usize = 8;
/// How far in a change's parts stand.
const IN: usize = 4;

pub(super) fn write_all(sheet: &mut Sheet, reviewed: &Reviewed) {
    let index = Index::new(reviewed);
    for step in &reviewed.steps {
        sheet.heading(&title(step, &index, reviewed));
        for id in &step.changes {
            if let Some(entry) = index.get(id) {
                write(sheet, reviewed, entry);
            }
        }
    }
    if reviewed.steps.is_empty() {
        sheet.heading("These flows are the same as those it starts from.");
    }
}

fn title(step: &Step, index: &Index<'_>, reviewed: &Reviewed) -> String {
    let first = step.changes.first().and_then(|id| index.get(id));
    let aspect = first.map(|entry| entry.change.aspect);
    let verb = match (step.kind, aspect) {
        (StepKind::Added, _) | (StepKind::Structure, Some(Aspect::Added)) => "Add",
        (StepKind::Removed, _) | (StepKind::Structure, Some(Aspect::Removed)) => "Remove",
        (StepKind::Changed | StepKind::Structure, _) => "Change",
        (StepKind::Wires, _) => "Rewire",
        (StepKind::Layout, _) => "Move on the canvas",
        (StepKind::Order, _) => "Reorder the file",
    };
    let place = match (step.kind, first) {
        (StepKind::Layout | StepKind::Order, _) | (_, None) => String::new(),
        (_, Some(entry)) => on(reviewed, entry.change),
    };
    format!(
        "Step {} of {}: {verb}{place}, {}",
        step.number,
        reviewed.steps.len(),
        counted(step.changes.len(), "change")
    )
}

/// " on Pumps", where it is on a tab or in a subflow.
fn on(reviewed: &Reviewed, change: &Change) -> String {
    let tab = change.tab.as_deref().filter(|tab| !tab.is_empty());
    tab.map_or_else(String::new, |tab| {
        let label = reviewed.diff.tabs.get(tab).map_or(tab, String::as_str);
        format!(" on {}", name_of(label))
    })
}

fn write(sheet: &mut Sheet, reviewed: &Reviewed, entry: Entry<'_>) {
    let change = entry.change;
    sheet.hanging(0, IN, &first_line(reviewed, entry));
    if let Some(words) = change.recognised_words() {
        sheet.line(IN, &[Span::new(Style::Note, words)]);
    }
    for said in &change.said {
        let mut spans = vec![plain(format!("{}: ", name_of(&said.about)))];
        spans.extend(value::said(
            sheet,
            said.before.as_deref(),
            said.after.as_deref(),
        ));
        sheet.hanging(IN, IN + 2, &spans);
    }
    let budget = Budget::new(sheet.look.is_full);
    let mut written = 0;
    for property in &change.properties {
        if !sheet.look.is_full && is_told_by_wires(change, property) {
            written += 1;
            continue;
        }
        if written > 0 && !sheet.look.is_full && !budget.has_room() {
            break;
        }
        value::write(sheet, IN, property, &budget);
        written += 1;
    }
    more(
        sheet,
        change.properties.len() - written,
        "property",
        "properties",
    );
    wires(sheet, reviewed, change);
    for note in &change.credentials {
        let action = match note.action {
            CredentialAction::Set => "set",
            CredentialAction::Changed => "changed",
            CredentialAction::Removed => "removed",
        };
        let text = format!("credential {}: {action}", name_of(&note.field));
        sheet.line(IN, &[Span::new(Style::Warn, text)]);
    }
    users(sheet, reviewed, change);
    if let Some(ways) = entry.ways {
        consequence(sheet, reviewed, ways);
    }
    findings(sheet, change);
    for ask in reviewed.asks.get(&change.id).into_iter().flatten() {
        sheet.hanging(IN, IN + 2, &[Span::new(Style::Warn, ask.sentence())]);
    }
    decision(sheet, reviewed, &change.id);
    for said in reviewed.thread(Some(&change.id)) {
        comment(sheet, IN, reviewed, said);
    }
}

fn first_line(reviewed: &Reviewed, entry: Entry<'_>) -> Vec<Span> {
    let change = entry.change;
    let (style, verb) = match change.aspect {
        Aspect::Added => (Style::Good, "added"),
        Aspect::Removed => (Style::Bad, "removed"),
        Aspect::Changed => (Style::Warn, "changed"),
        Aspect::Wired => (Style::Note, "rewired"),
        Aspect::Layout => (Style::Dim, "moved"),
        Aspect::Order => (Style::Dim, "reordered"),
    };
    let subject = match change.subject {
        Subject::Tab => "flow",
        Subject::Subflow => "subflow",
        Subject::Group => "group",
        Subject::Config => "config node",
        Subject::Node => "node",
        Subject::File => "file",
    };
    let mut spans = vec![
        bold(format!("{:<4}", entry.number())),
        Span::new(style, format!("{verb} ")),
    ];
    if change.subject == Subject::File {
        spans.push(bold("the order of the file"));
    } else {
        let what = format!(
            " ({}, {subject}){}",
            name_of(&change.node_type),
            on(reviewed, change)
        );
        spans.extend([bold(name_of(&change.label)), plain(what)]);
        spans.push(dim(format!("  id {}", name_of(&change.node))));
    }
    let version = reviewed.version.as_ref();
    if version.is_some_and(|version| !version.unchanged.contains(&change.id)) {
        spans.push(Span::new(Style::Note, "  new in this version"));
    }
    spans
}

/// What is not told, and how to see it.
fn more(sheet: &mut Sheet, count: usize, one: &str, many: &str) {
    if count > 0 {
        let noun = if count == 1 { one } else { many };
        sheet.line(
            IN,
            &[dim(format!("and {count} more {noun}: --full shows all"))],
        );
    }
}

/// Whether the wires below, in names, say all of it.
fn is_told_by_wires(change: &Change, property: &PropertyChange) -> bool {
    let targets = |value: &Value| {
        let outputs = value.as_array()?.iter();
        let counts = outputs.map(|output| {
            let targets = output.as_array()?;
            targets
                .iter()
                .all(Value::is_string)
                .then_some(targets.len())
        });
        counts.sum::<Option<usize>>()
    };
    let ((Some(only), None) | (None, Some(only))) = (&property.before, &property.after) else {
        return false;
    };
    property.key == "wires" && targets(only) == Some(change.wires.len())
}

fn wires(sheet: &mut Sheet, reviewed: &Reviewed, change: &Change) {
    let listed = if sheet.look.is_full {
        change.wires.len()
    } else {
        WIRES
    };
    for wire in change.wires.iter().take(listed) {
        sheet.hanging(IN, IN + 4, &wire_words(reviewed, wire));
    }
    more(
        sheet,
        change.wires.len().saturating_sub(listed),
        "wire",
        "wires",
    );
}

fn wire_words(reviewed: &Reviewed, wire: &WireChange) -> Vec<Span> {
    let (style, sign) = if wire.added {
        (Style::Good, "+")
    } else {
        (Style::Bad, "-")
    };
    let (from, to) = (reviewed.name(&wire.from), reviewed.name(&wire.to));
    let text = format!(
        " wire {}, output {} → {}",
        name_of(&from),
        wire.port + 1,
        name_of(&to)
    );
    let mut spans = vec![Span::new(style, sign), plain(text)];
    let goes = ChangeId::new(Aspect::Removed, &wire.to);
    let is_gone = || reviewed.diff.changes.iter().any(|change| change.id == goes);
    if wire.added && (!reviewed.names.contains_key(&wire.to) || is_gone()) {
        spans.push(Span::new(Style::Warn, " (there is no such node)"));
    }
    spans
}

fn users(sheet: &mut Sheet, reviewed: &Reviewed, change: &Change) {
    if change.used_by.is_empty() {
        return;
    }
    let called = |id: &String| {
        let place = reviewed
            .names
            .get(id)
            .and_then(|named| named.place.as_ref());
        let on = place.map_or_else(String::new, |place| format!(" on {}", name_of(place)));
        format!("{}{on}", name_of(&reviewed.name(id)))
    };
    let text = format!(
        "used by {}: {}",
        counted(change.used_by.len(), "node"),
        listed(sheet, &change.used_by, USERS, called)
    );
    sheet.hanging(IN, IN + 2, &[plain(text)]);
}

/// The first of `ids` in words, and how many more there are.
fn listed(sheet: &Sheet, ids: &[String], most: usize, words: impl Fn(&String) -> String) -> String {
    let most = if sheet.look.is_full { ids.len() } else { most };
    let mut text = ids
        .iter()
        .take(most)
        .map(words)
        .collect::<Vec<_>>()
        .join(", ");
    if ids.len() > most {
        text = format!("{text} and {} more", ids.len() - most);
    }
    text
}

/// What reaches it, and what it reaches.
fn consequence(sheet: &mut Sheet, reviewed: &Reviewed, ways: &Ways) {
    if ways.is_untold {
        let text = "what it feeds is not told: the flow is too large and tangled for that";
        sheet.line(IN, &[dim(text)]);
    }
    let told = [
        (Style::Good, "now feeds", &ways.new_outputs, "output"),
        (Style::Bad, "no longer feeds", &ways.lost_outputs, "output"),
        (Style::Plain, "feeds", &ways.outputs, "output"),
        (Style::Plain, "is fed by", &ways.inputs, "input"),
    ];
    for (style, verb, ids, noun) in told {
        // What is new is all it feeds: once is enough.
        if ids.is_empty() || (verb == "feeds" && ways.new_outputs == ways.outputs) {
            continue;
        }
        let names = listed(sheet, ids, OUTPUTS, |id| name_of(&reviewed.name(id)));
        let text = format!(" {}: {names}", counted(ids.len(), noun));
        sheet.hanging(IN, IN + 2, &[Span::new(style, verb), plain(text)]);
    }
}

fn findings(sheet: &mut Sheet, change: &Change) {
    let mut findings: Vec<_> = change.findings.iter().collect();
    findings.sort_by_key(|finding| (!finding.is_open(), std::cmp::Reverse(finding.severity)));
    for finding in findings {
        let mut spans = head::weight(finding);
        if let Some(property) = &finding.property {
            let line = finding.line;
            let line = line.map_or_else(String::new, |line| format!(", line {line}"));
            spans.push(dim(format!(" in {}{line}", name_of(property))));
        }
        sheet.hanging(IN, IN + 9, &spans);
    }
}

fn decision(sheet: &mut Sheet, reviewed: &Reviewed, change: &ChangeId) {
    let Some(decision) = reviewed.decision(change) else {
        return;
    };
    let (style, verb) = match decision.verdict {
        Verdict::Approve => (Style::Good, "APPROVED"),
        Verdict::Reject => (Style::Bad, "REJECTED"),
    };
    let comment = if decision.comment.is_empty() {
        String::new()
    } else {
        format!(": {}", decision.comment)
    };
    let version = decision.taken_on.and_then(|id| reviewed.number_of(id));
    let version = version.map_or_else(String::new, |it| format!(" on version {it}"));
    let text = format!(
        " by {} at {}{version}{comment}",
        name_of(&decision.by.label()),
        decision.at
    );
    sheet.hanging(IN, IN + 2, &[Span::new(style, verb), plain(text)]);
    if reviewed.deployment.state.is_open() {
        let text = format!("to decide otherwise: --seen {}", decision.mark());
        sheet.verbatim(IN + 2, &[dim(text)]);
    }
}

/// Something that was said.
pub(super) fn comment(sheet: &mut Sheet, indent: usize, reviewed: &Reviewed, comment: &Comment) {
    let version = reviewed.number_of(comment.deployment);
    let version = version.map_or_else(String::new, |it| format!(" on version {it}"));
    let who = format!(
        "{} at {}{version}: ",
        name_of(&comment.by.label()),
        comment.at
    );
    sheet.hanging(
        indent,
        indent + 2,
        &[Span::new(Style::Note, "» "), dim(who), plain(&comment.text)],
    );
}
