//! Topics: what a subscription takes in.

use crate::{
    hit::Hits,
    look::{Look, quote},
    rule::reach::{TOPIC, TOPIC_WIDENED},
};

pub(super) fn subscribes(look: &Look<'_>, property: &str, hits: &mut Hits) {
    let (was, is) = (look.old_text(property), look.text(property));
    if was == is || is.is_empty() {
        return;
    }
    let takes_all = is == "#"
        || is == "+/#"
        || is.starts_with("$share/") && is.ends_with("/#") && is.matches('/').count() == 2;
    let wider = !was.is_empty() && covers(is, was);
    if takes_all || wider {
        let message = if wider {
            format!(
                "Hears {} instead of {}: messages that were meant for others start things here.",
                quote(is),
                quote(was)
            )
        } else {
            format!(
                "Hears {}, which is everything: messages that were meant for others start things here.",
                quote(is)
            )
        };
        hits.add(&TOPIC_WIDENED, message).at(property);
    } else {
        let before = if was.is_empty() {
            String::new()
        } else {
            format!(" instead of {}", quote(was))
        };
        hits.add(&TOPIC, format!("Hears the topic {}{before}.", quote(is)))
            .at(property);
    }
}

pub(super) fn publishes(look: &Look<'_>, property: &str, hits: &mut Hits) {
    let (was, is) = (look.old_text(property), look.text(property));
    if was == is && !look.is_new() {
        return;
    }
    let what = if is.is_empty() {
        "whatever topic the message names".to_owned()
    } else {
        format!("the topic {}", quote(is))
    };
    let before = if was.is_empty() {
        String::new()
    } else {
        format!(" instead of {}", quote(was))
    };
    hits.add(
        &TOPIC,
        format!("Speaks on {what}{before}: whoever hears it acts on it."),
    )
    .at(property);
}

/// Whether the topic filter `wide` takes in all that `narrow` does, and more.
fn covers(wide: &str, narrow: &str) -> bool {
    let (mut wide, mut narrow) = (wide.split('/'), narrow.split('/'));
    let mut more = false;
    loop {
        match (wide.next(), narrow.next()) {
            (Some("#"), other) => return more || other != Some("#"),
            (Some("+"), Some(level)) if level != "#" => more |= level != "+",
            (Some(one), Some(other)) if one == other => {}
            (None, None) => return more,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_filter_covers_what_mqtt_says_it_does() {
        let cases = [
            ("#", "a/b", true),
            ("a/#", "a", true),
            ("a/+", "a/b", true),
            ("a/+/c", "a/b/c", true),
            ("a/+", "a/b/c", false),
            ("a/+", "a/#", false),
            ("a/b", "a/b", false),
            ("a/#", "a/#", false),
            ("+/b", "a/b", true),
            ("a/b", "a/+", false),
            ("a/#", "b/c", false),
        ];
        for (wide, narrow, expected) in cases {
            assert_eq!(covers(wide, narrow), expected, "{wide} over {narrow}");
        }
    }
}
