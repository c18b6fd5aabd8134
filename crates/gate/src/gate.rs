//! One instance's gate: every request, from the first look to the last header.

pub(crate) mod answer;
mod door;
mod history;
mod identity;
mod judge;

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use deploy::Deployments;
use http::{Request, Response, StatusCode};
use model::{
    id::{InstanceId, UserId},
    rules::Verdict,
};
use rustls::ServerConfig;
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use crate::{
    authorize::{self, Refusal},
    body::{self, Body, Failure},
    clients::{Asking, Clients},
    comms::Notices,
    forward::{ForwardError, Forwarder, Upstream},
    headers::{Client, Sort},
    hold::Holds,
    identify::{self, Identity, Known},
    limit::{Limits, Place, Places, network, rate::Rates},
    listen::{ConnectionService, Peer},
    outline::Outline,
    recall::Recall,
    record::Record,
    respond::Pages,
    route::{Class, Target},
    shelf::Shelf,
    signature::Taken,
};
use identity::Identities;
pub(crate) use judge::Standing;

pub use history::{File, History};

/// What is configured for one gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateConfig {
    /// Which instance stands behind it.
    pub instance: InstanceId,
    /// Where browsers reach it: `https://localhost:8443`.
    pub public_origin: String,
    /// Further hosts (`name` or `name:port`) it answers to; sessions work under the public origin.
    pub hosts: Vec<String>,
    /// Where the console is: `https://keep.localhost:9443`.
    pub console_origin: String,
    /// Its limits.
    pub limits: Limits,
}

/// Why a gate cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin:?} is not an origin; write it as https://name or https://name:port")]
pub struct ConfigError {
    /// What was given.
    pub origin: String,
}

/// One instance's gate. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

/// What a gate is made of.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: GateConfig,
    /// `name` or `name:port`, as browsers send it.
    pub(crate) host: String,
    pub(crate) store: Store,
    pub(crate) deployments: Deployments,
    pub(crate) pages: Arc<dyn Pages>,
    pub(crate) history: Arc<dyn History>,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) forwarder: Forwarder,
    pub(crate) identities: Identities,
    pub(crate) outline: Outline,
    pub(crate) record: Record,
    pub(crate) notices: Notices,
    /// The editor's own files; none: Node-RED serves them.
    pub(crate) shelf: OnceLock<Arc<Shelf>>,
    /// How clients are asked for certificates; none: no authority is configured.
    pub(crate) asking: OnceLock<Arc<Asking>>,
    pub(crate) recall: Recall,
    pub(crate) holds: Arc<Holds>,
    requests: Places<Asker>,
    /// What rules bound, by the rule's place and who asks.
    ruled: Places<(usize, Asker)>,
    rates: Rates<(usize, Asker)>,
    pub(crate) taken: Taken,
    pub(crate) sockets: Places<Asker>,
    /// Cancelled when the gate closes: live connections end.
    pub(crate) closing: CancellationToken,
}

/// Who a request counts against.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    User(UserId),
    Network(IpAddr),
}

/// One request, understood.
pub(crate) struct Visit {
    pub(crate) request: Request<()>,
    pub(crate) target: Target,
    pub(crate) peer: Peer,
    pub(crate) known: Option<Known>,
    pub(crate) is_foreign_login: bool,
    pub(crate) is_upgrade: bool,
    /// Its place under the rule that let it in; held as long as what it asked for goes on.
    pub(crate) ruled: Option<Arc<Place<(usize, Asker)>>>,
}

impl Visit {
    /// The client, for Node-RED's headers.
    pub(crate) fn client<'a>(&self, gate: &'a Inner) -> Client<'a> {
        Client {
            address: self.peer.address().ip(),
            host: &gate.host,
        }
    }

    /// Who it counts against.
    pub(crate) fn asker(&self) -> Asker {
        match &self.known {
            Some(known) => Asker::User(known.principal.user),
            None => Asker::Network(network(self.peer.address().ip())),
        }
    }

    /// The request's name in the record.
    pub(crate) fn subject(&self) -> String {
        format!("{} {}", self.request.method(), self.target.normal())
    }
}

/// Why a request is not answered by Node-RED or in its stead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denial {
    /// The request itself is not one we read in one way.
    #[error("{0}")]
    Malformed(String),
    /// It is for another host.
    #[error("this is not a name of this gate")]
    Misdirected,
    /// It may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It may, but not like this; said in the way of Node-RED's API.
    #[error("{message}")]
    Answered {
        status: StatusCode,
        code: &'static str,
        message: String,
    },
    /// A rule asks for a signature, and there is none that fits.
    #[error("this address takes signed requests alone: {0}")]
    Unsigned(String),
    /// Too much at a time.
    #[error("too many requests at a time; try again")]
    TooMany,
    /// More than a rule lets through in a minute.
    #[error("too many requests in this minute; try again")]
    TooFast,
    /// More than a rule lets through at all.
    #[error("the body is larger than the {max} bytes a rule lets through here")]
    TooLarge {
        /// Bytes.
        max: u64,
    },
    /// Node-RED gives no answer.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The ledger failed.
    #[error("Redkeep could not read its own data")]
    Store(#[from] StoreError),
    /// Something else failed on our side.
    #[error("Redkeep could not answer: {0}")]
    Failed(String),
}

impl Gate {
    /// A gate. `upstream` is the workshop.
    ///
    /// Errors: an origin is not one.
    pub fn new(
        config: GateConfig,
        store: Store,
        deployments: Deployments,
        upstream: Arc<dyn Upstream>,
        pages: Arc<dyn Pages>,
        history: Arc<dyn History>,
    ) -> Result<Self, ConfigError> {
        let host = door::host_of(&config.public_origin)?;
        door::host_of(&config.console_origin)?;
        let instance = config.instance.clone();
        let inner = Inner {
            host,
            deployments,
            pages,
            history,
            forwarder: Forwarder::new(
                Arc::clone(&upstream),
                instance.clone(),
                config.limits.answer,
            ),
            identities: Identities::new(Arc::clone(&upstream)),
            upstream,
            outline: Outline::new(store.clone(), instance.clone()),
            record: Record::new(store.clone(), instance.clone()),
            notices: Notices::new(store.clone(), instance, config.console_origin.clone()),
            shelf: OnceLock::new(),
            asking: OnceLock::new(),
            recall: Recall::new(),
            holds: Arc::default(),
            requests: Places::default(),
            ruled: Places::default(),
            rates: Rates::default(),
            taken: Taken::default(),
            sockets: Places::default(),
            closing: CancellationToken::new(),
            store,
            config,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// Has the editor's own files served from here. Without, and for what is not on it, Node-RED is
    /// asked. A second shelf is not taken.
    #[must_use]
    pub fn with_shelf(self, shelf: Arc<Shelf>) -> Self {
        self.0.shelf.get_or_init(|| shelf);
        self
    }

    /// The same, asking clients for a certificate where a rule names one; `tls` is
    /// [`crate::Certificates::asking_config`]. To be called before [`Gate::service`].
    #[must_use]
    pub fn with_clients(self, clients: Arc<Clients>, tls: Arc<ServerConfig>) -> Self {
        let asking = || Arc::new(Asking::new(clients, tls));
        self.0.asking.get_or_init(asking);
        self
    }

    /// For [`crate::serve`].
    pub fn service(&self) -> ConnectionService {
        let gate = self.clone();
        let hosts = std::iter::once(self.0.host.clone()).chain(self.0.config.hosts.clone());
        let service = ConnectionService::new(hosts, move |request, peer| {
            let gate = gate.clone();
            async move { gate.answer(request, peer).await }
        });
        service.asking(self.0.asking.get().cloned())
    }

    /// Tells editors what becomes of deployments, and ends trials of rules, until `shutdown`. To be
    /// run beside the listener.
    pub async fn run(&self, shutdown: CancellationToken) {
        tokio::select! {
            () = self.0.notices.watch() => {}
            () = judge::end_trials(&self.0.store) => {}
            () = self.0.watch_certificates() => {}
            () = shutdown.cancelled() => {}
        }
        self.0.closing.cancel();
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Response<Body>
    where
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Failure>,
    {
        let gate = &self.0;
        let face = answer::Face::of(&request);
        match gate.admit(request.map(body::boxed), peer, &face).await {
            Ok(response) => response,
            Err(denial) => gate.deny(&denial, &face),
        }
    }
}

impl Inner {
    /// The walk through the gate.
    async fn admit(
        self: &Arc<Self>,
        request: Request<Body>,
        peer: Peer,
        face: &answer::Face,
    ) -> Result<Response<Body>, Denial> {
        let address = peer.address().ip();
        let understood = door::check(&request, &peer, &self.host, &self.config.hosts);
        let (target, is_upgrade) = match understood {
            Ok(understood) => understood,
            Err(denial) => {
                let subject = format!("{} {}", request.method(), request.uri().path());
                self.record
                    .refused(None, address, &subject, &denial.to_string())
                    .await;
                return Err(denial);
            }
        };
        let Identity {
            known,
            is_foreign_login,
        } = {
            let headers = request.headers();
            let password = history::token(&target, headers);
            identify::identify(
                &self.store,
                headers,
                password.as_deref(),
                self.place(address),
            )
            .await?
        };
        let (head, body) = request.into_parts();
        let request = Request::from_parts(head, ());
        let mut visit = Visit {
            request,
            target,
            peer,
            known,
            is_foreign_login,
            is_upgrade,
            ruled: None,
        };
        let permit = match self.authorize(&visit).await? {
            Ok(permit) => permit,
            Err(Refusal::NotIdentified) => return Ok(self.ask_to_log_in(&visit, face)),
            Err(refusal) => {
                self.note_refusal(&visit, &refusal).await?;
                return Err(refusal.into());
            }
        };
        let place = self.take_place(&visit).ok_or(Denial::TooMany)?;
        let mut body = self.bound(&mut visit, &permit, body)?;
        if let Some(signed_by) = permit.signed_by() {
            let bound = permit.bounds().body_bytes.map(std::num::NonZeroU64::get);
            let checked = self.check_signature(&visit, signed_by, bound, body).await;
            if let Err(Denial::Unsigned(why)) = &checked {
                let (address, subject) = (visit.peer.address().ip(), visit.subject());
                self.record.refused(None, address, &subject, why).await;
            }
            body = checked?;
        }
        let ruled = visit.ruled.clone();
        let sort = match permit.class() {
            Class::Endpoint => Sort::Endpoint,
            Class::Own(_) => Sort::Own,
            _ => Sort::Editor,
        };
        let response = self.dispatch(visit, body, permit).await?;
        Ok(self
            .finish(response, sort)
            .map(|body| body::hold(body, (place, ruled))))
    }

    /// Where something is shown that comes from `address`.
    pub(crate) fn place(&self, address: IpAddr) -> identify::Place<'_> {
        identify::Place {
            instance: &self.config.instance,
            address,
        }
    }

    async fn authorize(
        &self,
        visit: &Visit,
    ) -> Result<Result<authorize::Permit, Refusal>, StoreError> {
        let judged = self.judge(&visit.standing().asking()).await?;
        let principal = visit.known.as_ref().map(|known| &known.principal);
        let is_public = judged.decision.verdict == Verdict::Open;
        let by_cookie =
            principal.filter(|_| !(is_public && judged.permit.as_ref().is_ok_and(is_endpoint)));
        let same_site = authorize::same_site(
            visit.request.method(),
            visit.is_upgrade,
            visit.request.headers(),
            by_cookie,
            &self.config.public_origin,
        );
        Ok(judged.permit.and_then(|permit| same_site.map(|()| permit)))
    }

    async fn note_refusal(&self, visit: &Visit, refusal: &Refusal) -> Result<(), StoreError> {
        let principal = visit.known.as_ref().map(|known| &known.principal);
        let address = visit.peer.address().ip();
        let reason = refusal.to_string();
        self.record
            .refused(principal, address, &visit.subject(), &reason)
            .await;
        if *refusal == Refusal::Unknown {
            let route = model::instance::AllowedRoute {
                method: visit.request.method().to_string(),
                path: visit.target.normal(),
            };
            self.store
                .note_refused_route(&self.config.instance, &route)
                .await?;
        }
        Ok(())
    }

    fn take_place(&self, visit: &Visit) -> Option<Place<Asker>> {
        let limits = &self.config.limits;
        let max = match &visit.known {
            Some(_) => limits.requests_per_user_max,
            None => limits.requests_per_address_max,
        };
        self.requests.take(visit.asker(), max)
    }
}

fn is_endpoint(permit: &authorize::Permit) -> bool {
    *permit.class() == Class::Endpoint
}
