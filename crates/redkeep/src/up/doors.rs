//! The doors: their sockets, certificates and addresses; bound early, opened late.

use std::{
    convert::Infallible,
    net::{SocketAddr, TcpListener as StdListener},
    sync::Arc,
};

use anyhow::Context as _;
use axum::Router;
use console::{Addresses, Context, Issuing, Post};
use gate::{Certificates, ConnectionService, Gate, GateConfig, Limits};
use keys::{Handshakes, Keeper};
use model::{access::Role, id::InstanceId};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::{House, certificates::Desk, mail::Sender};
use crate::{clock::SystemClock, config::Config, exit::Failure, wire};

/// Listeners, before there is anything that serves.
#[derive(Debug)]
pub(super) struct Sockets {
    gates: Vec<(InstanceId, StdListener)>,
    console: StdListener,
    /// For validators that come by plain HTTP.
    plain: Option<StdListener>,
}

impl Sockets {
    /// Binds every listener, which low ports need root's rights for. A port that is taken is said
    /// before anything else is done.
    pub(super) fn bind(config: &Config) -> Result<Self, Failure> {
        let gates = config.instances.iter().map(|instance| {
            let listener = bind(instance.listen, "--listen")?;
            Ok((instance.id.clone(), listener))
        });
        let gates = gates.collect::<Result<_, Failure>>()?;
        let console = bind(config.console_listen, "--console-listen")?;
        let plain = config.acme.as_ref().and_then(|acme| acme.http_listen);
        Ok(Self {
            gates,
            console,
            plain: plain.map(bind_plain).transpose()?,
        })
    }
}

/// Bound, but not yet open.
#[derive(Debug)]
pub(super) struct Doors {
    pub(super) addresses: Addresses,
    certificates: Arc<Certificates>,
    keeper: Arc<Keeper>,
    desk: Arc<Desk>,
    /// For validators that come by plain HTTP.
    plain: Option<TcpListener>,
    console: TcpListener,
    gates: Vec<(InstanceId, TcpListener)>,
    passkey_required: Vec<Role>,
}

impl Doors {
    /// Takes the listeners, and finds or makes the certificate.
    pub(super) fn on(
        sockets: Sockets,
        config: &Config,
        keeper: Arc<Keeper>,
    ) -> Result<Self, Failure> {
        let mut gates = Vec::new();
        let mut origins = Vec::new();
        for (instance, listener) in sockets.gates {
            let listener = TcpListener::from_std(listener)?;
            origins.push((instance.clone(), origin(&config.name, &listener)?));
            gates.push((instance, listener));
        }
        let console = TcpListener::from_std(sockets.console)?;
        let console_origin = origin(&config.console_name, &console)?;
        let certificates = Arc::new(Certificates::new(Handshakes::kept(keeper.clone()))?);
        let desk = Desk::open(config, &certificates, Arc::new(SystemClock))?;
        let plain = sockets.plain.map(TcpListener::from_std).transpose()?;
        let addresses = Addresses {
            console_origin,
            gates: origins,
        };
        Ok(Self {
            addresses,
            certificates,
            keeper,
            desk: Arc::new(desk),
            plain,
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
        mut self,
        house: &House,
        post: Option<&Arc<Sender>>,
    ) -> Result<Context, Failure> {
        let ca_pem = self.ca_pem();
        let tls = self.certificates.server_config();
        let issued = self.certificates.issued();
        let mut services = Vec::new();
        let mut gates = wire::Gates::default();
        for (instance, listener) in std::mem::take(&mut self.gates) {
            let gate = self.gate(house, &instance, &listener)?;
            let service = gate.service().with_issued(issued.clone());
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
            issuing: Some(self.desk.clone() as Arc<dyn Issuing>),
            post: post.map(|post| post.clone() as Arc<dyn Post>),
            doorman: Some(doorman.clone()),
        };
        let host = self
            .addresses
            .console_origin
            .trim_start_matches("https://")
            .to_owned();
        let service = service(host, console::router(context())).with_issued(issued);
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
        Ok(match house.shelves.of(instance) {
            Some(shelf) => gate.with_shelf(shelf),
            None => gate,
        })
    }
}

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

fn bind(address: SocketAddr, flag: &str) -> Result<StdListener, Failure> {
    Ok(listen(address).with_context(|| {
        format!("cannot listen on {address}: another program may have it; choose with {flag} ADDR")
    })?)
}

fn bind_plain(address: SocketAddr) -> Result<StdListener, Failure> {
    Ok(listen(address).with_context(|| {
        format!(
            "cannot listen on {address} for http-01: another program may have it, or it needs \
             rights for ports below 1024; set `http_listen` in [acme], or another `challenge`"
        )
    })?)
}

fn listen(address: SocketAddr) -> std::io::Result<StdListener> {
    let listener = StdListener::bind(address)?;
    sandbox::process::set_backlog(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
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
