//! What a client that speaks plain HTTP is told: come by HTTPS.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ACCEPT_PAUSE, ConnectionService};
use crate::limit::{Limits, Places, network};

/// Bytes of a plain request's head at most.
const HEAD_MAX: usize = 8 * 1024;

/// Answers until `shutdown`.
pub(super) async fn serve(
    listener: TcpListener,
    services: Vec<ConnectionService>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let all = Arc::new(Semaphore::new(limits.connections_max));
    let networks = Places::default();
    let services: Arc<[ConnectionService]> = services.into();
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = networks.take(network(address.ip()), limits.connections_per_address_max);
        let (Some(place), Ok(permit)) = (place, Arc::clone(&all).try_acquire_owned()) else {
            continue;
        };
        let (services, time) = (Arc::clone(&services), limits.handshake);
        connections.spawn(async move {
            let services: Vec<&ConnectionService> = services.iter().collect();
            redirect(stream, &services, time).await;
            drop((place, permit));
        });
    }
    connections.close();
    connections.wait().await;
}

/// Answers one plain request: with a validator's file, with the revocation list, or with a redirect to the same host and path
/// over HTTPS; and closes.
pub(super) async fn redirect(
    mut stream: TcpStream,
    services: &[&ConnectionService],
    time: Duration,
) {
    let answer = async {
        let mut head = Vec::new();
        while !head.windows(4).any(|window| window == b"\r\n\r\n") {
            if head.len() >= HEAD_MAX || stream.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        let answer = answer(&head, services);
        stream.write_all(&answer).await?;
        stream.shutdown().await
    };
    match tokio::time::timeout(time, answer).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a plain HTTP client went away"),
        Err(_) => tracing::debug!("a plain HTTP client was too slow"),
    }
}

fn answer(head: &[u8], services: &[&ConnectionService]) -> Vec<u8> {
    let issued = || services.iter().filter_map(|it| it.issued.as_ref());
    let target = target(head).unwrap_or_default();
    if let Some(file) = issued().find_map(|it| it.file(target)) {
        return found("application/octet-stream", file.as_bytes());
    }
    if let Some(list) = issued().find_map(|it| it.list(target)) {
        // RFC 2585, 4.2.
        return found("application/pkix-crl", &list);
    }
    let mut hosts = services.iter().map(|it| &*it.hosts);
    if let Some(location) = hosts.find_map(|hosts| location(head, hosts)) {
        return format!(
            "HTTP/1.1 308 Permanent Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        )
        .into_bytes();
    }
    let text = "This address speaks HTTPS only.\n";
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

fn found(kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What a plain `GET` asks for.
fn target(head: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(head).ok()?;
    let line = text.split("\r\n").next()?;
    line.strip_prefix("GET ")?.split(' ').next()
}

/// Whether `host` of a request is the service known as `known`: with its port, or on the port of
/// plain HTTP without one.
fn is_known(known: &str, host: &str) -> bool {
    let name = known.rsplit_once(':').map_or(known, |(name, _)| name);
    known.eq_ignore_ascii_case(host) || name.eq_ignore_ascii_case(host)
}

/// Where to; none for a host that is not ours (an open redirect else) or a head that is not plain.
fn location(head: &[u8], hosts: &[String]) -> Option<String> {
    let text = std::str::from_utf8(head).ok()?;
    let (head, _) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut request = lines.next()?.split(' ');
    let (_, target, version) = (request.next()?, request.next()?, request.next()?);
    let is_plain = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || !version.starts_with("HTTP/1.") || request.next().is_some() {
        return None;
    }
    let mut named = lines.filter_map(|line| line.split_once(':'));
    let host = named
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))?
        .1
        .trim();
    let known = hosts.iter().find(|known| is_known(known, host))?;
    Some(format!("https://{known}{target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_redirected_to() {
        let hosts = ["localhost:8443".to_owned()];
        let location = |text: &str| location(text.as_bytes(), &hosts);
        assert_eq!(
            location("GET /a?b HTTP/1.1\r\nHost: LocalHost:8443\r\n\r\n").as_deref(),
            Some("https://localhost:8443/a?b")
        );
        assert_eq!(
            location("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n").as_deref(),
            Some("https://localhost:8443/a"),
            "from the port of plain HTTP"
        );
        for bad in [
            "GET / HTTP/1.1\r\nHost: localhost:8444\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET https://evil.example/ HTTP/1.1\r\nHost: localhost:8443\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: localhost:8443\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: localhost:8443\r\n",
            "SSH-2.0-OpenSSH\r\n",
        ] {
            assert_eq!(location(bad), None, "{bad:?}");
        }
    }
}
