//! The doors' certificates from an authority: shown proofs, told news, and what people see of it.

mod hook;

use std::{path::PathBuf, sync::Arc, time::Duration};

use acme::{Boxed, Engine, Folder, News, Proof, Show, Tell, alpn_certificate};
use anyhow::Context as _;
use console::{CertificateState, Issuing};
use gate::{Certificates, Issued};
use model::{audit::EventKind, clock::Clock, principal::Actor};
use serde_json::json;
use tokio::sync::mpsc;

use super::House;
use crate::config::{Config, acme::Acme};

/// How often the end of the operator's certificate is looked at.
const END_LOOK: Duration = Duration::from_mins(1);
/// News that wait to be recorded; there are some a month.
const NEWS_MAX: usize = 64;

/// What is served, and what asks for better.
#[derive(Debug)]
pub(super) struct Desk {
    served: Arc<Certificates>,
    is_files: bool,
    engine: Option<Arc<Engine>>,
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
            news: std::sync::Mutex::new(Some(news)),
            tell,
            clock,
        })
    }

    /// Keeps the authority's certificate good and in use, and watches the end of the operator's own,
    /// until Redkeep stops.
    pub(super) fn spawn(self: &Arc<Self>, house: &House) {
        self.record_news(house);
        let stop = house.stop.clone();
        if let Some(engine) = self.engine.clone() {
            let (issued, mut certificate) = (self.served.issued(), engine.certificate());
            put(&issued, &mut certificate);
            let ends = stop.clone();
            house.tasks.spawn(async move {
                while let Some(Ok(())) = ends.run_until_cancelled(certificate.changed()).await {
                    put(&issued, &mut certificate);
                }
            });
            house.tasks.spawn(async move { engine.run(stop).await });
        } else if self.is_files {
            let desk = Arc::clone(self);
            house.tasks.spawn(async move {
                let mut alarmed = (None, 0);
                loop {
                    desk.look_at_end(&mut alarmed);
                    let pause = tokio::time::sleep(END_LOOK);
                    if stop.run_until_cancelled(pause).await.is_none() {
                        return;
                    }
                }
            });
        }
    }

    /// Alarms once when a third, and once when a tenth of the life of the operator's certificate is
    /// left. `alarmed`: for which leaf, and how often.
    fn look_at_end(&self, alarmed: &mut (Option<Vec<u8>>, u8)) {
        let Some(leaf) = self.served.leaf() else {
            return;
        };
        let Ok(facts) = acme::facts(&leaf) else {
            return;
        };
        if alarmed.0.as_deref() != Some(&*leaf) {
            *alarmed = (Some(leaf.to_vec()), 0);
        }
        let left = facts.left(self.clock.now());
        let urgency = u8::from(left < 1.0 / 3.0) + u8::from(left < 0.1);
        if urgency <= alarmed.1 {
            return;
        }
        alarmed.1 = urgency;
        let trouble = self.served.trouble();
        Teller(self.tell.clone()).tell(News::Failing {
            not_after: Some(facts.not_after),
            is_urgent: urgency > 1,
            error: trouble.unwrap_or_else(|| {
                "the files of [tls] hold a certificate that ends soon: put a new one in their place"
                    .to_owned()
            }),
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
}
