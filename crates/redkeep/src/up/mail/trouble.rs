//! Why a mail was not sent, in words for people. No secret is in them.

use std::io;

use lettre::transport::smtp;

/// Characters of a server's own words that are passed on.
const WORDS_MAX: usize = 200;

/// Why a mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// There is no connection.
    #[error("the mail server cannot be reached: {0}; check its address in [mail], and the network")]
    Unreachable(#[source] io::Error),
    /// It took too long.
    #[error("the mail server did not answer in time; check that it is well, and its port")]
    Hung,
    /// The encryption failed, mostly for want of trust.
    #[error(
        "the mail server's encryption is not to be trusted: {0}; check its name, and name its root \
         certificate as `trust` in [mail] if it is your own"
    )]
    Tls(#[source] io::Error),
    /// The certificates to trust are not usable.
    #[error("the certificates to trust the mail server by cannot be used: {0}")]
    Trust(String),
    /// It speaks no STARTTLS.
    #[error(
        "the mail server offers no encryption (STARTTLS), and nothing is sent without; try smtps://"
    )]
    NoStartTls,
    /// It does not speak like a mail server.
    #[error("what answers there does not speak like a mail server; check address and port")]
    NoMailServer,
    /// The connection broke.
    #[error("the connection to the mail server broke off: {0}")]
    Broken(#[source] io::Error),
    /// It takes nothing from anybody at the moment: 421, or 452.
    #[error("the mail server takes no mails at the moment: {0}")]
    Busy(String),
    /// The password file.
    #[error("{0}")]
    Password(String),
    /// Not logged in. The server's words are left out: it may say the password back.
    #[error(
        "the mail server refused the login{code}; check user and password_file in [mail]",
        code = .0.map(|code| format!(" ({code})")).unwrap_or_default()
    )]
    Login(Option<u16>),
    /// The sender is refused.
    #[error("the mail server does not take mails from this sender: {0}; check `from` in [mail]")]
    Sender(String),
    /// The recipient is refused, for now or for good.
    #[error("the mail server does not take mails for this address: {words}")]
    Recipient {
        /// What it said.
        words: String,
        /// It would say so again.
        is_final: bool,
    },
    /// This mail is refused, for now or for good.
    #[error("the mail server does not take this mail: {words}")]
    Content {
        /// What it said.
        words: String,
        /// It would say so again.
        is_final: bool,
    },
    /// The mail could not be put together.
    #[error("the mail could not be put together: {0}")]
    Message(String),
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concerns {
    /// Every mail waits.
    All,
    /// This mail is tried again later.
    ThisNow,
    /// This mail would be refused again.
    ThisForGood,
}

impl Trouble {
    /// Whether other mails have to wait for it.
    pub(crate) fn concerns(&self) -> Concerns {
        match self {
            Self::Recipient { is_final, .. } | Self::Content { is_final, .. } if *is_final => {
                Concerns::ThisForGood
            }
            Self::Recipient { .. } | Self::Content { .. } => Concerns::ThisNow,
            Self::Message(_) => Concerns::ThisForGood,
            _ => Concerns::All,
        }
    }

    /// Whether it is the server's answer about one mail: the server itself works.
    pub(crate) fn is_answer(&self) -> bool {
        matches!(self, Self::Recipient { .. } | Self::Content { .. })
    }

    /// The server hung up, spoke nonsense or is shut to everybody; none: it answered, if only with
    /// a refusal.
    pub(super) fn of_connection(error: &smtp::Error) -> Option<Self> {
        match error.status().map(u16::from) {
            Some(code) => is_shut(code, &words(error)).then(|| Self::Busy(words(error))),
            None if error.is_response() => Some(Self::NoMailServer),
            None => Some(Self::Broken(io::Error::other(words(error)))),
        }
    }
}

/// Whether an answer is about the server, not about one mail: it closes (421), or has no room (452),
/// unless it says that one mailbox has none (4.2.x, RFC 3463).
fn is_shut(code: u16, words: &str) -> bool {
    match code {
        421 => true,
        452 => !words.split_whitespace().any(|it| it.starts_with("4.2.")),
        _ => false,
    }
}

/// What the server said, on one line, cut, with nothing in it that steers a terminal.
pub(super) fn words(error: &smtp::Error) -> String {
    let mut text = match error.status() {
        Some(code) => code.to_string(),
        None => error.to_string(),
    };
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text} {source}");
    }
    console::name_of(&text).chars().take(WORDS_MAX).collect()
}
