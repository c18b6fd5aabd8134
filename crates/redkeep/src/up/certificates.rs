//! The doors' certificates from an authority: shown proofs, told news, and what people see of it.

mod authority;
mod ends;
mod hook;
mod promise;
mod staple;

use std::{path::PathBuf, sync::Arc, time::Duration};

use acme::{Boxed, Engine, Folder, News, Proof, Show, Tell, alpn_certificate};
use anyhow::Context as _;
use console::{AuthorityStatus, CertificateState, Issuing, StrictTransport};
use gate::{Certificates, Issued, Promise};
use model::{
    audit::EventKind,
    clock::Clock,
    hsts::{Kept, Wish},
    principal::Actor,
};
use serde_json::json;
use tokio::sync::mpsc;

use super::House;
use crate::config::{Config, acme::Acme};

/// How often it is looked when certificates end.
const END_LOOK: Duration = Duration::from_mins(1);
/// News that wait to be recorded; there are some a month.
const NEWS_MAX: usize = 64;

/// What is served, and what asks for better.
#[derive(Debug)]
pub(super) struct Desk {
    served: Arc<Certificates>,
    is_files: bool,
    engine: Option<Arc<Engine>>,
    /// Whether the authority's server is a private one: nobody knows who trusts what it issues.
    has_private_roots: bool,
    wish: Wish,
    promise: Arc<Promise>,
    strict: std::sync::Mutex<(Kept, Option<u64>)>,
    staples: staple::Staples,
    news: std::sync::Mutex<Option<mpsc::Receiver<News>>>,
    tell: mpsc::Sender<News>,
    clock: Arc<dyn Clock>,
}

impl Desk {
    /// Opens the records in `acme/` of the data directory, where `[acme]` is configured.
    pub(super) fn open(
        config: &Config,
        served: &Arc<Certificates>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let (tell, news) = mpsc::channel(NEWS_MAX);
        let open = |acme: &Acme| -> anyhow::Result<Arc<Engine>> {
            let dir = config.data_dir.join("acme");
            let keep = Folder::open(&dir).with_context(|| dir.display().to_string())?;
            let show = Proofs {
                issued: served.issued(),
                hook: acme.hook.clone(),
            };
            let engine = Engine::open(
                acme.settings.clone(),
                Arc::new(keep),
                Arc::new(show),
                Arc::new(Teller(tell.clone())),
                clock.clone(),
            );
            Ok(Arc::new(engine.context("[acme]")?))
        };
        let engine = config.acme.as_ref().map(open).transpose()?;
        Ok(Self {
            served: Arc::clone(served),
            is_files: config.tls.is_some(),
            engine,
            has_private_roots: config.acme.as_ref().is_some_and(|acme| {
                acme.settings
                    .authorities
                    .iter()
                    .any(|it| it.roots.is_some())
            }),
            wish: config.hsts,
            promise: Arc::default(),
            strict: std::sync::Mutex::default(),
            staples: staple::Staples::default(),
            news: std::sync::Mutex::new(Some(news)),
            tell,
            clock,
        })
    }

    /// What every answer of the doors tells browsers about HTTPS.
    pub(super) fn promise(&self) -> Arc<Promise> {
        Arc::clone(&self.promise)
    }

    /// Keeps the authority's certificate good and in use, and watches the end of the operator's own,
    /// until Redkeep stops.
    pub(super) fn spawn(self: &Arc<Self>, house: &House) {
        self.record_news(house);
        if let Some(engine) = self.engine.clone() {
            let stop = house.stop.clone();
            let (issued, mut certificate) = (self.served.issued(), engine.certificate());
            put(&issued, &mut certificate);
            let (desk, ends) = (Arc::clone(self), stop.clone());
            house.tasks.spawn(async move {
                while let Some(Ok(())) = ends.run_until_cancelled(certificate.changed()).await {
                    let fresh = certificate.borrow().clone();
                    if let Some(fresh) = &fresh {
                        desk.ask_before(fresh).await;
                    }
                    put(&issued, &mut certificate);
                    desk.show_again();
                }
            });
            house.tasks.spawn(async move { engine.run(stop).await });
        }
        let (desk, store, stop) = (Arc::clone(self), house.store.clone(), house.stop.clone());
        house.tasks.spawn(async move {
            let mut alarmed = ends::Alarmed::default();
            desk.begin_promise(&store).await;
            loop {
                desk.look_at_ends(&mut alarmed);
                desk.look_at_promise(&store).await;
                desk.look_at_staples().await;
                let pause = tokio::time::sleep(END_LOOK);
                if stop.run_until_cancelled(pause).await.is_none() {
                    return;
                }
            }
        });
    }

    fn record_news(&self, house: &House) {
        let news = self.news.lock().ok().and_then(|mut it| it.take());
        let Some(mut news) = news else { return };
        let (store, stop) = (house.store.clone(), house.stop.clone());
        house.tasks.spawn(async move {
            while let Some(Some(told)) = stop.run_until_cancelled(news.recv()).await {
                let (kind, detail) = recorded(told);
                let by = Actor::System;
                let noted = store.record(kind, &by, None, "certificate", detail).await;
                if let Err(error) = noted {
                    tracing::error!(%error, "news of the certificate could not be recorded");
                }
            }
        });
    }
}

/// Connections made from now on get it; those that are open notice nothing.
fn put(
    issued: &Issued,
    certificate: &mut tokio::sync::watch::Receiver<Option<Arc<acme::Certificate>>>,
) {
    let certificate = certificate.borrow_and_update();
    let pair = |it: &Arc<acme::Certificate>| (it.facts.names.clone(), it.certified.clone());
    issued.replace(certificate.as_ref().map(pair));
}

fn recorded(news: News) -> (EventKind, serde_json::Value) {
    match news {
        News::Issued { facts, server } => (
            EventKind::CertificateIssued,
            json!({
                "names": facts.names.join(" "),
                "issuer": facts.issuer,
                "server": server,
                "until": facts.not_after.to_string(),
            }),
        ),
        News::Failing {
            not_after,
            is_urgent,
            error,
        } => (
            EventKind::CertificateFailing,
            json!({
                "why": error,
                "until": not_after.map(|at| at.to_string()),
                "urgent": is_urgent,
            }),
        ),
    }
}

#[derive(Debug)]
struct Teller(mpsc::Sender<News>);

impl Tell for Teller {
    fn tell(&self, news: News) {
        if let Err(error) = self.0.try_send(news) {
            tracing::error!(%error, "news of the certificate are lost");
        }
    }
}

/// Shows proofs at the doors, or has the hook set them.
#[derive(Debug)]
struct Proofs {
    issued: Arc<Issued>,
    hook: Option<PathBuf>,
}

impl Proofs {
    async fn hook(&self, verb: &str, record: &str, value: &str) -> Result<(), String> {
        match &self.hook {
            Some(program) => hook::run(program, verb, record, value).await,
            None => Err("no hook is configured: name one with `hook` in [acme]".to_owned()),
        }
    }
}

impl Show for Proofs {
    fn present<'a>(&'a self, proof: &'a Proof) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            match proof {
                Proof::Http { token, answer } => self.issued.show_file(token, answer),
                Proof::Tls {
                    name,
                    server_name,
                    digest,
                } => {
                    let proof = Arc::new(alpn_certificate(name, digest)?);
                    self.issued.show_proof(server_name, proof);
                }
                Proof::Dns { record, value } => self.hook("present", record, value).await?,
            }
            Ok(())
        })
    }

    fn remove<'a>(&'a self, proof: &'a Proof) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            match proof {
                Proof::Http { token, .. } => self.issued.hide_file(token),
                Proof::Tls { server_name, .. } => self.issued.hide_proof(server_name),
                Proof::Dns { record, value } => self.hook("cleanup", record, value).await?,
            }
            Ok(())
        })
    }
}

impl Issuing for Desk {
    fn certificates(&self) -> Vec<CertificateState> {
        let asked = self.engine.as_ref().map(|engine| {
            let status = engine.status();
            CertificateState {
                source: "acme",
                names: status.names,
                issuer: status.issuer,
                not_after: status.not_after,
                next: status.next,
                error: status.error,
                error_at: status.error_at,
                is_ordering: status.is_ordering,
                stapled_until: self.stapled_until(staple::Whose::Authority),
            }
        });
        let facts = self.served.leaf().and_then(|leaf| acme::facts(&leaf).ok());
        let served = facts.map(|facts| CertificateState {
            source: if self.is_files { "files" } else { "own" },
            issuer: Some(facts.issuer.clone()),
            not_after: Some(facts.not_after),
            next: (!self.is_files).then(|| facts.third_left()),
            names: facts.names,
            error: self.served.trouble(),
            error_at: None,
            is_ordering: false,
            stapled_until: self.stapled_until(staple::Whose::Files),
        });
        asked.into_iter().chain(served).collect()
    }

    fn renew(&self) -> Result<(), String> {
        match &self.engine {
            Some(engine) => {
                engine.renew_now();
                Ok(())
            }
            None if self.is_files => Err("the certificate comes from your own files ([tls]): \
                                          replace them, and they are taken within seconds"
                .to_owned()),
            None => Err(
                "the certificate is Redkeep's own and renews itself; for one of a public \
                         authority add [acme] to redkeep.toml, see docs/certificates.md"
                    .to_owned(),
            ),
        }
    }

    fn strict_transport(&self) -> Option<StrictTransport> {
        Some(Self::strict_transport(self))
    }

    fn authority(&self) -> Option<AuthorityStatus> {
        self.served
            .authority()
            .map(|state| authority::status(&state))
    }

    fn rotate(&self, days: u16) -> Result<(), String> {
        let done = self.served.rotate(days);
        done.map_err(|error| error.to_string())
    }

    fn cancel_rotation(&self) -> Result<(), String> {
        let done = self.served.cancel_rotation();
        done.map_err(|error| error.to_string())
    }

    fn revoke(&self, serial: &str) -> Result<(), String> {
        let bytes = authority::serial(serial).ok_or_else(|| {
            format!("{serial:?} is no serial number: `redkeep ca show` lists them")
        })?;
        let done = self.served.revoke(&bytes);
        done.map_err(|error| error.to_string())
    }
}
