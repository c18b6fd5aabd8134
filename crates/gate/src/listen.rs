//! Listening: TLS, HTTP/1.1 and HTTP/2, and nothing that costs much to a client that is slow,
//! silent or rude. It serves whatever service it is given: the gate's, and the console's too.

mod connection;
pub(crate) mod flood;
pub(crate) mod framing;
mod linger;
mod plain;
pub mod proxies;
pub(crate) mod stall;
mod streams;

use std::{future::Future, net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Request, Response};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use framing::Ambiguous;
pub use linger::Arriving;
pub use proxies::{Proxies, Speaks};

use crate::{
    body::{self, Body, Failure},
    clients::{Asking, Showing},
    issued::{Issued, VALIDATION},
    limit::{Limits, Place, Places, network},
    promise::Promise,
};

/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Answer = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
type Call = dyn Fn(Request<Arriving>, Peer) -> Answer + Send + Sync;

/// Who is on the other end of a connection. As long as one of these lives, the connection counts
/// against its limits, and one that came with a request keeps the connection from being idle; a task
/// that outlives the request (a WebSocket) holds one.
#[derive(Debug, Clone)]
pub struct Peer {
    address: SocketAddr,
    ambiguous: Ambiguous,
    showing: Option<Arc<Showing>>,
    _places: Arc<Option<Taken>>,
    _running: Option<Arc<connection::Running>>,
}

#[derive(Debug)]
struct Taken {
    _one_of_all: OwnedSemaphorePermit,
    /// None for a trusted proxy: its clients share its address.
    one_of_its_network: Option<Place<std::net::IpAddr>>,
}

impl Peer {
    /// A peer at this address that no limit counts, for tests and for listeners of another kind.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            ambiguous: Ambiguous::default(),
            showing: None,
            _places: Arc::new(None),
            _running: None,
        }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same peer, at the address its proxy says.
    fn seen_at(&self, address: SocketAddr) -> Self {
        Self {
            address,
            ..self.clone()
        }
    }

    /// The same peer, with a request that is being answered.
    fn asking(self, running: &Arc<connection::Running>) -> Self {
        Self {
            _running: Some(Arc::clone(running)),
            ..self
        }
    }

    /// The client certificate its connection began with.
    pub(crate) fn showing(&self) -> Option<&Arc<Showing>> {
        self.showing.as_ref()
    }

    /// Whether a head on this connection could be read in two ways.
    pub fn is_ambiguous(&self) -> bool {
        self.ambiguous.is_set()
    }
}

/// What answers the requests of a listener, and under which names.
#[derive(Clone)]
pub struct ConnectionService {
    hosts: Arc<[String]>,
    issued: Option<Arc<Issued>>,
    call: Arc<Call>,
    asking: Option<Arc<Asking>>,
    proxies: Arc<Proxies>,
}

impl std::fmt::Debug for ConnectionService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConnectionService")
            .field("hosts", &self.hosts)
            .finish_non_exhaustive()
    }
}

impl ConnectionService {
    /// A service known as `hosts` (`name` or `name:port`, as clients write it; plain HTTP is
    /// redirected only to these). `call` answers a request.
    pub fn new<F, A, B>(hosts: impl IntoIterator<Item = String>, call: F) -> Self
    where
        F: Fn(Request<Arriving>, Peer) -> A + Send + Sync + 'static,
        A: Future<Output = Response<B>> + Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Failure>,
    {
        let call = move |request: Request<Arriving>, peer: Peer| -> Answer {
            // An async block here would hold the call twice, as taken and as awaited: kilobytes to
            // move at each request.
            Box::pin(call(request, peer).map(|answer| answer.map(body::boxed)))
        };
        Self {
            hosts: hosts.into_iter().collect(),
            issued: None,
            call: Arc::new(call),
            asking: None,
            proxies: Arc::default(),
        }
    }

    /// The same, behind these proxies.
    #[must_use]
    pub fn behind(self, proxies: Proxies) -> Self {
        Self {
            proxies: Arc::new(proxies),
            ..self
        }
    }

    /// Clients are asked for a certificate where a rule names one.
    #[must_use]
    pub(crate) fn asking(mut self, asking: Option<Arc<Asking>>) -> Self {
        self.asking = asking;
        self
    }

    /// Every answer tells browsers what is promised about HTTPS.
    #[must_use]
    pub fn promising(mut self, promise: Arc<Promise>) -> Self {
        let call = Arc::clone(&self.call);
        self.call = Arc::new(move |request: Request<Arriving>, peer: Peer| -> Answer {
            let value = promise.value(request.uri(), request.headers());
            let answer = call(request, peer);
            Box::pin(async move {
                let mut answer = answer.await;
                if let Some(value) = value {
                    let headers = answer.headers_mut();
                    headers.insert(http::header::STRICT_TRANSPORT_SECURITY, value);
                }
                answer
            })
        });
        self
    }

    /// Validators of a certificate authority find their files here, over plain HTTP.
    #[must_use]
    pub fn with_issued(mut self, issued: Arc<Issued>) -> Self {
        self.issued = Some(issued);
        self
    }
}

/// Serves plain HTTP until `shutdown`: validators find their files, everybody else is sent to the
/// service that knows the host asked for. Of the services nothing else is reached.
pub async fn serve_plain(
    listener: TcpListener,
    services: Vec<ConnectionService>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    plain::serve(listener, services, limits, shutdown).await;
}

/// Serves until `shutdown`; then takes no more connections and lets running requests end within
/// [`Limits::drain`].
pub async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    service: ConnectionService,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let door = Arc::new(Door {
        tls: tls.into(),
        service,
        limits,
        shutdown: shutdown.clone(),
        networks: Places::default(),
    });
    let all = Arc::new(Semaphore::new(door.limits.connections_max));
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
        let is_proxy = door.service.proxies.trust(address.ip());
        let place = (!is_proxy).then(|| door.place(address));
        let (false, Ok(permit)) = (
            matches!(place, Some(None)),
            Arc::clone(&all).try_acquire_owned(),
        ) else {
            tracing::debug!(%address, "too many connections");
            continue;
        };
        let taken = Taken {
            _one_of_all: permit,
            one_of_its_network: place.flatten(),
        };
        connections.spawn(Arc::clone(&door).meet(stream, address, taken));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

struct Door {
    tls: tokio_rustls::TlsAcceptor,
    service: ConnectionService,
    limits: Limits,
    shutdown: CancellationToken,
    networks: Places<std::net::IpAddr>,
}

impl Door {
    /// A place for one more connection from an address.
    fn place(&self, address: SocketAddr) -> Option<Place<std::net::IpAddr>> {
        let max = self.limits.connections_per_address_max;
        self.networks.take(network(address.ip()), max)
    }

    /// Where the client is and what it takes, once a trusted proxy has said so; none: it did not.
    async fn introduced(
        &self,
        stream: &mut TcpStream,
        address: SocketAddr,
        mut taken: Taken,
    ) -> Option<(SocketAddr, Taken)> {
        if !self.service.proxies.begins(address.ip()) {
            return Some((address, taken));
        }
        let read = tokio::time::timeout(self.limits.handshake, proxies::read(stream)).await;
        match read {
            Ok(Ok(proxies::Said::Itself)) => Some((address, taken)),
            Ok(Ok(proxies::Said::Client(client))) => {
                taken.one_of_its_network = Some(self.place(client)?);
                Some((client, taken))
            }
            Ok(Err(error)) => {
                tracing::warn!(%address, %error, "a trusted proxy's connection is closed");
                None
            }
            Err(_) => None,
        }
    }

    async fn meet(self: Arc<Self>, mut stream: TcpStream, address: SocketAddr, taken: Taken) {
        let handshake = self.limits.handshake;
        let introduced = self.introduced(&mut stream, address, taken).await;
        let Some((address, taken)) = introduced else {
            return;
        };
        let mut peer = Peer {
            address,
            ambiguous: Ambiguous::default(),
            showing: None,
            _places: Arc::new(Some(taken)),
            _running: None,
        };
        let mut first = [0];
        let peeked = tokio::time::timeout(handshake, stream.peek(&mut first)).await;
        if !matches!(peeked, Ok(Ok(1))) {
            return;
        }
        // A TLS record that opens a handshake (RFC 8446, 5.1); no HTTP method begins so.
        if first != [0x16] {
            plain::redirect(stream, &[&self.service], handshake).await;
            return;
        }
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection is gone");
        }
        let asking = self.service.asking.as_ref();
        let tls = asking.and_then(|it| it.tls());
        let tls = tls.map_or_else(|| self.tls.clone(), Into::into);
        // Also when it ends: whoever was let in comes to their first request, where another process takes
        // over as anywhere.
        let stream = stall::Moving::new(stream, self.limits.stall);
        let accepted = tokio::time::timeout(handshake, tls.accept(stream)).await;
        match accepted {
            // The handshake was all there is to see (RFC 8737, 3).
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(VALIDATION) => {}
            Ok(Ok(stream)) => {
                if let Some(asking) = asking {
                    peer.showing = asking.showing(stream.get_ref().1.peer_certificates());
                }
                connection::serve(stream, &self, peer).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        }
    }
}
