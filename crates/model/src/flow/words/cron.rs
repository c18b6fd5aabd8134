//! Cron expressions: `0 8 * * 1-5` → "at 08:00 on Mon–Fri".

const DAYS: [&str; 8] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// One field of the expression.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Any,
    Every(u32),
    /// Ranges, a single value being one of equal ends.
    Some(Vec<(u32, u32)>),
}

/// A cron expression of five fields (or six, with seconds that are 0) in words. None where it says
/// more than these words can.
pub(super) fn words(text: &str) -> Option<String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let ([minute, hour, day, month, weekday] | ["0" | "00", minute, hour, day, month, weekday]) =
        fields.as_slice()
    else {
        return None;
    };
    let minute = field(minute, 0, 59, &[])?;
    let hour = field(hour, 0, 23, &[])?;
    let day = field(day, 1, 31, &[])?;
    let months: Vec<&str> = MONTHS.to_vec();
    let month = field(month, 1, 12, &months)?;
    let weekday = weekdays(weekday)?;
    let mut said = time(&minute, &hour)?;
    // Cron runs on days that fit either of the two, when both are given.
    let dates = match &day {
        Field::Any => None,
        Field::Every(_) => return None,
        Field::Some(days) => {
            let s = if is_one(days) { "" } else { "s" };
            Some(format!(
                "day{s} {} of the month",
                list(days, |day| day.to_string())
            ))
        }
    };
    let weekdays = match &weekday {
        Field::Any => None,
        Field::Every(_) => return None,
        Field::Some(days) => Some(list(days, |day| {
            DAYS.get(day as usize).unwrap_or(&"?").to_string()
        })),
    };
    match (dates, weekdays) {
        (None, None) => {}
        (Some(days), None) | (None, Some(days)) => said = format!("{said} on {days}"),
        (Some(dates), Some(weekdays)) => said = format!("{said} on {dates} and on {weekdays}"),
    }
    match &month {
        Field::Any => {}
        Field::Every(_) => return None,
        Field::Some(months) => {
            let name = |month: u32| MONTHS.get(month as usize - 1).unwrap_or(&"?").to_string();
            said = format!("{said} in {}", list(months, name));
        }
    }
    Some(said)
}

fn time(minute: &Field, hour: &Field) -> Option<String> {
    let pace = |field: &Field, unit: &str| match field {
        Field::Any => Some(format!("every {unit}")),
        Field::Every(count) => Some(format!("every {count} {unit}s")),
        Field::Some(_) => None,
    };
    Some(match (minute, hour) {
        (Field::Any | Field::Every(_), Field::Any) => pace(minute, "minute")?,
        (Field::Any | Field::Every(_), Field::Some(hours)) => {
            let span = |(from, to): &(u32, u32)| format!("from {from:02}:00 to {to:02}:59");
            let spans: Vec<String> = hours.iter().map(span).collect();
            format!("{} {}", pace(minute, "minute")?, spans.join(" and "))
        }
        (Field::Some(minutes), Field::Any | Field::Every(_)) if minutes == &[(0, 0)] => {
            pace(hour, "hour")?
        }
        (Field::Some(minutes), Field::Any | Field::Every(_)) if is_one(minutes) => {
            format!(
                "at minute {} of {}",
                minutes.first()?.0,
                pace(hour, "hour")?
            )
        }
        (Field::Some(minutes), Field::Some(hours)) => {
            let single = |field: &[(u32, u32)]| field.iter().all(|(from, to)| from == to);
            if !single(minutes) || !single(hours) || minutes.len() * hours.len() > 12 {
                return None;
            }
            let times = hours.iter().flat_map(|(hour, _)| {
                minutes
                    .iter()
                    .map(move |(minute, _)| format!("{hour:02}:{minute:02}"))
            });
            format!("at {}", times.collect::<Vec<_>>().join(", "))
        }
        _ => return None,
    })
}

fn is_one(ranges: &[(u32, u32)]) -> bool {
    matches!(ranges, [(from, to)] if from == to)
}

fn list(ranges: &[(u32, u32)], name: impl Fn(u32) -> String) -> String {
    let words = ranges.iter().map(|(from, to)| match to - from {
        0 => name(*from),
        _ => format!("{}\u{2013}{}", name(*from), name(*to)),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// Sunday is 0 and 7; steps count over the seven days there are, so that `*/7` is Sunday once.
fn weekdays(text: &str) -> Option<Field> {
    let Some(step) = text.strip_prefix("*/") else {
        return field(text, 0, 7, &DAYS);
    };
    Some(match value(step, 1, 7, &[])? {
        1 => Field::Any,
        step => Field::Some((0..7).step_by(step as usize).map(|at| (at, at)).collect()),
    })
}

fn field(text: &str, min: u32, max: u32, names: &[&str]) -> Option<Field> {
    if text == "*" {
        return Some(Field::Any);
    }
    if let Some(count) = text.strip_prefix("*/") {
        let count = value(count, 1, max, &[])?;
        return Some(match count {
            1 => Field::Any,
            count if (max + 1 - min).is_multiple_of(count) => Field::Every(count),
            // 5 of 24 starts anew at midnight: the times themselves say that.
            count => Field::Some(
                (min..=max)
                    .step_by(count as usize)
                    .map(|at| (at, at))
                    .collect(),
            ),
        });
    }
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (value(from, min, max, names)?, value(to, min, max, names)?);
        (from <= to).then_some((from, to))
    };
    text.split(',')
        .map(range)
        .collect::<Option<Vec<_>>>()
        .map(Field::Some)
}

fn value(text: &str, min: u32, max: u32, names: &[&str]) -> Option<u32> {
    let named = names.iter().zip(min..).find(|(name, _)| {
        text.len() == 3
            && name
                .get(..3)
                .is_some_and(|name| name.eq_ignore_ascii_case(text))
    });
    if let Some((_, number)) = named {
        return Some(number);
    }
    let is_number =
        !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u32 = text.parse().ok().filter(|_| is_number)?;
    (min..=max).contains(&number).then_some(number)
}
