//! The editor's WebSocket, ended on both sides: what the page may say, what it may hear, and what
//! Redkeep tells it.

mod filter;
mod notices;

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use model::access::{Permission, may};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::UnixStream,
    sync::broadcast,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message,
        handshake::client::generate_key,
        protocol::{Role, WebSocketConfig},
    },
};

use crate::{
    authorize::Permit,
    body::Body,
    forward::ForwardError,
    gate::{Denial, Inner, Standing, Visit},
    headers,
    identify::Known,
    live, upgrade,
};
use filter::{Ask, Hearing};
pub(crate) use notices::Notices;

/// Bytes of a frame from the page at most: it subscribes, and no more.
const ASK_MAX: usize = 16 * 1024;
/// How long one message may take to be taken.
const TAKEN: Duration = Duration::from_secs(10);
/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// The topic of a subscription, for [`crate::hostile`].
pub(crate) fn subscribed(text: &str) -> Option<String> {
    match filter::ask(text)? {
        Ask::Subscribe(topic) => Some(topic),
        Ask::Auth => None,
    }
}

/// What is heard of a frame, for [`crate::hostile`].
pub(crate) fn heard(text: &str, debug: bool) -> Option<String> {
    let heard = Hearing { debug }.of(text.into());
    heard.map(|text| text.as_str().to_owned())
}

/// Agrees to the editor's WebSocket, once Node-RED has agreed to ours.
pub(crate) async fn accept(
    gate: &Arc<Inner>,
    mut visit: Visit,
    permit: &Permit,
) -> Result<Response<Body>, Denial> {
    if !visit.is_upgrade {
        return Err(Denial::Answered {
            status: StatusCode::UPGRADE_REQUIRED,
            code: "upgrade_required",
            message: "this address speaks WebSocket".to_owned(),
        });
    }
    let limits = &gate.config.limits;
    let place = gate
        .sockets
        .take(visit.asker(), limits.sockets_per_user_max);
    let place = place.ok_or(Denial::TooMany)?;
    let known = visit
        .known
        .clone()
        .ok_or(crate::authorize::Refusal::NotIdentified)?;
    let server = tokio::time::timeout(limits.answer, connect(gate, &visit, permit))
        .await
        .map_err(|_| ForwardError::TooSlow)??;
    let response = upgrade::accept(&visit.request)?;
    let client = hyper::upgrade::on(&mut visit.request);
    let gate = Arc::clone(gate);
    let standing = visit.standing();
    let ruled = visit.ruled.take();
    tokio::spawn(async move {
        let (_place, _peer, _ruled) = (place, visit.peer, ruled);
        let client = match client.await {
            Ok(client) => TokioIo::new(client),
            Err(error) => {
                tracing::debug!(%error, "an editor's WebSocket did not come about");
                return;
            }
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(ASK_MAX))
            .max_frame_size(Some(ASK_MAX));
        let client = WebSocketStream::from_raw_socket(client, Role::Server, Some(config)).await;
        carry(&gate, client, server, &known, &standing).await;
    });
    Ok(response)
}

/// Node-RED's side, with the user's identity on it. Node-RED does not look for `status.read` on
/// this way; the permit did.
async fn connect(
    gate: &Inner,
    visit: &Visit,
    permit: &Permit,
) -> Result<WebSocketStream<UnixStream>, Denial> {
    let stream = gate
        .forwarder
        .socket()
        .connect()
        .await
        .map_err(|_| ForwardError::NotRunning)?;
    let mut request = Request::new(());
    *request.uri_mut() = http::Uri::from_static("ws://node-red/comms");
    let mut to = headers::upstream(&http::HeaderMap::new(), &visit.client(gate), false);
    gate.set_identity(&mut to, permit);
    upgrade::ask(&mut to, &generate_key());
    *request.headers_mut() = to;
    let max = Some(gate.config.limits.frame_bytes_max);
    let config = WebSocketConfig::default()
        .max_message_size(max)
        .max_frame_size(max);
    match client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => {
            tracing::debug!(%error, "Node-RED did not take the editor's WebSocket");
            Err(ForwardError::Broken.into())
        }
    }
}

async fn carry<S>(
    gate: &Inner,
    mut client: WebSocketStream<S>,
    mut server: WebSocketStream<UnixStream>,
    known: &Known,
    standing: &Standing,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let was_revoked = tokio::select! {
        () = talk(gate, &mut client, &mut server, known) => false,
        () = live::until_refused(gate, standing) => true,
        () = gate.closing.cancelled() => false,
    };
    let goodbye = async {
        if was_revoked {
            // The editor opens its login dialog on this.
            client.send(Message::text(r#"{"auth":"fail"}"#)).await?;
        }
        client.close(None).await?;
        server.close(None).await
    };
    match tokio::time::timeout(GOODBYE, goodbye).await {
        Ok(Ok(())) | Err(_) => {}
        Ok(Err(error)) => tracing::debug!(%error, "an editor's WebSocket was gone already"),
    }
}

async fn talk<S>(
    gate: &Inner,
    client: &mut WebSocketStream<S>,
    server: &mut WebSocketStream<UnixStream>,
    known: &Known,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let principal = &known.principal;
    let hearing = Hearing {
        debug: may(principal, Permission::Trigger),
    };
    let reads_queue = may(principal, Permission::ReadQueue);
    let mut notices = gate.notices.listen();
    loop {
        let done = tokio::select! {
            asked = client.next() => match asked {
                Some(Ok(Message::Text(text))) => match filter::ask(&text) {
                    Some(Ask::Auth) => send(client, r#"{"auth":"ok"}"#.into()).await,
                    Some(Ask::Subscribe(topic)) if hearing.may_subscribe(&topic) => {
                        let mut sent = send(server, filter::subscription(&topic)).await;
                        for frame in gate.notices.replay(&topic, principal.user, reads_queue) {
                            sent = sent.and(send(client, frame).await);
                        }
                        sent
                    }
                    // Topics of the page's own choice become events inside Node-RED.
                    Some(Ask::Subscribe(_)) | None => Ok(()),
                },
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => Ok(()),
            },
            told = server.next() => match told {
                Some(Ok(Message::Text(text))) => {
                    if filter::tells_of_nodes(&text) {
                        gate.recall.nodes_changed();
                    }
                    match hearing.of(text) {
                        Some(text) => send(client, text).await,
                        None => Ok(()),
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => Ok(()),
            },
            notice = notices.recv() => match notice {
                Ok(notice) if notice.is_for(principal.user, reads_queue) => {
                    send(client, notice.frame.as_str().into()).await
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => return,
            },
        };
        if let Err(error) = done {
            tracing::debug!(%error, "an editor's WebSocket ended");
            return;
        }
    }
}

async fn send<S>(
    socket: &mut WebSocketStream<S>,
    text: tokio_tungstenite::tungstenite::Utf8Bytes,
) -> Result<(), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // A page that does not read must not make us hold what it is sent.
    match tokio::time::timeout(TAKEN, socket.send(Message::Text(text))).await {
        Ok(sent) => sent,
        Err(_) => Err(Error::ConnectionClosed),
    }
}
