//! The same over HTTP/2: requests, and `WebSockets` by extended CONNECT (RFC 8441).

use bytes::Bytes;
use http::{HeaderMap, Request, Version, header};
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::{client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::Answer;

/// Opens a connection and hands out its sender; the connection lives while the sender does.
async fn connection(
    stream: TlsStream<TcpStream>,
) -> anyhow::Result<http2::SendRequest<http_body_util::combinators::BoxBody<Bytes, hyper::Error>>> {
    let agreed = stream.get_ref().1.alpn_protocol();
    anyhow::ensure!(
        agreed == Some(b"h2"),
        "HTTP/2 was not agreed on: {agreed:?}"
    );
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Names the whole address, as HTTP/2 does, in place of a `Host` field.
fn addressed<B>(mut request: Request<B>, authority: &str) -> anyhow::Result<Request<B>> {
    let path = request.uri().to_string();
    *request.uri_mut() = format!("https://{authority}{path}").parse()?;
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().remove(header::HOST);
    Ok(request)
}

/// Sends one request on a connection of its own.
pub(crate) async fn over(
    stream: TlsStream<TcpStream>,
    authority: &str,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Answer> {
    let mut sender = connection(stream).await?;
    let request = addressed(request, authority)?;
    let request = request.map(|body| body.map_err(|never| match never {}).boxed());
    let answer = sender.send_request(request).await?;
    anyhow::ensure!(answer.version() == Version::HTTP_2, "not over HTTP/2");
    let (parts, body) = answer.into_parts();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    })
}

/// Opens a WebSocket; the answer where the other side does not take it.
pub(crate) async fn websocket(
    stream: TlsStream<TcpStream>,
    authority: &str,
    path: &str,
    headers: HeaderMap,
) -> anyhow::Result<Result<TokioIo<hyper::upgrade::Upgraded>, u16>> {
    let mut sender = connection(stream).await?;
    let nothing = || Empty::new().map_err(|never| match never {}).boxed();
    // Once anything is answered, the other side's SETTINGS have come: whether it knows of
    // extended CONNECT.
    let first = Request::builder().uri("/favicon.ico").body(nothing())?;
    sender.send_request(addressed(first, authority)?).await?;
    let mut request = Request::builder()
        .method("CONNECT")
        .uri(path)
        .header("sec-websocket-version", "13")
        .body(nothing())?;
    request.headers_mut().extend(headers);
    request
        .extensions_mut()
        .insert(Protocol::from_static("websocket"));
    let answer = sender.send_request(addressed(request, authority)?).await?;
    if answer.status() != 200 {
        return Ok(Err(answer.status().as_u16()));
    }
    Ok(Ok(TokioIo::new(hyper::upgrade::on(answer).await?)))
}
