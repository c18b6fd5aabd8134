//! State: what stops, starts, changes its nature or is out of sight.

use model::flow::change::Subject;
use serde_json::Value;

use crate::{
    hit::Hits,
    look::{Look, quote},
    rule::state::{DISABLED, ENABLED, OFF_CANVAS, TYPE_CHANGED},
};

pub(crate) fn look(look: &Look<'_>, hits: &mut Hits) {
    switched(look, hits);
    type_changed(look, hits);
    off_canvas(look, hits);
}

fn switched(look: &Look<'_>, hits: &mut Hits) {
    let is_tab = look.change.subject == Subject::Tab;
    let key = if is_tab { "disabled" } else { "d" };
    let on = Value::Bool(true);
    // What comes switched off runs nothing and stops nothing.
    if look.before.is_some() && look.becomes(key, &on) {
        let message = if is_tab {
            "Switches the whole tab off: nothing on it runs any more, alarms and interlocks included."
        } else {
            "Switches the node off: messages end here, and what comes after it gets none."
        };
        hits.add(&DISABLED, message).at(key);
    } else if look.was(key) == Some(&on) && look.value(key) != Some(&on) {
        hits.add(&ENABLED, "Switches on what was switched off until now.")
            .at(key);
    }
}

fn type_changed(look: &Look<'_>, hits: &mut Hits) {
    let Some(was) = look.was("type").and_then(Value::as_str) else {
        return;
    };
    if was != look.kind() {
        let message = format!(
            "Becomes another type under the same id: was {}, would be {}.",
            quote(was),
            quote(look.kind())
        );
        hits.add(&TYPE_CHANGED, message).at("type");
    }
}

/// The editor's canvas is 8000 pixels wide and high.
const CANVAS: f64 = 8_000.0;

pub(crate) fn off_canvas(look: &Look<'_>, hits: &mut Hits) {
    if !matches!(look.change.subject, Subject::Node | Subject::Group) {
        return;
    }
    let is_out = |key: &&str| {
        let number = look.value(key).and_then(Value::as_f64);
        look.differs(key) && number.is_some_and(|at| !(0.0..=CANVAS).contains(&at))
    };
    if let Some(key) = ["x", "y"].into_iter().find(is_out) {
        let message =
            "Stands outside the editor's canvas, where nobody who opens the flow sees it.";
        hits.add(&OFF_CANVAS, message).at(key);
    }
}
