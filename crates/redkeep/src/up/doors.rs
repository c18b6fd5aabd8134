//! The doors: their sockets, certificates and addresses; bound early, opened late.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::Router;
use console::{Addresses, Context, Post};
use gate::{Certificates, ConnectionService, Gate, GateConfig, Limits};
use keys::{Handshakes, Keeper};
use model::{access::Role, id::InstanceId};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::{House, mail::Sender};
use crate::{config::Config, exit::Failure, wire};

/// Bound, but not yet open.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) addresses: Addresses,
    certificates: Certificates,
    keeper: Arc<Keeper>,
    console: TcpListener,
    gates: Vec<(InstanceId, TcpListener)>,
    passkey_required: Vec<Role>,
}

impl Doors {
    /// Binds every listener and finds or makes the certificate. A port that is taken is said
    /// before anything else is done.
    pub(super) async fn bind(config: &Config, keeper: Arc<Keeper>) -> Result<Self, Failure> {
        let mut gates = Vec::new();
        let mut origins = Vec::new();
        for instance in &config.instances {
            let listener = bind(instance.listen, "--listen").await?;
            origins.push((instance.id.clone(), origin(&config.name, &listener)?));
            gates.push((instance.id.clone(), listener));
        }
        let console = bind(config.console_listen, "--console-listen").await?;
        let console_origin = origin(&config.console_name, &console)?;
        let certificates = Certificates::new(Handshakes::kept(keeper.clone()))?;
        let addresses = Addresses {
            console_origin,
            gates: origins,
        };
        Ok(Self {
            addresses,
            certificates,
            keeper,
            console,
            gates,
            passkey_required: config.passkey_required.clone(),
        })
    }

    /// The root certificate; empty with the operator's own files.
    pub(super) fn ca_pem(&self) -> String {
        self.certificates.ca_pem().unwrap_or_default()
    }

    /// Opens all doors. Returns what the console works on, for the control socket.
    pub(super) fn open(
        self,
        house: &House,
        post: Option<&Arc<Sender>>,
    ) -> Result<Context, Failure> {
        let ca_pem = self.ca_pem();
        let tls = self.certificates.server_config();
        let mut gates = wire::Gates::default();
        for (instance, listener) in self.gates {
            let origin = self
                .addresses
                .gate(&instance)
                .unwrap_or_default()
                .to_owned();
            let local = listener.local_addr()?;
            let shelf = house.shelves.of(&instance);
            let id = instance.clone();
            let gate_config = GateConfig {
                instance,
                public_origin: origin,
                hosts: vec![local.to_string()],
                console_origin: self.addresses.console_origin.clone(),
                limits: Limits::default(),
            };
            let mut gate = Gate::new(
                gate_config,
                house.store.clone(),
                house.deployments.clone(),
                house.workshop.clone(),
                Arc::new(wire::GatePages),
                Arc::new(wire::Histories(house.history.clone())),
            )?;
            if let Some(shelf) = shelf {
                gate = gate.with_shelf(shelf);
            }
            let (stop, tls) = (house.stop.clone(), tls.clone());
            let service = gate.service().behind(house.config.proxies.clone());
            house.tasks.spawn(gate::serve(
                listener,
                tls,
                service,
                Limits::default(),
                stop.clone(),
            ));
            gates.0.push((id, gate.clone()));
            house.tasks.spawn(async move { gate.run(stop).await });
        }
        let doorman = Arc::new(gates);
        let context = || Context {
            store: house.store.clone(),
            deployments: house.deployments.clone(),
            workshop: Some(house.workshop.clone()),
            addresses: self.addresses.clone(),
            ca_pem: ca_pem.clone(),
            keys: runtime::status::layers(self.keeper.enforcement()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            passkey_required: self.passkey_required.clone(),
            post: post.map(|post| post.clone() as Arc<dyn Post>),
            doorman: Some(doorman.clone()),
        };
        let host = self
            .addresses
            .console_origin
            .trim_start_matches("https://")
            .to_owned();
        let service = service(host, console::router(context()));
        let service = service.behind(house.config.proxies.clone());
        let stop = house.stop.clone();
        house.tasks.spawn(gate::serve(
            self.console,
            tls,
            service,
            Limits::default(),
            stop.clone(),
        ));
        let certificates = self.certificates.clone();
        house
            .tasks
            .spawn(async move { certificates.keep_renewed(stop).await });
        Ok(context())
    }
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).await;
    Ok(bound.with_context(|| {
        format!("cannot listen on {address}: another program may have it; choose with {flag} ADDR")
    })?)
}

/// The origin a browser sees.
fn origin(name: &str, listener: &TcpListener) -> Result<String, Failure> {
    Ok(match listener.local_addr()?.port() {
        443 => format!("https://{name}"),
        port => format!("https://{name}:{port}"),
    })
}

/// What the certificate is for: the names, and the addresses that are listened on.
pub(super) fn names(config: &Config) -> Vec<String> {
    let mut names = vec![config.name.clone(), config.console_name.clone()];
    names.extend(["127.0.0.1".to_owned(), "::1".to_owned()]);
    let listens = config
        .instances
        .iter()
        .map(|it| it.listen)
        .chain([config.console_listen]);
    names.extend(
        listens
            .map(|it| it.ip())
            .filter(|ip| !ip.is_unspecified())
            .map(|ip| ip.to_string()),
    );
    names
}

/// The console behind the same listener as the gate.
fn service(host: String, router: Router) -> ConnectionService {
    ConnectionService::new(
        [host],
        move |request: http::Request<hyper::body::Incoming>, peer| {
            let router = router.clone();
            async move {
                let mut request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(peer.address());
                let answered: Result<_, Infallible> = router.oneshot(request).await;
                match answered {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            }
        },
    )
}
