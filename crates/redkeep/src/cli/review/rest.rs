//! The end: what is left, and the exact commands to go on.

use model::deployment::{State, Verdict};

use super::{Index, Reviewed};
use crate::{
    cli::output::counted,
    terminal::sheet::{Sheet, Span, Style, bold, dim, plain},
};

/// Changes that are named as undecided.
const NAMED: usize = 20;

pub(super) fn write(sheet: &mut Sheet, reviewed: &Reviewed) {
    sheet.heading("What is left");
    let id = reviewed.deployment.id;
    let state = &reviewed.deployment.state;
    let show = format!("redkeep deployments show {id}");
    match state {
        State::Pending | State::InReview => decide(sheet, reviewed),
        State::Approved { .. } => {
            sheet.line(0, &[plain("It is approved and does not run yet.")]);
            command(sheet, "let it run", &apply(reviewed));
        }
        State::Stale { .. } => {
            let text = "What runs has changed since. Open it in the console to see what, and to \
                        put it onto what runs now.";
            sheet.line(0, &[plain(text)]);
        }
        State::Superseded { by, .. } => {
            let newer = format!("redkeep deployments show {by}");
            command(sheet, "look at the newer version", &newer);
        }
        State::Applying { .. } => command(sheet, "look again", &show),
        State::Applied { .. } => {
            sheet.line(0, &[plain("Nothing: it was applied.")]);
            let list = "redkeep deployments rollback";
            command(sheet, "list what one can go back to", list);
        }
        State::Rejected { .. } | State::Withdrawn { .. } | State::Failed { .. } => {
            sheet.line(0, &[plain("Nothing: it is closed, and none of it runs.")]);
        }
    }
    if state.is_open() && !matches!(state, State::Applying { .. }) {
        let reject = format!("redkeep deployments reject {id} --reason 'WHY'");
        command(sheet, "reject the whole", &reject);
        let comment = format!("redkeep deployments comment {id} 'TEXT'");
        command(sheet, "ask or answer (--change for one change)", &comment);
    }
    let picture = format!("redkeep deployments picture {id}");
    command(sheet, "draw it", &picture);
    if !sheet.look.is_full {
        command(sheet, "see long values whole", &format!("{show} --full"));
    }
}

/// The ways to decide: one by one, or what is left together.
fn decide(sheet: &mut Sheet, reviewed: &Reviewed) {
    let (id, hash) = (reviewed.deployment.id, reviewed.shown);
    let left = undecided(sheet, reviewed);
    if let Some(first) = &left {
        let one = format!("redkeep deployments decide {id} --hash {hash} --change {first}");
        command(sheet, "approve one change", &format!("{one} approve"));
        let reject = format!("{one} reject --comment 'WHY'");
        command(sheet, "reject one change", &reject);
    }
    let what = match left {
        Some(_) => "approve all that is left, and the whole",
        None => "confirm what was decided",
    };
    let approve = format!("redkeep deployments approve {id} --hash {hash}");
    command(sheet, what, &approve);
    command(sheet, "then let it run", &apply(reviewed));
}

fn apply(reviewed: &Reviewed) -> String {
    let (id, hash) = (reviewed.deployment.id, reviewed.shown);
    format!("redkeep deployments apply {id} --hash {hash}")
}

/// Says which changes are not decided; the number of the first.
fn undecided(sheet: &mut Sheet, reviewed: &Reviewed) -> Option<String> {
    let index = Index::new(reviewed);
    let all = reviewed.steps.iter().flat_map(|step| &step.changes);
    let open = all.filter(|id| reviewed.decision(id).is_none());
    let open: Vec<String> = open
        .filter_map(|id| index.get(id))
        .map(|entry| entry.number())
        .collect();
    let changes = counted(reviewed.diff.changes.len(), "change");
    if open.is_empty() {
        let (approved, rejected) = (
            reviewed.count(Verdict::Approve),
            reviewed.count(Verdict::Reject),
        );
        let text = format!("Every change is decided: {approved} approved, {rejected} rejected.");
        sheet.line(0, &[bold(text)]);
        return None;
    }
    let mut named = open
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if open.len() > NAMED {
        named = format!("{named} and {} more", open.len() - NAMED);
    }
    let text = format!("{} of {changes} not decided: ", open.len());
    sheet.hanging(0, 2, &[bold(text), plain(named)]);
    let asked = reviewed.asks.keys();
    let asked = asked.filter(|id| reviewed.decision(id).is_none()).count();
    if asked > 0 {
        let text = format!(
            "policy asks something of {}: see above",
            counted(asked, "change")
        );
        sheet.line(0, &[Span::new(Style::Warn, text)]);
    }
    open.into_iter().next()
}

/// A command on a line of its own, whole, so that it can be copied.
fn command(sheet: &mut Sheet, what: &str, command: &str) {
    sheet.line(2, &[dim(format!("{what}:"))]);
    sheet.verbatim(4, &[plain(command)]);
}
