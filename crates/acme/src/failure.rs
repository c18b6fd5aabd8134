//! Why there is no certificate, in plain words, and when to ask again.

use std::io;

use instant_acme::{Error, Problem};

/// Characters of a stranger's text that are shown.
const SAID_MAX: usize = 600;

/// Why an attempt ended.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No answer.
    #[error(
        "{server} could not be reached: {why}; look at this machine's network and name resolution, \
         and at `roots` if the server is a private one"
    )]
    Unreachable {
        /// Whom we asked.
        server: String,
        /// Why.
        why: String,
    },
    /// Too much was asked, or the server is busy.
    #[error("{server} asks to wait: {said}")]
    Limited {
        /// Whom we asked.
        server: String,
        /// Its words.
        said: String,
    },
    /// The server said no.
    #[error("{server} refused: {said}")]
    Refused {
        /// Whom we asked.
        server: String,
        /// Its words.
        said: String,
        /// The problem's type (RFC 8555, 6.7), without its prefix.
        kind: String,
    },
    /// The validators did not find what they looked for.
    #[error("{server} could not verify {name}: {said}")]
    NotProven {
        /// Whom we asked.
        server: String,
        /// Which name.
        name: String,
        /// Its words.
        said: String,
    },
    /// The server offers no way we may take.
    #[error("{server} does not offer {method} for {name}; choose another challenge")]
    NoWay {
        /// Whom we asked.
        server: String,
        /// Which name.
        name: String,
        /// What we may.
        method: &'static str,
    },
    /// The proof could not be shown.
    #[error("the proof for {name} could not be shown: {why}")]
    Show {
        /// Which name.
        name: String,
        /// Why.
        why: String,
    },
    /// It went on for too long; the order stays, and is gone on with.
    #[error("{server} has not decided yet: {waited}")]
    Slow {
        /// Whom we asked.
        server: String,
        /// For what.
        waited: &'static str,
    },
    /// The certificate is not put to use.
    #[error("the certificate {server} gave is not used: {why}")]
    Unfit {
        /// Who issued it.
        server: String,
        /// What is wrong with it.
        why: String,
    },
    /// What must survive a crash could not be kept, so it was not begun.
    #[error("the state of the order could not be kept: {0}; look at the disk and its rights")]
    Keep(#[from] io::Error),
}

impl Trouble {
    /// From what the client library says.
    pub(crate) fn new(server: &str, error: &Error) -> Self {
        let server = server.to_owned();
        match error {
            Error::Api(problem) => Self::api(server, problem),
            Error::Other(inner) => {
                let mut why = inner.to_string();
                let mut next = inner.source();
                while let Some(error) = next {
                    why = format!("{why}: {error}");
                    next = error.source();
                }
                Self::Unreachable {
                    server,
                    why: said(&why),
                }
            }
            other => Self::Refused {
                server,
                said: said(&format!("its answer was not understood: {other}")),
                kind: String::new(),
            },
        }
    }

    fn api(server: String, problem: &Problem) -> Self {
        let kind = kind(problem);
        let said = words(problem);
        if kind == "rateLimited" || matches!(problem.status, Some(429 | 503)) {
            return Self::Limited { server, said };
        }
        Self::Refused { server, said, kind }
    }

    /// Whether the server does not know our account (any more).
    pub(crate) fn is_account_gone(&self) -> bool {
        matches!(self, Self::Refused { kind, .. } if kind == "accountDoesNotExist")
    }

    /// Whether the server says no to what was asked, so that asking the same again is vain.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NotProven { .. })
    }
}

/// The problem's type without its prefix.
pub(crate) fn kind(problem: &Problem) -> String {
    let whole = problem.r#type.as_deref().unwrap_or_default();
    whole
        .strip_prefix("urn:ietf:params:acme:error:")
        .unwrap_or(whole)
        .to_owned()
}

/// What a server says, fit to be shown.
pub(crate) fn words(problem: &Problem) -> String {
    let mut text = problem.detail.clone().unwrap_or_else(|| kind(problem));
    for sub in &problem.subproblems {
        text = format!("{text}; {}", sub.detail.as_deref().unwrap_or_default());
    }
    said(&text)
}

/// A stranger's words: bounded, one line, nothing that drives a terminal.
pub(crate) fn said(text: &str) -> String {
    let plain = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SAID_MAX);
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_servers_words_are_bounded_and_on_one_line() {
        let text = said(&format!("a\u{1b}[2Jb\nc{}", "x".repeat(1000)));
        assert!(text.starts_with("a [2Jb c"), "{text}");
        assert_eq!(text.chars().count(), SAID_MAX);
    }
}
