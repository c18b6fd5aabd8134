//! The editor's WebSocket.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Uri, header};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use crate::{Client, Redkeep, http::place};

/// An open `/comms`.
#[derive(Debug)]
pub struct Comms {
    socket: WebSocketStream<TlsStream<TcpStream>>,
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
        let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
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
