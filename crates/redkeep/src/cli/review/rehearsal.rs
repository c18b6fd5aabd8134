//! What was seen when the proposal was tried, against the same for what it starts from.

use console::name_of;
use model::rehearsal::{Attempt, Line, Observation, Outcome, Rehearsal, against, gone};

use crate::terminal::sheet::{Sheet, Span, Style, dim, plain};

/// Things listed of one kind, unless all are asked for.
const ITEMS: usize = 25;

pub(super) fn write(sheet: &mut Sheet, rehearsal: Option<&Rehearsal>) {
    let Some(rehearsal) = rehearsal else {
        sheet.heading("Rehearsal");
        return sheet.line(
            0,
            &[dim(
                "not tried (yet): without a rehearsal nothing is known of how it runs",
            )],
        );
    };
    sheet.heading("Rehearsal");
    match rehearsal {
        Rehearsal::Running { since } => {
            let text = format!("being tried since {since}; it takes up to two minutes");
            sheet.line(0, &[Span::new(Style::Note, text)]);
        }
        Rehearsal::Impossible { why, .. } => {
            let text = format!("It could not be tried: {why}");
            sheet.line(0, &[Span::new(Style::Warn, text)]);
        }
        Rehearsal::Done { at, base, proposal } => {
            verdict(sheet, proposal);
            let is_before = base.as_ref().is_some_and(|base| !base.is_clean());
            if is_before && !proposal.is_clean() {
                sheet.line(0, &[plain("What runs now does not rehearse well either.")]);
            }
            done(sheet, base.as_deref(), proposal);
            sheet.line(0, &[dim(format!("tried until {at}"))]);
        }
    }
}

fn verdict(sheet: &mut Sheet, seen: &Observation) {
    let (style, text) = match &seen.outcome {
        Outcome::Ran if seen.missing_types.is_empty() => (
            Style::Good,
            format!(
                "It started and ran, watched for {} seconds without a network.",
                seen.watched_seconds
            ),
        ),
        Outcome::Ran | Outcome::Halted => (
            Style::Danger,
            "None of its flows would run: node types are missing.".to_owned(),
        ),
        Outcome::NotStarted(why) => (Style::Danger, format!("It did not start: {why}")),
        Outcome::Crashed(why) => (Style::Danger, format!("It ended Node-RED: {why}")),
        Outcome::Hung(why) => (Style::Danger, format!("It made Node-RED hang: {why}")),
    };
    sheet.line(0, &[Span::new(style, text)]);
}

fn done(sheet: &mut Sheet, base: Option<&Observation>, seen: &Observation) {
    let types = base.map(|base| base.missing_types.as_slice());
    let attempts = base.map(|base| base.attempts.as_slice());
    let log = base.map(|base| base.log.as_slice());
    group(
        sheet,
        "missing node types",
        &seen.missing_types,
        types,
        String::clone,
    );
    group(
        sheet,
        "what it tried outside itself; nothing of it got out",
        &seen.attempts,
        attempts,
        Attempt::words,
    );
    group(
        sheet,
        "warnings and errors it logged",
        &seen.log,
        log,
        |line: &Line| line.text.clone(),
    );
    if seen.has_more {
        sheet.line(2, &[Span::new(Style::Warn, "it tried more than is kept")]);
    }
    let both = |of: &dyn Fn(&Observation) -> String| match base {
        Some(base) => format!("{} (before: {})", of(seen), of(base)),
        None => of(seen),
    };
    let memory = both(&|seen| format!("{} MB", seen.memory_bytes >> 20));
    let time = both(&|seen| format!("{}.{} s", seen.cpu_ms / 1000, seen.cpu_ms % 1000 / 100));
    sheet.fact(0, "memory", &[plain(memory)]);
    sheet.fact(0, "processor", &[plain(time)]);
    if base.is_none() {
        let text = "what it starts from could not be tried, so nothing is marked as new";
        sheet.fact(0, "before", &[dim(text)]);
    }
}

fn group<T: PartialEq>(
    sheet: &mut Sheet,
    title: &str,
    now: &[T],
    before: Option<&[T]>,
    words: impl Fn(&T) -> String,
) {
    let seen = against(now, before).into_iter();
    let seen = seen.map(|it| (it.what, if it.is_new { "new" } else { "as before" }));
    let gone = gone(now, before).into_iter().map(|it| (it, "no more"));
    let items: Vec<_> = seen.chain(gone).collect();
    if items.is_empty() {
        return;
    }
    sheet.line(0, &[plain(format!("{title}:"))]);
    let listed = if sheet.look.is_full {
        items.len()
    } else {
        ITEMS
    };
    for (what, how) in items.iter().take(listed) {
        let style = if *how == "new" {
            Style::Warn
        } else {
            Style::Dim
        };
        // Without what it starts from, nothing is known to be new or old.
        let how = if before.is_none() { "" } else { *how };
        let spans = [
            Span::new(style, format!("{how:<10}")),
            plain(line(&words(what))),
        ];
        sheet.hanging(2, 12, &spans);
    }
    if items.len() > listed {
        let text = format!("and {} more: --full shows all", items.len() - listed);
        sheet.line(2, &[dim(text)]);
    }
}

/// On one line.
fn line(text: &str) -> String {
    if text.chars().count() > 120 {
        text.replace('\n', " ")
    } else {
        name_of(text)
    }
}
