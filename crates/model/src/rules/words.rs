//! Rules in words, for pages and terminals.

use std::fmt;

use super::{Bounds, By, Outcome, Rule};

fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

impl Rule {
    /// Where from: `office, 10.9.0.7/32`, or `anywhere`.
    pub fn from_words(&self) -> String {
        if self.from.is_empty() {
            "anywhere".to_owned()
        } else {
            listed(&self.from)
        }
    }

    /// What for: `POST to endpoints below /hook on main`, or `everything of the gates`.
    pub fn what_words(&self) -> String {
        let mut words = String::new();
        if !self.methods.is_empty() {
            words.push_str(&listed(self.methods.iter().map(|it| it.as_str())));
            words.push_str(" to ");
        }
        if self.areas.is_empty() {
            words.push_str("everything of the gate");
        } else {
            words.push_str(&listed(self.areas.iter().map(|it| it.as_str())));
        }
        if !self.paths.is_empty() {
            words.push_str(" below ");
            words.push_str(&listed(&self.paths));
        }
        if let Some(instance) = &self.instance {
            words.push_str(" on ");
            words.push_str(instance.as_str());
        }
        if let Some(signed_by) = &self.signed_by {
            words.push_str(", ");
            words.push_str(&signed_by.to_string());
        }
        words
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            self.requests_a_minute
                .map(|it| format!("{it} requests a minute")),
            self.at_once.map(|it| format!("{it} at once")),
            self.body_bytes.map(|it| format!("bodies up to {it} bytes")),
            self.answer_seconds
                .map(|it| format!("{it} seconds to answer")),
        ];
        f.write_str(&listed(all.into_iter().flatten()))
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(place) => write!(f, "rule {place}"),
            Self::PublicPath(path) => write!(f, "the public path {path} of the instance's rules"),
            Self::Default => f.write_str("the default: whoever is logged in"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::LogIn => "asked to log in",
            Self::Refused => "refused",
        })
    }
}
