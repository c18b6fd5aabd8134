//! Sockets for the web: over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441) from the client, always over
//! HTTP/1.1 to Node-RED.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use crate::{
    authorize::Permit,
    body::{Body, empty},
    gate::{Denial, Inner, Visit, answer},
    headers,
    listen::stall::Moving,
    live,
};

/// Carries an endpoint's WebSocket, unread, until either side or the session ends.
pub(crate) async fn tunnel(
    gate: &Arc<Inner>,
    mut visit: Visit,
    permit: &Permit,
) -> Result<Response<Body>, Denial> {
    let place = gate
        .sockets
        .take(visit.asker(), gate.config.limits.sockets_per_user_max);
    let place = place.ok_or(Denial::TooMany)?;
    let key = generate_key();
    let mut request = gate.upstream_request(&visit, permit, empty());
    *request.method_mut() = Method::GET;
    ask(request.headers_mut(), &key);
    let mut answered = gate.forwarder.send(permit, request).await?;
    if answered.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(answer::downstream(answered));
    }
    let proof = derive_accept_key(key.as_bytes());
    let is_proven = answered
        .headers()
        .get(header::SEC_WEBSOCKET_ACCEPT)
        .is_some_and(|value| value.as_bytes() == proof.as_bytes());
    if !is_proven {
        return Err(Denial::Failed(
            "Node-RED's WebSocket handshake is not one".to_owned(),
        ));
    }
    let mut response = accept(&visit.request)?;
    for name in [
        header::SEC_WEBSOCKET_PROTOCOL,
        header::SEC_WEBSOCKET_EXTENSIONS,
    ] {
        if let Some(value) = answered.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    for cookie in headers::downstream(answered.headers()).get_all(header::SET_COOKIE) {
        response
            .headers_mut()
            .append(header::SET_COOKIE, cookie.clone());
    }
    let client = hyper::upgrade::on(&mut visit.request);
    let server = hyper::upgrade::on(&mut answered);
    let gate = Arc::clone(gate);
    let standing = visit.standing();
    let ruled = visit.ruled.take();
    tokio::spawn(async move {
        // Held to the end: the socket counts as one, and its connection too.
        let (_place, _peer, _ruled) = (place, visit.peer, ruled);
        let (client, server) = match tokio::try_join!(client, server) {
            Ok(sides) => sides,
            Err(error) => {
                tracing::debug!(%error, "a WebSocket did not come about");
                return;
            }
        };
        // Over HTTP/2 the connection may move while this socket's client takes nothing of it.
        let client = Moving::new(TokioIo::new(client), gate.config.limits.stall);
        let server = TokioIo::new(server);
        tokio::select! {
            () = live::carry(client, server, &gate, &standing) => {}
            () = gate.closing.cancelled() => {}
        }
    });
    Ok(response)
}

/// Asks for a WebSocket over HTTP/1.1.
pub(crate) fn ask(headers: &mut HeaderMap, key: &str) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(
        header::SEC_WEBSOCKET_VERSION,
        HeaderValue::from_static("13"),
    );
    if let Ok(key) = HeaderValue::from_str(key) {
        headers.insert(header::SEC_WEBSOCKET_KEY, key);
    }
}

/// Agrees to the client's WebSocket, in the way of its HTTP version.
pub(crate) fn accept(request: &Request<()>) -> Result<Response<Body>, Denial> {
    let mut response = Response::new(empty());
    if request.version() == Version::HTTP_2 {
        return Ok(response);
    }
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY);
    let key = key.ok_or_else(|| Denial::Malformed("the WebSocket has no key".to_owned()))?;
    let proof = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|error| Denial::Failed(error.to_string()))?;
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, proof);
    Ok(response)
}
