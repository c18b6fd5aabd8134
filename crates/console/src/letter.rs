//! Letters: what is told by mail, as text, as HTML without anything fetched, and with the picture.
//!
//! Everything is read when it is sent, as the person it is for: what they may not see does not
//! stand in it. Values of properties and credentials never do. A mail is a page on somebody
//! else's machine, so text from strangers passes [`said`] besides: it can neither look like a line
//! of Redkeep's own nor become a link.

mod alert;
mod own;
mod picture;
mod review;

use askama::Template;
use deploy::{Caller, DeployError, Deployments};
use model::{
    audit::Entry,
    id::UserId,
    mail::Topic,
    principal::{Principal, Via},
};
use store::{StoreError, User, WaitingMail};

use crate::wording::{name_of, shown};

/// The name under which the HTML finds the picture (its Content-ID).
pub const PICTURE: &str = "picture@redkeep";

/// Characters of a subject.
const SUBJECT_MAX: usize = 120;
/// Characters of what somebody said, in one mail.
const SAID_MAX: usize = 2_000;
/// Lines of it.
const LINES_MAX: usize = 40;
/// Bytes of a picture; a larger one is left to the page.
const PICTURE_MAX: usize = 1 << 20;

/// A letter, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line, without control characters.
    pub subject: String,
    /// The whole for people who read text.
    pub text: String,
    /// The same as HTML; it shows the picture as `cid:`[`PICTURE`].
    pub html: String,
    /// A PNG.
    pub picture: Option<Vec<u8>>,
}

/// What is to be done with a mail that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is to be sent.
    Letter(Box<Letter>),
    /// There is nothing to tell any more.
    Nothing,
    /// It will say more in a moment: its deployment is being rehearsed.
    Soon,
}

/// Why a letter could not be written.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// The ledger failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The deployment could not be read.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The template failed.
    #[error("the letter could not be laid out: {0}")]
    Layout(#[from] askama::Error),
}

impl LetterError {
    /// Whether the same letter may well be written in a moment: it is not this letter's fault.
    pub fn is_passing(&self) -> bool {
        let is_ledger = |error: &StoreError| {
            matches!(
                error,
                StoreError::Database(_) | StoreError::File { .. } | StoreError::Keys(_)
            )
        };
        match self {
            Self::Store(error) | Self::Deploy(DeployError::Store(error)) => is_ledger(error),
            Self::Deploy(error) => matches!(error, DeployError::Crowded),
            Self::Layout(_) => false,
        }
    }
}

/// Where letters are written.
#[derive(Debug, Clone)]
pub struct Desk {
    deployments: Deployments,
    /// The console's origin.
    origin: String,
    /// Whether letters show pictures.
    has_pictures: bool,
}

impl Desk {
    /// A desk over this waiting room; links lead to `origin`, the console's.
    pub fn new(deployments: Deployments, origin: String, has_pictures: bool) -> Self {
        Self {
            deployments,
            origin,
            has_pictures,
        }
    }

    /// Writes a letter as things are now.
    pub async fn write(&self, mail: &WaitingMail, user: &User) -> Result<Outcome, LetterError> {
        if !mail.topic.is_for(user.role, user.mail_wishes) {
            return Ok(Outcome::Nothing);
        }
        let entries = self.deployments.store().entries(&mail.entries).await?;
        let told = ToTell {
            desk: self,
            mail,
            entries,
            caller: caller(user),
        };
        let sheet = match &mail.topic {
            Topic::Reviews(instance) => review::write(&told, instance).await?,
            Topic::Own(deployment) => own::write(&told, *deployment).await?,
            Topic::Alert(alert, instance) => alert::write(&told, *alert, instance.as_ref()),
        };
        match sheet {
            Drafted::Sheet(sheet) => Ok(Outcome::Letter(Box::new(sheet.lay_out(&self.origin)?))),
            Drafted::Nothing => Ok(Outcome::Nothing),
            Drafted::Soon => Ok(Outcome::Soon),
        }
    }

    /// The letter that tries whether mails arrive.
    pub fn trial(&self) -> Result<Letter, LetterError> {
        let sheet = Sheet {
            subject: "Redkeep: this is a test".to_owned(),
            title: "Mails from Redkeep arrive".to_owned(),
            lead: "An administrator asked for this mail, to see whether it arrives.".to_owned(),
            action: "The console",
            link: self.link("/"),
            why: "You get this because an administrator named your address.",
            ..Sheet::default()
        };
        sheet.lay_out(&self.origin)
    }

    fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

/// The person a letter is for, with the rights they have now.
fn caller(user: &User) -> Caller {
    let (id, name, role): (UserId, _, _) = (user.id, user.name.clone(), user.role);
    let via = Via::ControlSocket;
    Caller {
        principal: Principal {
            user: id,
            name,
            role,
            via,
        },
        address: None,
    }
}

/// What a letter is made from.
struct ToTell<'a> {
    desk: &'a Desk,
    mail: &'a WaitingMail,
    /// Oldest first.
    entries: Vec<Entry>,
    caller: Caller,
}

enum Drafted {
    Sheet(Box<Sheet>),
    Nothing,
    Soon,
}

/// A letter before it is laid out. Every text in it is [`said`] or [`name`]d, or our own.
#[derive(Debug, Default)]
struct Sheet {
    subject: String,
    title: String,
    lead: String,
    facts: Vec<Fact>,
    parts: Vec<Part>,
    /// The picture, and what it shows in words.
    picture: Option<(Vec<u8>, String)>,
    action: &'static str,
    link: String,
    why: &'static str,
}

#[derive(Debug)]
struct Fact {
    name: &'static str,
    value: String,
}

#[derive(Debug)]
struct Part {
    title: String,
    lines: Vec<String>,
    /// Somebody's own words, shown as a quotation.
    is_said: bool,
}

impl Part {
    fn list(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self {
            title: title.into(),
            lines,
            is_said: false,
        }
    }

    fn quotation(title: impl Into<String>, text: &str) -> Self {
        let text = said(text);
        let mut lines: Vec<String> = text.lines().take(LINES_MAX).map(str::to_owned).collect();
        if text.lines().count() > LINES_MAX {
            lines.push("…".to_owned());
        }
        Self {
            title: title.into(),
            lines,
            is_said: true,
        }
    }
}

#[derive(Template)]
#[template(path = "mail/letter.txt", escape = "none")]
struct TextLetter<'a> {
    title: &'a str,
    lead: &'a str,
    facts: &'a [Fact],
    parts: &'a [Part],
    action: &'a str,
    link: &'a str,
    why: &'a str,
    origin: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct HtmlLetter<'a> {
    title: &'a str,
    lead: &'a str,
    facts: &'a [Fact],
    parts: &'a [Part],
    alt: Option<&'a str>,
    action: &'a str,
    link: &'a str,
    why: &'a str,
    origin: &'a str,
}

impl Sheet {
    fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        self.facts.push(Fact { name, value });
    }

    fn lay_out(self, origin: &str) -> Result<Letter, LetterError> {
        let Self {
            subject,
            title,
            lead,
            facts,
            parts,
            picture,
            action,
            link,
            why,
        } = self;
        let picture = picture.filter(|(png, _)| png.len() <= PICTURE_MAX);
        let text = TextLetter {
            title: &title,
            lead: &lead,
            facts: &facts,
            parts: &parts,
            action,
            link: &link,
            why,
            origin,
        };
        let html = HtmlLetter {
            title: &title,
            lead: &lead,
            facts: &facts,
            parts: &parts,
            alt: picture.as_ref().map(|(_, alt)| alt.as_str()),
            action,
            link: &link,
            why,
            origin,
        };
        Ok(Letter {
            subject: one_line(&subject),
            text: text.render()?,
            html: html.render()?,
            picture: picture.map(|(png, _)| png),
        })
    }
}

/// A subject: one line, cut.
fn one_line(text: &str) -> String {
    let text = name(text);
    match text.char_indices().nth(SUBJECT_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// Text from a stranger on one line.
fn name(text: &str) -> String {
    unlinked(&name_of(text))
}

/// Text from a stranger, of several lines, cut.
fn said(text: &str) -> String {
    let cut: String = text.chars().take(SAID_MAX).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    unlinked(&format!("{}{more}", shown(&cut)))
}

/// Mail programs make links of addresses they find: "your session ended, sign in at https://…" as
/// the name of a node would come in Redkeep's name, and could be clicked.
/// They also find `evil.example`, `WWW.evil.example`, `a@b.example`, `mailto:` and `tel:`.
fn unlinked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    // The word that ends here, as far as it can be a scheme.
    let mut word = String::new();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        let is_scheme = || next == '/' || matches!(word.as_str(), "mailto" | "tel" | "sms");
        match c {
            // What is written so already stays as it is.
            '@' if (before, next) != ('[', ']') => out.push_str("[@]"),
            ':' if is_scheme() => out.push_str("[:]"),
            // Names in other scripts are linked as well: any letter, not ours alone.
            '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}'
                if next.is_alphabetic() && (before.is_alphanumeric() || before == '-') =>
            {
                out.push_str("[.]");
            }
            _ => out.push(c),
        }
        if !c.is_ascii_alphanumeric() {
            word.clear();
        } else if word.len() < 8 {
            word.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests;
