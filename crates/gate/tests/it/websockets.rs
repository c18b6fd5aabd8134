//! Sockets of endpoints, over HTTP/1.1 and HTTP/2.

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use model::{access::Role, principal::Actor};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _, protocol::Role as Side},
};

use crate::house::{House, eventually};

pub(crate) async fn open(
    house: &House,
    path: &str,
    cookie: &str,
    origin: &str,
) -> Result<WebSocketStream<TlsStream<TcpStream>>, Error> {
    let mut request =
        format!("{}{path}", house.origin.replace("https", "wss")).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("cookie", cookie.parse().unwrap());
    headers.insert("origin", origin.parse().unwrap());
    let stream = house.connect(b"http/1.1").await;
    client_async(request, stream)
        .await
        .map(|(socket, _)| socket)
}

/// The same with an access token, as a program does.
pub(crate) async fn open_by_token(
    house: &House,
    path: &str,
    bearer: &str,
) -> Result<WebSocketStream<TlsStream<TcpStream>>, Error> {
    let mut request =
        format!("{}{path}", house.origin.replace("https", "wss")).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("authorization", bearer.parse().unwrap());
    let stream = house.connect(b"http/1.1").await;
    client_async(request, stream)
        .await
        .map(|(socket, _)| socket)
}

fn status(error: Error) -> StatusCode {
    match error {
        Error::Http(response) => response.status(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn an_endpoints_websocket_passes_over_http1() {
    let house = House::new().await;
    let cookie = house.session("vic", Role::Viewer).await;
    let mut socket = open(&house, "/ws/live", &cookie, &house.origin)
        .await
        .unwrap();
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::text("hello")
    );
    let foreign = open(&house, "/ws/live", &cookie, "https://evil.example").await;
    assert_eq!(status(foreign.unwrap_err()), StatusCode::FORBIDDEN);
    let nobody = open(&house, "/ws/live", "x=1", &house.origin).await;
    assert_eq!(status(nobody.unwrap_err()), StatusCode::UNAUTHORIZED);
    for path in ["/flows", "/ws/other", "/red/x"] {
        let other = open(&house, path, &cookie, &house.origin).await;
        assert_eq!(status(other.unwrap_err()), StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn websockets_pass_over_http2() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let mut sender = house.http2().await;
    let get = Request::builder()
        .uri(format!("{}/flows", house.origin))
        .header("cookie", &cookie)
        .body(Full::default())
        .unwrap();
    // The gate's SETTINGS have come once this is answered.
    assert_eq!(
        sender.send_request(get).await.unwrap().status(),
        StatusCode::OK
    );
    for (path, said, heard) in [
        ("/ws/live", "hello", "hello"),
        ("/comms", r#"{"auth":"x"}"#, r#"{"auth":"ok"}"#),
    ] {
        let mut request = Request::builder()
            .method("CONNECT")
            .uri(format!("{}{path}", house.origin))
            .header("cookie", &cookie)
            .header("origin", &house.origin)
            .header("sec-websocket-version", "13")
            .body(Full::default())
            .unwrap();
        request
            .extensions_mut()
            .insert(Protocol::from_static("websocket"));
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let io = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(io, Side::Client, None).await;
        socket.send(Message::text(said)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(heard));
    }
}

#[tokio::test]
async fn revoking_a_session_closes_its_sockets() {
    let house = House::new().await;
    let user = house.user("ann", Role::Editor).await;
    let cookie = house.session_of(user).await;
    let other = house.session("bob", Role::Editor).await;
    let mut live = open(&house, "/ws/live", &cookie, &house.origin)
        .await
        .unwrap();
    let mut comms = open(&house, "/comms", &cookie, &house.origin)
        .await
        .unwrap();
    let mut kept = open(&house, "/ws/live", &other, &house.origin)
        .await
        .unwrap();
    live.send(Message::text("x")).await.unwrap();
    live.next().await.unwrap().unwrap();
    house
        .store
        .revoke_sessions_of(user, &Actor::System)
        .await
        .unwrap();
    let ended = async {
        while let Some(Ok(message)) = live.next().await {
            assert!(!message.is_text(), "{message}");
        }
        let mut said = Vec::new();
        while let Some(Ok(message)) = comms.next().await {
            said.push(message);
        }
        said
    };
    let second = std::time::Duration::from_secs(1);
    let said = tokio::time::timeout(second, ended)
        .await
        .expect("both end within a second");
    assert_eq!(
        said[0],
        Message::text(r#"{"auth":"fail"}"#),
        "the editor asks to log in"
    );
    kept.send(Message::text("still")).await.unwrap();
    assert_eq!(kept.next().await.unwrap().unwrap(), Message::text("still"));
}

#[tokio::test]
async fn losing_a_role_closes_sockets_too() {
    let house = House::new().await;
    let keeper = house.user("root", Role::Administrator).await;
    let user = house.user("ann", Role::Editor).await;
    let cookie = house.session_of(user).await;
    let mut comms = open(&house, "/comms", &cookie, &house.origin)
        .await
        .unwrap();
    assert_ne!(keeper, user);
    house
        .store
        .set_role(user, Role::Viewer, &Actor::System)
        .await
        .unwrap();
    eventually("the socket ends", async || {
        matches!(
            comms.next().await,
            None | Some(Err(_) | Ok(Message::Close(_)))
        )
    })
    .await;
}
