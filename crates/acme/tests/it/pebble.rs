//! Pebble as an authority, and an engine that asks it.

use std::{path::Path, sync::Arc, time::Duration};

use acme::{Authority, Engine, ExternalAccount, Folder, Method, News, Settings, Show, Tell};
use model::clock::{FixedClock, Timestamp};
pub(crate) use testkit::pebble::{MAC, Pebble};

use crate::shown::Shown;

/// Longer than anything here takes.
pub(crate) const BOUND: Duration = Duration::from_mins(2);

/// The server as an authority, at another port when something stands before it.
pub(crate) fn authority(pebble: &Pebble, port: u16) -> Authority {
    Authority {
        directory: format!("https://127.0.0.1:{port}/dir"),
        roots: Some(vec![pebble.root.clone()]),
        external_account: None,
        profile: None,
    }
}

/// Remembers what people were told.
#[derive(Debug, Default)]
pub(crate) struct Told(pub(crate) std::sync::Mutex<Vec<News>>);

impl Tell for Told {
    fn tell(&self, news: News) {
        self.0.lock().unwrap().push(news);
    }
}

/// An engine in `dir`, and what belongs to it.
pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) told: Arc<Told>,
    pub(crate) clock: Arc<FixedClock>,
}

pub(crate) fn settings(names: &[&str], method: Method, authorities: Vec<Authority>) -> Settings {
    Settings {
        names: names.iter().map(|name| name.parse().unwrap()).collect(),
        method,
        contact: vec!["mailto:keep@plant.example".to_owned()],
        authorities,
    }
}

pub(crate) fn external_account() -> ExternalAccount {
    ExternalAccount {
        key_id: "kid-1".to_owned(),
        key: data_encoding::BASE64URL_NOPAD
            .decode(MAC.as_bytes())
            .unwrap()
            .into(),
    }
}

impl Bench {
    pub(crate) fn new(dir: &Path, settings: Settings, shown: &Arc<Shown>) -> Self {
        Self::showing(dir, settings, shown.clone())
    }

    pub(crate) fn showing(dir: &Path, settings: Settings, show: Arc<dyn Show>) -> Self {
        let clock = Arc::new(FixedClock::new(Timestamp(
            jiff::Timestamp::now().as_millisecond(),
        )));
        let told = Arc::new(Told::default());
        let engine = Engine::open(
            settings,
            Arc::new(Folder::open(dir).unwrap()),
            show,
            told.clone(),
            clock.clone(),
        );
        Self {
            engine: Arc::new(engine.unwrap()),
            told,
            clock,
        }
    }

    /// One look, bounded.
    pub(crate) async fn look(&self) {
        tokio::time::timeout(BOUND, self.engine.look())
            .await
            .expect("a look ends");
    }

    /// The names of the certificate in use.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        let current = self.engine.certificate().borrow().clone();
        current.map(|it| it.facts.names.clone())
    }

    pub(crate) fn error(&self) -> String {
        self.engine.status().error.unwrap_or_default()
    }
}
