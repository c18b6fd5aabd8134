//! The reading room: pages and API, on an origin of its own.
//!
//! Server-rendered pages without script (but for the few that ask for a passkey), and the same as JSON under `/api/v1`. It decides
//! nothing: who may do what is [`model::access`]'s, what happens to a deployment is [`deploy`]'s.
//! Open next: [`router`], `session` (who asks), `csrf` (what is accepted), `pages`, `api`.
#![forbid(unsafe_code)]

mod api;
mod assets;
mod authority;
mod carried;
pub mod compare;
mod compress;
mod csrf;
mod device;
mod doorman;
mod frame;
mod gate_pages;
mod grants;
mod headers;
mod issuing;
pub mod letter;
mod mailing;
mod pages;
pub mod picture;
mod problem;
mod providers;
mod qr;
mod rotation;
mod rules;
mod session;
mod shell;
mod step_up;
mod summaries;
mod wording;

use std::{fmt, net::SocketAddr, sync::Arc};

use axum::{Router, extract::Request, middleware, middleware::Next, response::Response};
use deploy::Deployments;
use model::{access::Role, id::InstanceId};
use runtime::{Workshop, status::LayerStatus};
use store::Store;

pub use api::{ROUTES as API_ROUTES, openapi};
pub use doorman::{Asked, Doorman};
pub use gate_pages::{GATE_STYLE, GatePages};
pub use issuing::{
    AuthorityStatus, CertificateState, IssuedStatus, Issuing, RootStatus, StrictTransport,
};
pub use mailing::{MailState, Post, Posting};
pub use pages::ROUTES as PAGE_ROUTES;
pub use providers::{Asking, Coming, Leaving, Offered, Providers};
pub use step_up::{CALLS as PROVEN_CALLS, PAGES as PROVEN_PAGES};
pub use wording::{name_of, shown};

/// Where the doors are, as browsers reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// The console's origin, such as `https://keep.localhost:8443`. Every form must come from it.
    pub console_origin: String,
    /// Each instance's gate, as an origin.
    pub gates: Vec<(InstanceId, String)>,
}

impl Addresses {
    /// The gate's origin of an instance.
    pub fn gate(&self, instance: &InstanceId) -> Option<&str> {
        self.gates
            .iter()
            .find(|(id, _)| id == instance)
            .map(|(_, origin)| origin.as_str())
    }
}

/// How long a proof of who somebody is counts, and how long wall displays last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Seconds for which a sign-in, or a proof since, is enough for what is dangerous.
    pub proof_seconds: i64,
    /// Seconds a wall display lasts without being used, unless said otherwise.
    pub kiosk_seconds: i64,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            proof_seconds: 10 * 60,
            kiosk_seconds: 30 * 86_400,
        }
    }
}

/// What the console works on.
pub struct Context {
    /// The ledger.
    pub store: Store,
    /// The waiting room.
    pub deployments: Deployments,
    /// The workshop; none when Node-RED is not run by this process (the command line, tests).
    pub workshop: Option<Arc<Workshop>>,
    /// Where the doors are.
    pub addresses: Addresses,
    /// The root certificate to import into browsers, as PEM, where `issuing` knows none.
    pub ca_pem: String,
    /// What keeps others from the process that holds the keys; empty when there is none (the command
    /// line, tests).
    pub keys: Vec<LayerStatus>,
    /// Redkeep's version.
    pub version: String,
    /// The roles that sign in with a passkey, and with nothing less.
    pub passkey_required: Vec<Role>,
    /// How long sessions go on.
    pub terms: Terms,
    /// What sends mails; none: no mail server is configured, or nothing runs.
    pub post: Option<Arc<dyn Post>>,
    /// By whom people can sign in beside local accounts; none: by nobody, or nothing runs.
    pub providers: Option<Arc<dyn Providers>>,
    /// Who knows what the gates would do; none: no gate is run by this process.
    pub doorman: Option<Arc<dyn Doorman>>,
    /// What keeps the certificates good; none: nothing runs.
    pub issuing: Option<Arc<dyn Issuing>>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// What handlers share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) context: Context,
    pub(crate) summaries: summaries::Summaries,
}

impl Inner {
    /// Whether somebody who proved at that moment who they are need not do it again.
    pub(crate) fn is_recent(&self, at: model::clock::Timestamp) -> bool {
        let age = self.store.clock().now().seconds_since(at);
        (0..self.terms.proof_seconds).contains(&age)
    }
}

impl std::ops::Deref for Inner {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

pub(crate) type App = Arc<Inner>;

fn app(context: Context) -> App {
    Arc::new(Inner {
        context,
        summaries: summaries::Summaries::default(),
    })
}

/// Pages and `/api/v1`, for the console's own listener. The peer's address is read from the request
/// extension [`SocketAddr`], where there is one.
pub fn router(context: Context) -> Router {
    let app = app(context);
    Router::new()
        .merge(pages::router())
        .merge(assets::router())
        .nest("/api/v1", api::router())
        .fallback(pages::not_found)
        .layer(middleware::from_fn(rotation::carry))
        .layer(middleware::from_fn_with_state(app.clone(), csrf::guard))
        .layer(middleware::from_fn_with_state(app.clone(), rules::guard))
        .layer(middleware::from_fn(headers::protect))
        .layer(middleware::from_fn(compress::compress))
        .with_state(app)
}

/// `/api/v1` alone, for the local control socket: whoever can open it is the local administrator.
/// Never bind this to an address of the network.
pub fn control_router(context: Context) -> Router {
    Router::new()
        .nest("/api/v1", api::router())
        .layer(middleware::from_fn(as_local_administrator))
        .layer(middleware::from_fn(headers::protect))
        .with_state(app(context))
}

async fn as_local_administrator(mut request: Request, next: Next) -> Response {
    request.extensions_mut().remove::<SocketAddr>();
    request.extensions_mut().insert(session::ControlSocket);
    next.run(request).await
}
