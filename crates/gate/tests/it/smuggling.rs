//! Request smuggling: the cases of `tests/smuggling`, played against a real gate, and judged by
//! what the upstream really received.

mod case;
mod exchange;

use model::access::Role;

use crate::{
    house::House,
    recorder::{Heard, Recorder},
};
use case::{Case, Protocol};
use exchange::Seen;

/// Plays a case, then has somebody else ask for something over another connection; or what went
/// otherwise than the case says.
async fn play(
    house: &House,
    recorder: &Recorder,
    case: &Case,
    login: &str,
    other: &str,
) -> Result<(), String> {
    let seen: Seen = match case.protocol {
        Protocol::Http1 => exchange::http1(house, case, login).await,
        Protocol::Http2 => exchange::http2(house, case, login).await,
    };
    let wanted = case.expected(house);
    let heard = recorder.take();
    let other = innocent(house, recorder, other).await;
    let is_as_told = seen.answers == case.answers
        && seen.is_served == case.is_served
        && is_as_wanted(&heard, &wanted)
        && other.is_ok();
    if is_as_told {
        return Ok(());
    }
    Err(format!(
        "{}\n  {seen:?}\n  upstream {heard:#?}\n  somebody else: {other:?}",
        case.name
    ))
}

/// Exactly what was wanted and nothing else. What is cut off is no request: as much of it as the
/// case says, or less, or nothing.
fn is_as_wanted(heard: &[Heard], wanted: &[Heard]) -> bool {
    let mut heard = heard.iter().peekable();
    for wanted in wanted {
        let is_cut_off = |heard: &Heard| {
            heard.fault == Some("cut off")
                && wanted.head.starts_with(&heard.head)
                && wanted.body.starts_with(&heard.body)
        };
        if wanted.fault.is_none() {
            if heard.next() != Some(wanted) {
                return false;
            }
        } else if heard.peek().is_some_and(|heard| is_cut_off(heard)) {
            heard.next();
        }
    }
    heard.next().is_none()
}

/// Another person's request, over the same pool to the upstream: heard as it was sent, and answered
/// with its own answer.
async fn innocent(house: &House, recorder: &Recorder, cookie: &str) -> Result<(), String> {
    let path = "/flow/innocent";
    let request = house.request("GET", path).header("cookie", cookie);
    let answer = house.send(request, "").await;
    let mut heard = recorder.take();
    // What was cut off may be noticed only now.
    heard.retain(|heard| heard.fault != Some("cut off"));
    let is_heard = heard.len() == 1
        && heard[0].head.starts_with("GET /flow/innocent HTTP/1.1\r\n")
        && heard[0].body.is_empty()
        && heard[0].fault.is_none();
    if answer.status == 200 && answer.text() == path && is_heard {
        Ok(())
    } else {
        Err(format!("{answer:?}, heard as {heard:?}"))
    }
}

async fn all(protocol: Protocol, at_least: usize) {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(dir.path());
    let house = House::new().await;
    house.stand_in(&recorder.socket);
    let login = house.session("ann", Role::Editor).await;
    let other = house.session("bob", Role::Viewer).await;
    let cases = case::all(protocol);
    assert!(cases.len() >= at_least, "{} cases", cases.len());
    let mut failed = Vec::new();
    for case in &cases {
        failed.extend(play(&house, &recorder, case, &login, &other).await.err());
    }
    assert!(
        failed.is_empty(),
        "{} cases:\n{}",
        failed.len(),
        failed.join("\n")
    );
}

#[tokio::test]
async fn http1_is_refused_or_forwarded_in_one_reading() {
    all(Protocol::Http1, 60).await;
}

#[tokio::test]
async fn http2_is_refused_or_forwarded_in_one_reading() {
    all(Protocol::Http2, 30).await;
}
