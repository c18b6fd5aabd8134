//! The doors: their sockets, certificates and addresses; bound early, opened late.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
};

use anyhow::Context as _;
use axum::Router;
use console::{Addresses, Context, Issuing, Post, Providers};
use gate::{Certificates, Clients, ConnectionService, Gate, GateConfig, Limits};
use keys::{Handshakes, Keeper};
use model::{access::Role, id::InstanceId};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::sockets::Sockets;
use super::{House, certificates::Desk, clients, mail::Sender};
use crate::{clock::SystemClock, config::Config, exit::Failure, wire};

/// Bound, but not yet open.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) addresses: Addresses,
    certificates: Arc<Certificates>,
    keeper: Arc<Keeper>,
    desk: Arc<Desk>,
    /// Whose client certificates are believed.
    clients: Option<Arc<Clients>>,
    /// For validators that come by plain HTTP.
    plain: Option<TcpListener>,
    console: TcpListener,
    gates: Vec<(InstanceId, TcpListener)>,
    passkey_required: Vec<Role>,
    terms: console::Terms,
}

impl Doors {
    /// Takes the listeners, and finds or makes the certificate.
    pub(super) fn on(
        sockets: &Sockets,
        config: &Config,
        keeper: Arc<Keeper>,
    ) -> Result<Self, Failure> {
        let mut gates = Vec::new();
        let mut origins = Vec::new();
        for instance in &config.instances {
            let role = gate_role(&instance.id);
            let listener = bind(sockets, &role, instance.listen, "--listen")?;
            let listener = TcpListener::from_std(listener)?;
            origins.push((instance.id.clone(), origin(&config.name, &listener)?));
            gates.push((instance.id.clone(), listener));
        }
        let console = bind(sockets, CONSOLE, config.console_listen, "--console-listen")?;
        let console = TcpListener::from_std(console)?;
        let console_origin = origin(&config.console_name, &console)?;
        let certificates = Arc::new(Certificates::new(Handshakes::kept(keeper.clone()))?);
        let desk = Desk::open(config, &certificates, Arc::new(SystemClock))?;
        let plain = config.acme.as_ref().and_then(|acme| acme.http_listen);
        let plain = plain.map(|address| bind_plain(sockets, address));
        let plain = plain.transpose()?.map(TcpListener::from_std).transpose()?;
        let addresses = Addresses {
            console_origin,
            gates: origins,
        };
        Ok(Self {
            addresses,
            certificates,
            keeper,
            desk: Arc::new(desk),
            clients: clients::open(config)?,
            plain,
            console,
            gates,
            passkey_required: config.passkey_required.clone(),
            terms: config.terms,
        })
    }

    /// The root certificate; empty with the operator's own files.
    pub(super) fn ca_pem(&self) -> String {
        self.certificates.ca_pem().unwrap_or_default()
    }

    /// Opens all doors. Returns what the console works on, for the control socket.
    pub(super) fn open(
        mut self,
        house: &House,
        post: Option<&Arc<Sender>>,
        providers: Option<&Arc<super::providers::Desk>>,
    ) -> Result<Context, Failure> {
        let ca_pem = self.ca_pem();
        let tls = self.certificates.server_config();
        let issued = self.certificates.issued();
        let mut services = Vec::new();
        let mut gates = wire::Gates::default();
        for (instance, listener) in std::mem::take(&mut self.gates) {
            let gate = self.gate(house, &instance, &listener)?;
            let service = gate.service().with_issued(issued.clone());
            let service = service.promising(self.desk.promise());
            let service = service.behind(house.config.proxies.clone());
            services.push(service.clone());
            let (stop, tls) = (house.stop.clone(), tls.clone());
            house.tasks.spawn(gate::serve(
                listener,
                tls,
                service,
                Limits::default(),
                stop.clone(),
            ));
            gates.0.push((instance, gate.clone()));
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
            terms: self.terms,
            issuing: Some(self.desk.clone() as Arc<dyn Issuing>),
            post: post.map(|post| post.clone() as Arc<dyn Post>),
            doorman: Some(doorman.clone()),
            providers: providers.map(|it| it.clone() as Arc<dyn Providers>),
        };
        let host = self
            .addresses
            .console_origin
            .trim_start_matches("https://")
            .to_owned();
        let service = service(host, console::router(context())).with_issued(issued);
        let service = service.promising(self.desk.promise());
        let service = service.behind(house.config.proxies.clone());
        services.push(service.clone());
        let stop = house.stop.clone();
        house.tasks.spawn(gate::serve(
            self.console,
            tls,
            service,
            Limits::default(),
            stop.clone(),
        ));
        if let Some(listener) = self.plain {
            let stop = house.stop.clone();
            let served = gate::serve_plain(listener, services, Limits::default(), stop);
            house.tasks.spawn(served);
        }
        self.desk.spawn(house);
        if let Some(clients) = self.clients {
            clients::spawn(house, clients);
        }
        let certificates = self.certificates.clone();
        house
            .tasks
            .spawn(async move { certificates.keep_renewed(stop).await });
        Ok(context())
    }

    /// The gate of one instance, which is listened to there.
    fn gate(
        &self,
        house: &House,
        instance: &InstanceId,
        listener: &TcpListener,
    ) -> Result<Gate, Failure> {
        let origin = self.addresses.gate(instance).unwrap_or_default();
        let config = GateConfig {
            instance: instance.clone(),
            public_origin: origin.to_owned(),
            hosts: vec![listener.local_addr()?.to_string()],
            console_origin: self.addresses.console_origin.clone(),
            limits: Limits::default(),
        };
        let gate = Gate::new(
            config,
            house.store.clone(),
            house.deployments.clone(),
            house.workshop.clone(),
            Arc::new(wire::GatePages),
            Arc::new(wire::Histories(house.history.clone())),
        )?;
        let gate = match house.shelves.of(instance) {
            Some(shelf) => gate.with_shelf(shelf),
            None => gate,
        };
        Ok(match &self.clients {
            Some(clients) => gate.with_clients(clients.clone(), self.certificates.asking_config()),
            None => gate,
        })
    }
}

/// The doors, as their sockets are known when they are handed over.
const CONSOLE: &str = "console";
const PLAIN: &str = "plain";

fn gate_role(instance: &InstanceId) -> String {
    format!("gate {instance}")
}

/// Sees to it that there is a socket for every door, which low ports need root's rights for. A port that is
/// taken is said before anything else is done.
pub(super) fn listen(config: &Config, sockets: &Sockets) -> Result<(), Failure> {
    for instance in &config.instances {
        let role = gate_role(&instance.id);
        bind(sockets, &role, instance.listen, "--listen")?;
    }
    bind(sockets, CONSOLE, config.console_listen, "--console-listen")?;
    if let Some(address) = config.acme.as_ref().and_then(|acme| acme.http_listen) {
        bind_plain(sockets, address)?;
    }
    Ok(())
}

fn bind(
    sockets: &Sockets,
    role: &str,
    address: SocketAddr,
    flag: &str,
) -> Result<StdListener, Failure> {
    let bound = sockets.listen(role, address);
    Ok(bound.with_context(|| {
        format!("cannot listen on {address}: another program may have it; choose with {flag} ADDR")
    })?)
}

fn bind_plain(sockets: &Sockets, address: SocketAddr) -> Result<StdListener, Failure> {
    let bound = sockets.listen(PLAIN, address);
    Ok(bound.with_context(|| {
        format!(
            "cannot listen on {address} for http-01: another program may have it, or it needs \
             rights for ports below 1024; set `http_listen` in [acme], or another `challenge`"
        )
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

/// Where clients find the revocation list of our own authority: at the first gate, by plain HTTP.
pub(super) fn list_address(config: &Config) -> String {
    let port = config.instances.first().map_or(0, |it| it.listen.port());
    format!("http://{}:{port}{}", config.name, gate::LIST)
}

/// The console behind the same listener as the gate.
fn service(host: String, router: Router) -> ConnectionService {
    ConnectionService::new(
        [host],
        move |request: http::Request<gate::Arriving>, peer| {
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
