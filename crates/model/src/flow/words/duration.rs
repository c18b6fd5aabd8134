//! Spans of time: `300`, `"seconds"` → "5 minutes".

const SCALE: [(&str, f64); 5] = [
    ("millisecond", 1.0),
    ("second", 1e3),
    ("minute", 60e3),
    ("hour", 3_600e3),
    ("day", 86_400e3),
];

/// `amount` of `unit` (as Node-RED's nodes name units) in the largest unit that divides it. None
/// for a unit that is not known, or for what is no span.
pub(super) fn words(amount: f64, unit: &str) -> Option<String> {
    let name = match unit {
        "ms" | "millisecond" | "milliseconds" => "millisecond",
        "s" | "second" | "seconds" => "second",
        "min" | "minute" | "minutes" => "minute",
        "hr" | "hour" | "hours" => "hour",
        "day" | "days" => "day",
        _ => return None,
    };
    if !(0.0..1e15).contains(&amount) {
        return None;
    }
    let factor = SCALE
        .iter()
        .find(|(word, _)| *word == name)
        .map(|(_, factor)| *factor)?;
    let span = amount * factor;
    let divides = |(_, factor): &&(&str, f64)| *factor <= span && span % *factor == 0.0;
    let (word, count) = match SCALE.iter().rev().find(divides) {
        Some((word, factor)) => (*word, span / factor),
        None => (name, amount),
    };
    Some(counted(count, word))
}

/// "1 second", "1.5 seconds".
pub(super) fn counted(count: f64, noun: &str) -> String {
    let s = if count.to_string() == "1" { "" } else { "s" };
    format!("{count} {noun}{s}")
}

/// "every 5 minutes", "every second".
pub(super) fn every(amount: f64, unit: &str) -> Option<String> {
    let words = words(amount, unit)?;
    Some(format!(
        "every {}",
        words.strip_prefix("1 ").unwrap_or(&words)
    ))
}
