use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;
use crate::{config::mail::Protection, up::mail::trouble::Concerns};

/// A server for one conversation, which answers a recipient like this and never lets go; and the
/// lines of the mail it took.
async fn server(recipient: &'static str) -> (Mail, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let mut tcp = BufReader::new(tcp);
        tcp.write_all(b"220 here\r\n").await.unwrap();
        let (mut mail, mut is_mail) = (Vec::new(), false);
        loop {
            let mut line = String::new();
            // Zero: the other end has gone.
            if tcp.read_line(&mut line).await.unwrap_or(0) == 0 {
                return mail;
            }
            let line = line.trim_end();
            let answer = match line.split(' ').next() {
                Some(".") if is_mail => {
                    is_mail = false;
                    "250 taken"
                }
                _ if is_mail => {
                    mail.push(line.to_owned());
                    continue;
                }
                Some("RCPT") => recipient,
                Some("DATA") => {
                    is_mail = true;
                    "354 go on"
                }
                Some("QUIT") => continue,
                _ => "250 well",
            };
            tcp.write_all(format!("{answer}\r\n").as_bytes())
                .await
                .unwrap();
        }
    });
    let mail = Mail {
        server: "smtp://127.0.0.1".to_owned(),
        protection: Protection::Loopback,
        host: "127.0.0.1".to_owned(),
        port,
        from: "keep@plant.example".parse().unwrap(),
        login: None,
        trust: None,
        seconds_between: 60,
        has_pictures: false,
    };
    (mail, heard)
}

async fn send(mail: &Mail, id: &str) -> Result<(), Trouble> {
    let letter = Letter {
        subject: "x".to_owned(),
        text: "x".to_owned(),
        html: "x".to_owned(),
        picture: None,
    };
    let to = "ann@plant.example".parse().unwrap();
    carry(mail, &to, &letter, id, SystemTime::UNIX_EPOCH).await
}

#[tokio::test]
async fn a_mail_that_was_taken_is_sent_whatever_comes_after() {
    let (mail, heard) = server("250 well").await;
    send(&mail, "a-b-c").await.unwrap();
    let heard = heard.await.unwrap();
    let id = "Message-ID: <a-b-c@redkeep.invalid>".to_owned();
    assert!(heard.contains(&id), "{heard:?}");
}

#[tokio::test]
async fn what_is_said_of_everybody_is_held_against_nobody() {
    for (answer, concerns) in [
        ("421 4.3.2 going down", Concerns::All),
        ("452 4.3.1 no room", Concerns::All),
        ("452 4.2.2 the mailbox is full", Concerns::ThisNow),
        ("450 4.7.1 come again", Concerns::ThisNow),
        ("550 no such person", Concerns::ThisForGood),
    ] {
        let (mail, _heard) = server(answer).await;
        let trouble = send(&mail, "x").await.unwrap_err();
        assert_eq!(trouble.concerns(), concerns, "{answer}: {trouble}");
        assert_eq!(trouble.is_answer(), concerns != Concerns::All, "{trouble}");
    }
}
