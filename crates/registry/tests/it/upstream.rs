//! An upstream that misbehaves, and what is sent to whom.

use std::time::Duration;

use registry::{
    Npmrc, Trees, Upstream, UpstreamError, tarball::TarballError, tree::TreeError, upstream::Limits,
};
use tokio::{
    io::{AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::fake::{Answer, Fake, Shelf, data_dir, ensure, header, limits, read_head};

/// The second package's address.
const RED: &str = "/node-red/-/node-red-5.0.0.tgz";

/// Installs from `fake`, and says what came of it.
async fn install(fake: &Fake, limits: Limits) -> Result<(), UpstreamError> {
    let upstream = Upstream::new(Npmrc::default().address(&fake.address), None, limits).unwrap();
    install_with(&upstream).await
}

async fn install_with(upstream: &Upstream) -> Result<(), UpstreamError> {
    let data = data_dir();
    let trees = Trees::open(data.path()).unwrap();
    let lock = Shelf::small().lock();
    match ensure(&trees, &lock, Some(upstream)).await {
        Ok(_) => Ok(()),
        Err(TreeError::Tarball(TarballError::Upstream { source, .. })) => {
            assert!(!trees.has(&lock));
            Err(source)
        }
        Err(other) => panic!("{other}"),
    }
}

/// A registry where Node-RED's tarball is answered like this.
async fn with<const N: usize>(answers: [Answer; N]) -> Fake {
    let fake = Fake::with(&Shelf::small()).await;
    fake.tell(RED, answers);
    fake
}

fn red() -> Answer {
    Answer::Ok(Shelf::small().items[1].tarball.clone())
}

fn times_asked(fake: &Fake) -> usize {
    fake.paths().iter().filter(|path| *path == RED).count()
}

fn quick() -> Limits {
    Limits {
        idle: Duration::from_millis(500),
        attempts: 2,
        ..limits()
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let Answer::Ok(bytes) = red() else {
        unreachable!()
    };
    let fake = with([
        Answer::Status(500),
        Answer::Status(429),
        Answer::Cut(bytes.clone()),
        Answer::Ok(bytes.clone()),
    ])
    .await;
    install(&fake, limits()).await.unwrap();
    assert_eq!(times_asked(&fake), 4);

    let fake = with([
        Answer::Ok(bytes[..9].to_vec()),
        Answer::Stall(bytes.clone()),
        Answer::Hang,
        red(),
    ])
    .await;
    install(
        &fake,
        Limits {
            attempts: 6,
            ..quick()
        },
    )
    .await
    .unwrap();
    assert!(times_asked(&fake) >= 4);
}

#[tokio::test]
async fn what_does_not_pass_is_an_error_after_a_few_tries() {
    let Answer::Ok(bytes) = red() else {
        unreachable!()
    };
    let fake = with([Answer::Status(503)]).await;
    let error = install(&fake, limits()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Status { .. }), "{error}");
    assert_eq!(times_asked(&fake), 4);

    let fake = with([Answer::Cut(bytes)]).await;
    let error = install(&fake, limits()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Cut { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    for (status, word) in [(401, "_authToken"), (403, "_authToken"), (400, "400")] {
        let fake = with([Answer::Status(status)]).await;
        let error = install(&fake, limits()).await.unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(times_asked(&fake), 1);
    }
}

#[tokio::test]
async fn a_slow_upstream_is_given_up() {
    let Answer::Ok(bytes) = red() else {
        unreachable!()
    };
    for answer in [Answer::Hang, Answer::Stall(bytes)] {
        let error = install(&with([answer]).await, quick()).await.unwrap_err();
        assert!(matches!(error, UpstreamError::TooSlow { .. }), "{error}");
    }
    // It sends something all the time, and would for ever.
    let limits = Limits {
        whole: Duration::from_millis(300),
        attempts: 1,
        ..limits()
    };
    let error = install(&with([Answer::Trickle]).await, limits)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            UpstreamError::TooSlow {
                what: "it was not done",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    for answer in [Answer::Endless, Answer::Claim(1_000_001)] {
        let fake = with([answer]).await;
        let error = install(&fake, limits()).await.unwrap_err();
        assert!(
            matches!(error, UpstreamError::TooLarge { max: 1_000_000, .. }),
            "{error}"
        );
        assert_eq!(times_asked(&fake), 1);
    }
}

#[tokio::test]
async fn redirects_stay_on_the_origin() {
    let fake = with([Answer::Redirect("/elsewhere/red.tgz".to_owned())]).await;
    fake.tell("/elsewhere/red.tgz", [red()]);
    install(&fake, limits()).await.unwrap();

    let other = Fake::start().await;
    let absolute = format!("{}red.tgz", other.address);
    let fake = with([Answer::Redirect(absolute)]).await;
    let error = install(&fake, limits()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Redirect { .. }), "{error}");
    assert_eq!(other.seen(), [], "another origin was asked");

    for to in [RED, "red.tgz", "ftp://x/", "http://u:p@127.0.0.1/", ""] {
        let error = install(&with([Answer::Redirect(to.to_owned())]).await, limits()).await;
        assert!(
            matches!(error, Err(UpstreamError::Redirect { .. })),
            "{to:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_registry_with_its_own_paths_is_understood() {
    let shelf = Shelf::small();
    let fake = Fake::with(&shelf).await;
    let scoped = &shelf.items[2];
    fake.tell(&scoped.url(), [Answer::Status(404)]);
    let tarball = format!("{}files/a.tgz", fake.address);
    let packument = format!(
        r#"{{"name":"@scope/a","versions":{{"0.9.0":{{}},"1.0.0":{{"dist":{{"tarball":"{tarball}"}}}}}}}}"#
    );
    fake.tell("/@scope%2fa", [Answer::Ok(packument.into_bytes())]);
    fake.tell("/files/a.tgz", [Answer::Ok(scoped.tarball.clone())]);
    install(&fake, limits()).await.unwrap();
}

#[tokio::test]
async fn tarballs_on_other_origins_are_not_fetched() {
    let other = Fake::start().await;
    let elsewhere = format!("{}red.tgz", other.address);
    let packument = format!(r#"{{"versions":{{"5.0.0":{{"dist":{{"tarball":"{elsewhere}"}}}}}}}}"#);
    let fake = with([Answer::Status(404)]).await;
    fake.tell("/node-red", [Answer::Ok(packument.into_bytes())]);
    let error = install(&fake, limits()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::Elsewhere { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains(other.address.trim_end_matches('/')),
        "{error}"
    );
    assert_eq!(other.seen(), []);
}

#[tokio::test]
async fn what_the_registry_lacks_is_told() {
    let no_versions = br#"{"versions":{}}"#.to_vec();
    let no_tarball = br#"{"versions":{"5.0.0":{"dist":{}}}}"#.to_vec();
    let deep = format!(r#"{{"versions":{{"5.0.0":{}}}}}"#, "[".repeat(10_000)).into_bytes();
    for (answer, is_missing) in [
        (Answer::Status(404), true),
        (Answer::Ok(no_versions), true),
        (Answer::Ok(no_tarball), false),
        (Answer::Ok(b"<html>".to_vec()), false),
        (Answer::Ok(deep), false),
    ] {
        let fake = with([Answer::Status(404)]).await;
        fake.tell("/node-red", [answer]);
        let error = install(&fake, limits()).await.unwrap_err();
        let told = match error {
            UpstreamError::Missing { .. } => is_missing,
            UpstreamError::Packument { .. } => !is_missing,
            _ => false,
        };
        assert!(told, "{error}");
    }
    let fake = with([Answer::Status(404)]).await;
    fake.tell("/node-red", [Answer::Endless]);
    let error = install(&fake, limits()).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::TooLarge { max: 100_000, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let upstream = Upstream::new(Npmrc::default().address(&address), None, limits()).unwrap();
    let error = install_with(&upstream).await.unwrap_err();
    assert!(
        matches!(error, UpstreamError::Unreachable { .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("refused") && error.to_string().contains("--npm-registry"),
        "{error}"
    );
}

#[tokio::test]
async fn the_token_goes_to_its_registry() {
    let fake = Fake::with(&Shelf::small()).await;
    let host = fake.address.trim_start_matches("http:").to_owned();
    let npmrc = Npmrc::parse(&format!("{host}:_authToken=s3cret\n"), |_| None);
    let upstream = Upstream::new(npmrc.address(&fake.address), None, limits()).unwrap();
    install_with(&upstream).await.unwrap();
    assert!(
        fake.seen()
            .iter()
            .all(|seen| seen.authorization.as_deref() == Some("Bearer s3cret"))
    );
    assert!(!format!("{upstream:?}").contains("s3cret"));
}

#[tokio::test]
async fn addresses_that_cannot_be_used_are_told_before_anything_is_sent() {
    let open = |npmrc: &str, address: &str, proxy| {
        Upstream::new(
            Npmrc::parse(npmrc, |_| None).address(address),
            proxy,
            limits(),
        )
        .map(drop)
        .unwrap_err()
        .to_string()
    };
    assert!(open("", "npm.example", None).contains("NPM_CONFIG_REGISTRY"));
    assert!(open("", "file:///x", None).contains("NPM_CONFIG_REGISTRY"));
    let error = open("", "https://me:s3cret@npm.example", None);
    assert!(
        error.contains(".npmrc") && !error.contains("s3cret"),
        "{error}"
    );
    let error = open(
        "//npm.example/:_authToken=s3cret",
        "http://npm.example",
        None,
    );
    assert!(
        error.contains("https") && !error.contains("s3cret"),
        "{error}"
    );
    assert!(open("", "https://npm.example", Some("socks5://x")).contains("proxy"));
}

#[tokio::test]
async fn an_http_proxy_is_gone_through() {
    let fake = Fake::with(&Shelf::small()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://me:p%40ss@{}", listener.local_addr().unwrap());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let head = read_head(&mut client).await.unwrap();
            tell.send(head.clone()).unwrap();
            let target = head.split(' ').nth(1).unwrap().to_owned();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                drop(copy_bidirectional(&mut client, &mut server).await);
            });
        }
    });
    let address = Npmrc::default().address(&fake.address);
    let upstream = Upstream::new(address, Some(&proxy), limits()).unwrap();
    install_with(&upstream).await.unwrap();
    let head = told.recv().await.unwrap();
    assert!(head.starts_with("CONNECT 127.0.0.1:"), "{head}");
    // me:p@ss
    assert_eq!(
        header(&head, "proxy-authorization").as_deref(),
        Some("Basic bWU6cEBzcw==")
    );
    assert!(fake.seen().iter().all(|seen| seen.authorization.is_none()));
    assert!(!format!("{upstream:?}").contains("bWU6cEBzcw"));
}
