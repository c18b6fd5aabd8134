//! Nodes that make, hold back or scale messages: inject, delay, trigger, range, debug.

use serde_json::Value;

use super::{Properties, Told, cron, duration, is_set, number, quoted, text, typed};

/// When it runs and what it sends.
pub(super) fn inject(node: &Properties, told: &mut Told) {
    let crontab = text(node, "crontab");
    let repeat = number(node, "repeat").filter(|seconds| *seconds > 0.0);
    let pace = match (crontab, repeat) {
        (Some(crontab), _) => {
            cron::words(crontab).unwrap_or_else(|| format!("by the schedule {}", quoted(crontab)))
        }
        (None, Some(seconds)) => match duration::every(seconds, "seconds") {
            Some(words) => words,
            None => return,
        },
        (None, None) => String::new(),
    };
    let once = is_set(node, "once").then(|| {
        let delay = number(node, "onceDelay").unwrap_or(0.1);
        let delay = duration::words(delay, "seconds").unwrap_or_else(|| format!("{delay} seconds"));
        format!("once, {delay} after the flows start")
    });
    let runs = match (pace.is_empty(), once) {
        (true, None) => "only when somebody presses its button".to_owned(),
        (true, Some(once)) => once,
        (false, None) => pace,
        (false, Some(once)) => format!("{pace}, and {once}"),
    };
    told.add("Runs", runs);
    let props = node.get("props").and_then(Value::as_array);
    let props = props.into_iter().flatten().filter_map(Value::as_object);
    let sends = props.filter_map(|prop| {
        let name = text(prop, "p")?;
        // The payload and the topic keep their values in properties of their own.
        let value = match (name, prop.contains_key("v")) {
            ("payload", false) => typed::of(node, "payload", "payloadType", "str"),
            ("topic", false) => typed::of(node, "topic", "", "str"),
            _ => typed::of(prop, "v", "vt", "str"),
        };
        Some(format!("msg.{name} = {value}"))
    });
    told.many.push(("Sends", sends.collect()));
}

/// What it holds back, and for how long.
pub(super) fn delay(node: &Properties, told: &mut Told) {
    let kind = text(node, "pauseType").unwrap_or("delay");
    let span = |amount: &str, unit: &str| {
        duration::words(number(node, amount)?, text(node, unit).unwrap_or("seconds"))
    };
    if matches!(kind, "rate" | "queue" | "timed") {
        return told.add("Lets through", rate(node, kind));
    }
    let words = match kind {
        "delay" => span("timeout", "timeoutUnits").map(|span| format!("each message by {span}")),
        "delayv" => span("timeout", "timeoutUnits")
            .map(|span| format!("each message by msg.delay, or by {span}")),
        "random" => {
            let unit = text(node, "randomUnits").unwrap_or("seconds");
            let of = |key: &str| duration::words(number(node, key)?, unit);
            of("randomFirst")
                .zip(of("randomLast"))
                .map(|(first, last)| {
                    format!("each message by a random time from {first} to {last}")
                })
        }
        _ => None,
    };
    told.add("Delays", words);
}

fn rate(node: &Properties, kind: &str) -> Option<String> {
    let count = number(node, "rate")?;
    let per = number(node, "nbRateUnits").unwrap_or(1.0);
    let unit = text(node, "rateUnits").unwrap_or("second");
    let every = duration::every(per, unit)?;
    let others = match (kind, is_set(node, "drop")) {
        ("queue", _) => "a message of each topic at a time",
        ("timed", _) => "all topics at once",
        (_, true) => "others are dropped",
        (_, false) => "others wait",
    };
    Some(format!(
        "{} {every}; {others}",
        duration::counted(count, "message")
    ))
}

/// What it sends, waits for, and sends then.
pub(super) fn trigger(node: &Properties, told: &mut Told) {
    let sends = |value: &str, kind: &str| {
        let kind_of = text(node, kind).unwrap_or("str");
        if kind_of == "nul" {
            "sends nothing".to_owned()
        } else {
            format!("sends {}", typed::words(node.get(value), kind_of))
        }
    };
    let unit = text(node, "units").unwrap_or("ms");
    let first = sends("op1", "op1type");
    let then = sends("op2", "op2type");
    let words = match number(node, "duration") {
        Some(0.0) => Some(format!("{first}, then waits until it is reset")),
        Some(amount) if amount < 0.0 => {
            duration::every(-amount, unit).map(|every| format!("{first} {every} until it is reset"))
        }
        Some(amount) => duration::words(amount, unit).map(|span| {
            let anew = if is_set(node, "extend") {
                "; each message starts the wait anew"
            } else {
                ""
            };
            format!("{first}, waits {span}, then {then}{anew}")
        }),
        None => None,
    };
    told.add("When a message comes", words);
    told.add(
        "Is reset by",
        text(node, "reset").map(|value| format!("the payload {}", quoted(value))),
    );
}

/// "from 0–1023 to 0–100".
pub(super) fn range(node: &Properties, told: &mut Told) {
    let of = |key: &str| number(node, key);
    let (Some(from), Some(to), Some(min), Some(max)) =
        (of("minin"), of("maxin"), of("minout"), of("maxout"))
    else {
        return;
    };
    let beyond = match text(node, "action") {
        Some("clamp") => ", held within that range",
        Some("roll") => ", wrapped round at its ends",
        Some("drop") => ", others dropped",
        _ => "",
    };
    let property = text(node, "property").unwrap_or("payload");
    let round = if is_set(node, "round") {
        ", rounded to whole numbers"
    } else {
        ""
    };
    told.add(
        "Scales",
        format!("msg.{property} from {from}\u{2013}{to} to {min}\u{2013}{max}{beyond}{round}"),
    );
}

/// Whether it shows anything, and what.
pub(super) fn debug(node: &Properties, told: &mut Told) {
    if node.contains_key("active") {
        let words = if is_set(node, "active") {
            "on"
        } else {
            "off: shows nothing"
        };
        told.add("Output is", words.to_owned());
    }
}
