//! What wrk and h2load do not ask for: handshakes, full and resumed, `WebSocket` messages, and what a
//! connection costs that is merely open. By a client of our own, the same for every door.

use std::{
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use rustls::{
    ClientConfig, HandshakeKind, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::{
    cost,
    load::{Door, Found},
};

/// Clients at a time that shake hands.
const HANDS: usize = 16;
/// `WebSocket`s at a time.
const SOCKETS: usize = 48;
/// Bytes of a message.
const MESSAGE: usize = 128;
/// Connections that are merely open.
const IDLE: u16 = 200;

type Stream = TlsStream<TcpStream>;

/// How it greets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Greeting {
    Full,
    Resumed,
}

/// A client's TLS. Of its own for each client: what it keeps for resumption is its own too.
fn tls(door: &Door, greeting: Greeting) -> Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&door.trust)? {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = match greeting {
        Greeting::Full => Resumption::disabled(),
        Greeting::Resumed => Resumption::in_memory_sessions(16),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

async fn connect(tls: &TlsConnector, port: u16) -> Result<Stream> {
    let tcp = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    tcp.set_nodelay(true)?;
    Ok(tls.connect(ServerName::try_from("localhost")?, tcp).await?)
}

/// Asks for `/hello` and reads the answer's head and what came with it.
async fn ask(stream: &mut Stream, door: &Door, more: &str) -> Result<()> {
    let login = door.authorization();
    let host = &door.host;
    let request = format!("GET /hello HTTP/1.1\r\nhost: {host}\r\n{login}{more}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = vec![0; 16 * 1024];
    let read = stream.read(&mut answer).await?;
    ensure!(
        answer[..read].starts_with(b"HTTP/1.1 200"),
        "the answer was {:?}",
        String::from_utf8_lossy(&answer[..read.min(100)])
    );
    Ok(())
}

/// A connection, a request, and the end, again and again.
pub(crate) async fn handshakes(door: &Door, greeting: Greeting, last: Duration) -> Result<Found> {
    let mut clients = JoinSet::new();
    let before = cost::cpu_microseconds(&door.pids)?;
    let began = Instant::now();
    for _ in 0..HANDS {
        let (tls, door) = (tls(door, greeting)?, door.clone());
        clients.spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < last {
                let since = Instant::now();
                let mut stream = connect(&tls, door.port).await?;
                let kind = stream.get_ref().1.handshake_kind();
                ask(&mut stream, &door, "connection: close\r\n").await?;
                // To the end: the tickets of the next one come along.
                tokio::io::copy(&mut stream, &mut tokio::io::sink())
                    .await
                    .ok();
                let is_as_wished =
                    kind == Some(HandshakeKind::Resumed) || greeting == Greeting::Full;
                ensure!(
                    is_as_wished || took.is_empty(),
                    "it was not resumed but {kind:?}"
                );
                took.push(since.elapsed());
            }
            Ok(took)
        });
    }
    found(door, before, began, clients).await
}

/// Messages to `/echo` and back, one at a time on each `WebSocket`.
pub(crate) async fn messages(door: &Door, last: Duration) -> Result<Found> {
    let tls = tls(door, Greeting::Full)?;
    let mut open = Vec::new();
    for _ in 0..SOCKETS {
        let stream = connect(&tls, door.port).await?;
        let mut request = format!("wss://{}/echo", door.host).into_client_request()?;
        if let Some(token) = &door.token {
            let value = format!("Bearer {token}").parse()?;
            request.headers_mut().insert("authorization", value);
        }
        open.push(client_async(request, stream).await.context("/echo")?.0);
    }
    let mut clients = JoinSet::new();
    let before = cost::cpu_microseconds(&door.pids)?;
    let began = Instant::now();
    for mut socket in open {
        clients.spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < last {
                let since = Instant::now();
                socket.send(Message::text("m".repeat(MESSAGE))).await?;
                let answer = socket.next().await.context("it was closed")??;
                ensure!(answer.len() == MESSAGE, "another came back: {answer:?}");
                took.push(since.elapsed());
            }
            Ok(took)
        });
    }
    found(door, before, began, clients).await
}

async fn found(
    door: &Door,
    before: f64,
    began: Instant,
    mut clients: JoinSet<Result<Vec<Duration>>>,
) -> Result<Found> {
    let mut took = Vec::new();
    while let Some(client) = clients.join_next().await {
        took.extend(client??.iter().map(|it| it.as_secs_f64() * 1e3));
    }
    let lasted = began.elapsed().as_secs_f64();
    let used = cost::cpu_microseconds(&door.pids)? - before;
    ensure!(!took.is_empty(), "nothing was answered");
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    let count = f64::from(u32::try_from(took.len())?);
    Ok(Found {
        rate: count / lasted,
        cpu: used / count,
        p50: at(50),
        p99: at(99),
        busy: used / 1e6 / lasted,
    })
}

/// Kibibytes that one more connection holds which has asked once and waits.
pub(crate) async fn idle_connection(door: &Door) -> Result<f64> {
    let tls = tls(door, Greeting::Full)?;
    let share = || Ok::<f64, anyhow::Error>(cost::memory(&door.pids)?.share);
    // The first ones fill what is kept for all.
    let mut open = Vec::new();
    let mut before = 0.0;
    for at in 0..IDLE + 20 {
        if at == 20 {
            before = share()?;
        }
        let mut stream = connect(&tls, door.port).await?;
        ask(&mut stream, door, "").await?;
        open.push(stream);
    }
    let held = share()? - before;
    drop(open);
    Ok(held * 1024.0 / f64::from(IDLE))
}
