//! One mail, from a letter to a server's word that it took it.

use std::time::{Duration, SystemTime};

use lettre::{
    Message,
    address::Envelope,
    message::{
        Attachment, Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::AsyncSmtpConnection,
        commands::{Data, Mail as MailFrom, Rcpt},
        extension::ClientId,
    },
};
use model::mail::MailAddress;

use console::letter::{Letter, PICTURE};

use super::{
    road::{HELLO, Road},
    trouble::{Trouble, words},
};
use crate::config::mail::Mail;

/// How long a whole conversation may take: a server that hangs holds up nothing longer.
const CONVERSATION: Duration = Duration::from_mins(1);
/// How long it may take its leave.
const LEAVE: Duration = Duration::from_secs(2);

/// Says that no person wrote it, so that no absence notice answers it (RFC 3834).
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Sends a letter. `id` is the same whenever the same letter is sent: should a server's word that it
/// took it be lost, whoever gets it twice is shown it once.
pub(super) async fn carry(
    mail: &Mail,
    to: &MailAddress,
    letter: &Letter,
    id: &str,
    at: SystemTime,
) -> Result<(), Trouble> {
    let (envelope, message) = message(mail, to, letter, id, at)?;
    let talked = tokio::time::timeout(CONVERSATION, talk(mail, &envelope, &message)).await;
    let mut talk = talked.map_err(|_| Trouble::Hung)??;
    // It has the mail. A server that hangs now must not make us send it again.
    drop(tokio::time::timeout(LEAVE, talk.quit()).await);
    Ok(())
}

fn message(
    mail: &Mail,
    to: &MailAddress,
    letter: &Letter,
    id: &str,
    at: SystemTime,
) -> Result<(Envelope, Vec<u8>), Trouble> {
    let failed = |error: &dyn std::fmt::Display| Trouble::Message(error.to_string());
    let mailbox = |name: Option<&str>, address: &MailAddress| {
        let address = address.as_str().parse::<lettre::Address>();
        address
            .map(|address| Mailbox::new(name.map(str::to_owned), address))
            .map_err(|error| failed(&error))
    };
    let (from, to) = (mailbox(Some("Redkeep"), &mail.from)?, mailbox(None, to)?);
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()]);
    let html = SinglePart::html(letter.html.clone());
    let shown = match &letter.picture {
        None => MultiPart::alternative()
            .singlepart(SinglePart::plain(letter.text.clone()))
            .singlepart(html),
        Some(png) => {
            let png_type = ContentType::parse("image/png").map_err(|error| failed(&error))?;
            let picture = Attachment::new_inline(PICTURE.to_owned()).body(png.clone(), png_type);
            let related = MultiPart::related().singlepart(html).singlepart(picture);
            MultiPart::alternative()
                .singlepart(SinglePart::plain(letter.text.clone()))
                .multipart(related)
        }
    };
    let built = Message::builder()
        .from(from)
        .to(to)
        .subject(letter.subject.clone())
        .date(at)
        .message_id(Some(format!("<{id}@{HELLO}>")))
        .header(AutoSubmitted)
        .multipart(shown);
    let built = built.map_err(|error| failed(&error))?;
    Ok((envelope.map_err(|error| failed(&error))?, built.formatted()))
}

/// Up to the server's word that it took the mail.
async fn talk(
    mail: &Mail,
    envelope: &Envelope,
    message: &[u8],
) -> Result<AsyncSmtpConnection, Trouble> {
    let login = match &mail.login {
        Some(login) => {
            let password = login.password();
            let password = password.map_err(|error| Trouble::Password(format!("{error:#}")))?;
            Some(Credentials::new(login.user.clone(), password))
        }
        None => None,
    };
    let road = Road::take(mail).await?;
    let hello = ClientId::Domain(HELLO.to_owned());
    let broken = |error| Trouble::of_connection(&error).unwrap_or(Trouble::NoMailServer);
    let connected = AsyncSmtpConnection::connect_with_transport(Box::new(road), &hello).await;
    let mut talk = connected.map_err(broken)?;
    if let Some(login) = login {
        let mechanisms = [Mechanism::Plain, Mechanism::Login];
        let done = talk.auth(&mechanisms, &login).await;
        done.map_err(|error| Trouble::Login(error.status().map(u16::from)))?;
    }
    let refused = |error: lettre::transport::smtp::Error| {
        Trouble::of_connection(&error).ok_or_else(|| (words(&error), error.is_permanent()))
    };
    let sender = MailFrom::new(envelope.from().cloned(), Vec::new());
    if let Err(error) = talk.command(sender).await {
        return Err(refused(error).unwrap_or_else(|(words, _)| Trouble::Sender(words)));
    }
    for to in envelope.to() {
        if let Err(error) = talk.command(Rcpt::new(to.clone(), Vec::new())).await {
            let refusal = |(words, is_final)| Trouble::Recipient { words, is_final };
            return Err(refused(error).unwrap_or_else(refusal));
        }
    }
    let refusal = |(words, is_final)| Trouble::Content { words, is_final };
    let sent = match talk.command(Data).await {
        Ok(_) => talk.message(message).await,
        Err(error) => Err(error),
    };
    sent.map_err(|error| refused(error).unwrap_or_else(refusal))?;
    Ok(talk)
}

#[cfg(test)]
mod tests;
