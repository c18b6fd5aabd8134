//! State: what stops, starts, changes its nature or is out of sight.

use serde_json::Value;

use super::{
    Hit, Severity,
    look::{Look, quote},
};
use crate::flow::change::Subject;

fn is_off(look: &Look<'_>, key: &str) -> bool {
    look.value(key) == Some(&Value::Bool(true))
}

fn switch(look: &Look<'_>) -> &'static str {
    if look.change.subject == Subject::Tab {
        "disabled"
    } else {
        "d"
    }
}

pub(super) fn disabled(look: &Look<'_>) -> Option<Hit> {
    let key = switch(look);
    if !look.becomes(key, &Value::Bool(true)) {
        return None;
    }
    let message = if look.change.subject == Subject::Tab {
        "Switches the whole tab off: nothing on it runs any more, alarms and interlocks included."
    } else {
        "Switches the node off: messages end here, and what comes after it gets none."
    };
    Some((Severity::Warning, message.to_owned(), Some(key)))
}

pub(super) fn enabled(look: &Look<'_>) -> Option<Hit> {
    let key = switch(look);
    let was = look.before.and_then(|all| all.get(key)) == Some(&Value::Bool(true));
    (was && !is_off(look, key)).then(|| {
        (
            Severity::Note,
            "Switches on what was switched off until now.".to_owned(),
            Some(key),
        )
    })
}

pub(super) fn type_changed(look: &Look<'_>) -> Option<Hit> {
    let was = look
        .before?
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or("");
    (was != look.kind()).then(|| {
        let message = format!(
            "Becomes another type under the same id: was {}, would be {}.",
            quote(was),
            quote(look.kind())
        );
        (Severity::Warning, message, Some("type"))
    })
}

pub(super) fn wires_cut(look: &Look<'_>) -> Option<Hit> {
    look.had_wires_in.then(|| {
        let message = "Other nodes are wired to it; what they sent to it goes nowhere.";
        (Severity::Note, message.to_owned(), None)
    })
}

/// The editor's canvas is 8000 pixels wide and high.
const CANVAS: f64 = 8_000.0;

pub(super) fn off_canvas(look: &Look<'_>) -> Option<Hit> {
    if !matches!(look.change.subject, Subject::Node | Subject::Group) {
        return None;
    }
    let is_out = |key: &&str| {
        let number = look.value(key).and_then(Value::as_f64);
        look.differs(key) && number.is_some_and(|at| !(0.0..=CANVAS).contains(&at))
    };
    let key = ["x", "y"].into_iter().find(|key| is_out(key))?;
    let message = "Stands outside the editor's canvas, where nobody who opens the flow sees it.";
    Some((Severity::Warning, message.to_owned(), Some(key)))
}
