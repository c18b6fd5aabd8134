//! The editor's WebSocket.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue, Uri, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, client::IntoClientRequest as _, protocol::Role as Side},
};

use crate::{Client, Redkeep, http::place};

/// What carries the socket: a connection, or a stream of one.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there are as many as sockets in a test"
)]
enum Wire {
    Http1(TlsStream<TcpStream>),
    Http2(TokioIo<hyper::upgrade::Upgraded>),
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Http1(wire) => Pin::new(wire).poll_read(cx, into),
            Self::Http2(wire) => Pin::new(wire).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Http1(wire) => Pin::new(wire).poll_write(cx, bytes),
            Self::Http2(wire) => Pin::new(wire).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Http1(wire) => Pin::new(wire).poll_flush(cx),
            Self::Http2(wire) => Pin::new(wire).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Http1(wire) => Pin::new(wire).poll_shutdown(cx),
            Self::Http2(wire) => Pin::new(wire).poll_shutdown(cx),
        }
    }
}

/// An open `/comms`.
#[derive(Debug)]
pub struct Comms {
    socket: WebSocketStream<Wire>,
}

impl Comms {
    /// Opens it as this client, from a page of the editor.
    pub async fn open(redkeep: &Redkeep, client: &Client) -> Self {
        let opened = Self::try_open(redkeep, client, redkeep.editor()).await;
        opened.unwrap_or_else(|error| panic!("/comms could not be opened: {error}"))
    }

    /// Tries to, from a page of that origin.
    pub async fn try_open(
        redkeep: &Redkeep,
        client: &Client,
        origin: &str,
    ) -> Result<Self, Box<Error>> {
        let editor = redkeep.editor();
        let uri: Uri = editor.parse().expect("an origin");
        let (host, port) = place(&uri).expect("an origin with a port");
        let stream = client.tls(&host, port).await.expect("a TLS connection");
        let address = format!("{}/comms", editor.replacen("https", "wss", 1));
        let mut request = address.into_client_request()?;
        let origin = HeaderValue::from_str(origin).expect("an origin");
        request.headers_mut().insert(header::ORIGIN, origin);
        client.identify(&host, request.headers_mut());
        let mut socket = if client.is_http2() {
            let mut headers = HeaderMap::new();
            for name in [header::ORIGIN, header::COOKIE, header::AUTHORIZATION] {
                headers.extend(request.headers().get(&name).map(|it| (name, it.clone())));
            }
            let authority = format!("{host}:{port}");
            let wire = crate::http2::websocket(stream, &authority, "/comms", headers).await;
            match wire.expect("an answer over HTTP/2") {
                Ok(wire) => {
                    WebSocketStream::from_raw_socket(Wire::Http2(wire), Side::Client, None).await
                }
                Err(status) => {
                    let answer = http::Response::builder().status(status).body(None);
                    return Err(Box::new(Error::Http(Box::new(answer.expect("a status")))));
                }
            }
        } else {
            let wire = Wire::Http1(stream);
            tokio_tungstenite::client_async(request, wire).await?.0
        };
        for topic in ["notification/#", "debug", "status/#"] {
            let frame = format!("{{\"subscribe\":\"{topic}\"}}");
            socket.send(Message::text(frame)).await?;
        }
        Ok(Self { socket })
    }

    /// Sends a frame as it is.
    pub async fn send(&mut self, text: &str) {
        self.socket
            .send(Message::text(text.to_owned()))
            .await
            .expect("an open socket");
    }

    /// The first event that fits, of any frame that comes.
    pub async fn event(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let found = tokio::time::timeout(crate::wait::PATIENCE, async {
            loop {
                let message = self.socket.next().await;
                let message = message.unwrap_or_else(|| panic!("/comms closed before: {what}"));
                let Ok(Message::Text(text)) = message else {
                    continue;
                };
                let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                let events = frame.as_array().cloned().unwrap_or_else(|| vec![frame]);
                if let Some(found) = events.into_iter().find(&fits) {
                    return found;
                }
            }
        });
        found
            .await
            .unwrap_or_else(|_| panic!("never came over /comms: {what}"))
    }

    /// Waits until the other side closes; false when it does not in that time.
    pub async fn closes_within(&mut self, bound: Duration) -> bool {
        let closed = tokio::time::timeout(bound, async {
            while let Some(Ok(message)) = self.socket.next().await {
                if message.is_close() {
                    return;
                }
            }
        });
        closed.await.is_ok()
    }
}
