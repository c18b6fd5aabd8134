//! Mails, from what happens to a real mail server.

use serde_json::json;
use testkit::{
    Options, Redkeep, flows,
    mail::{MailServer, PASSWORD, Speaks},
    until,
    verbs::Ended,
};

async fn start(server: &MailServer) -> Redkeep {
    let config = Some(server.config());
    Redkeep::start(Options {
        config,
        ..Options::default()
    })
    .await
}

async fn house(server: &MailServer) -> Redkeep {
    let redkeep = start(server).await;
    for (name, role) in [
        ("rita", "reviewer"),
        ("ada", "administrator"),
        ("author", "editor"),
    ] {
        redkeep.person(name, role).await;
        let address = format!("{name}@plant.example");
        redkeep.cli(&["user", "mail", name, &address]).await.ok();
    }
    // A rehearsal takes half a minute, which a letter waits for.
    let admin = redkeep.token("ada", &["admin"]).await;
    let off = json!({"rehearsal": "off"});
    redkeep.set_policy(&admin, &off).await;
    redkeep
}

/// What a name in a flow may hold.
const HOSTILE: &str = "\u{202e}P\r\nBcc: eve@evil.example <b>x</b> https://evil.example/";

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_is_written_to_and_the_proposer_learns_the_decision() {
    let server = MailServer::start(Speaks::Tls);
    let redkeep = house(&server).await;
    let author = redkeep.token("author", &["propose"]).await;
    let mut proposed = flows::greeting("/hello", "a-value-that-stays-here");
    proposed[0]["label"] = json!(HOSTILE);
    let id = redkeep.propose(&author, &proposed).await;
    let shown = redkeep.deployment(id).await["shown"].clone();
    let shown = shown.as_str().unwrap();
    let link = format!("{}/deployments/{id}", redkeep.console());
    for to in ["rita@plant.example", "ada@plant.example"] {
        let got = server.mail_to(to, "waits for review").await;
        assert_eq!(got.header("To"), to);
        assert_eq!(got.header("From"), "Redkeep <keep@plant.example>");
        assert_eq!(got.header("Auto-Submitted"), "auto-generated");
        let is_bcc = |(name, _): &(String, String)| name.eq_ignore_ascii_case("bcc");
        assert!(!got.headers.iter().any(is_bcc), "{got:?}");
        for body in [&got.text, &got.html] {
            for word in [&link, shown, "author", "127.0.0.1", "changes", "U+202E"] {
                assert!(body.contains(word), "{word:?} is not in it: {body}");
            }
            for word in ["a-value-that-stays-here", "\u{202e}", "://evil"] {
                assert!(!body.contains(word), "{word:?} is in it: {body}");
            }
        }
        assert!(!got.html.contains("<b>"), "{}", got.html);
        let (name, png) = got.picture.as_ref().expect("the picture");
        let cid = name.trim_matches(['<', '>']);
        assert!(
            got.html.contains(&format!("src=\"cid:{cid}\"")),
            "{}",
            got.html
        );
        assert_eq!(
            got.html.matches("src=").count(),
            1,
            "nothing is fetched: {}",
            got.html
        );
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"), "{} bytes", png.len());
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert!(
            side(16) > 200 && side(20) > 100,
            "{} by {}",
            side(16),
            side(20)
        );
    }
    let number = id.to_string();
    let reject = [
        "deployments",
        "reject",
        &number,
        "--reason",
        "no pumps on a Friday",
    ];
    redkeep.cli(&reject).await.ok();
    let got = server.mail_to("author@plant.example", "was rejected").await;
    assert!(got.text.contains("> no pumps on a Friday"), "{}", got.text);
    let next = flows::greeting("/hello", "two");
    redkeep.run_flows(&author, &next).await;
    let got = server.mail_to("author@plant.example", "runs").await;
    assert!(got.text.contains("it runs since"), "{}", got.text);
    let status = redkeep.plainly(&["status"]).await.ok().stdout;
    assert!(status.contains("mails waiting: "), "{status}");
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_sent_when_the_server_is_back_even_after_a_kill() {
    let mut server = MailServer::start(Speaks::StartTls);
    let redkeep = house(&server).await;
    server.down();
    let author = redkeep.token("author", &["propose"]).await;
    // Nothing that is done waits for a mail.
    let flows = flows::greeting("/hello", "one");
    let id = redkeep.run_flows(&author, &flows).await;
    let why = until("status says that mails wait, and why", || async {
        let status = redkeep.cli(&["status"]).await.ok().json();
        let mail = &status["mail"];
        let waits = mail["waiting"].as_i64().is_some_and(|count| count > 0);
        (waits && mail["trouble"].is_string()).then(|| mail["trouble"].to_string())
    })
    .await;
    assert!(why.contains("cannot be reached"), "{why}");
    let options = redkeep.options();
    let data = redkeep.kill().await;
    assert!(server.mails().is_empty());
    server.up();
    let redkeep = Redkeep::again(data, options).await;
    let got = server.mail_to("author@plant.example", "runs").await;
    let subject = got.header("Subject");
    assert!(subject.contains(&format!("deployment {id} ")), "{subject}");
    until("nothing waits any more", || async {
        let status = redkeep.cli(&["status"]).await.ok().json();
        let mail = &status["mail"];
        (mail["waiting"] == 0 && mail["trouble"].is_null()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_says_in_plain_words_what_is_wrong() {
    let server = MailServer::start(Speaks::StartTls);
    let redkeep = start(&server).await;
    let test = async |to: &str| -> Ended { redkeep.plainly(&["mail", "test", to]).await };
    let ann = "ann@plant.example";
    let sent = test(ann).await.ok();
    assert!(sent.stdout.contains(ann), "{sent:?}");
    server.mail_to(ann, "this is a test").await;
    let said = |ended: Ended, words: &str| {
        assert_ne!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stderr.contains(words), "{ended:?}");
        assert!(!ended.stderr.contains(PASSWORD), "{ended:?}");
    };
    said(test("nobody@plant.example").await, "no such person here");
    let split = "ann@plant.example\r\nBcc: x@y.example";
    said(test(split).await, "not a mail address");
    server.set_password("another", 0o600);
    said(test(ann).await, "refused the login");
    server.set_password(PASSWORD, 0o640);
    said(test(ann).await, "chmod 600");
    server.set_password(PASSWORD, 0o600);
    // Somebody else's root: the server is not to be trusted by it.
    let other = MailServer::start(Speaks::Plain);
    std::fs::copy(other.file("root.pem"), server.file("root.pem")).unwrap();
    said(test(ann).await, "not to be trusted");
    assert_eq!(server.mails().len(), 1, "nothing else was sent");
}
