//! The one judgement: what a request is for, whether the rules let it in, whether the role covers
//! it. Asked by every request, again by live connections when the rules change, and by the
//! simulator, so that what it answers is what would happen.

use std::{net::IpAddr, sync::Arc, time::Duration};

use http::{Method, header};
use http_body_util::Limited;
use model::{
    access::Scope,
    id::{SessionId, TokenId, UserId},
    principal::{Principal, Via},
    rules::{Answer, Area, Decision, Facts, Outcome, Question, Shown, Verdict, Visitor},
};
use store::{Store, StoreError};
use tokio::sync::watch;

use super::{Denial, Gate, Inner, Visit};
use crate::{
    authorize::{self, Permit, Refusal},
    body::{Body, boxed},
    clients::Showing,
    identify::Known,
    route::{self, Class, Endpoints, Target},
};

/// How long the end of a trial is waited for in one piece: a clock can be set.
const WAIT: Duration = Duration::from_secs(30);
/// How soon it is looked again when the ledger failed.
const AGAIN: Duration = Duration::from_secs(1);

/// What a request stands on: enough to judge it again later.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) known: Option<Known>,
    target: Target,
    method: Method,
    is_upgrade: bool,
    pub(crate) address: IpAddr,
    showing: Option<Arc<Showing>>,
}

/// What is asked of the judgement.
pub(crate) struct Asking<'a> {
    principal: Option<&'a Principal>,
    target: &'a Target,
    method: &'a Method,
    is_upgrade: bool,
    address: IpAddr,
    shown: Arc<[Shown]>,
}

/// The judgement.
pub(crate) struct Judged {
    pub(crate) area: Area,
    pub(crate) decision: Decision,
    pub(crate) permit: Result<Permit, Refusal>,
}

impl Visit {
    /// What it stands on.
    pub(crate) fn standing(&self) -> Standing {
        Standing {
            known: self.known.clone(),
            target: self.target.clone(),
            method: self.request.method().clone(),
            is_upgrade: self.is_upgrade,
            address: self.peer.address().ip(),
            showing: self.peer.showing().cloned(),
        }
    }
}

impl Standing {
    /// Tells when a certificate behind it may be judged otherwise; none: there is none.
    pub(crate) fn certificate_changes(&self) -> Option<watch::Receiver<u64>> {
        self.showing.as_ref().map(|it| it.changes())
    }

    pub(crate) fn asking(&self) -> Asking<'_> {
        Asking {
            principal: self.known.as_ref().map(|known| &known.principal),
            target: &self.target,
            method: &self.method,
            is_upgrade: self.is_upgrade,
            address: self.address,
            shown: self
                .showing
                .as_ref()
                .map_or_else(Arc::default, |it| it.now()),
        }
    }
}

impl Inner {
    /// Judges.
    pub(crate) async fn judge(&self, asking: &Asking<'_>) -> Result<Judged, StoreError> {
        let endpoints = self.outline.endpoints().await?;
        let policy = self.outline.policy().await?;
        let rules = self.outline.rules().await?;
        let is_allowed = |method: &str, path: &str| {
            let mut routes = policy.allowed_routes.iter();
            routes.any(|route| route.method == method && route.path.eq_ignore_ascii_case(path))
        };
        // An extended CONNECT (RFC 8441) is the GET that HTTP/1.1 would have sent.
        let method = if asking.is_upgrade {
            &Method::GET
        } else {
            asking.method
        };
        let target = asking.target;
        let class = route::classify(method, asking.is_upgrade, target, &endpoints, is_allowed);
        let area = area(&class, &endpoints, target);
        let facts = Facts {
            instance: Some(&self.config.instance),
            address: asking.address,
            area,
            segments: target.segments(),
            method: method.as_str(),
            principal: asking.principal,
            shown: &asking.shown,
        };
        let decision = rules.decide(&facts, &policy.public_paths);
        let permit = authorize::authorize(class, asking.principal, &decision);
        Ok(Judged {
            area,
            decision,
            permit,
        })
    }

    /// Lays the bounds of the rule that let a request in on it.
    pub(super) fn bound(
        &self,
        visit: &mut Visit,
        permit: &Permit,
        body: Body,
    ) -> Result<Body, Denial> {
        let bounds = permit.bounds();
        let Some(place) = permit.rule() else {
            return Ok(body);
        };
        let key = || (place, visit.asker());
        if let Some(a_minute) = bounds.requests_a_minute
            && !self.rates.admit(key(), a_minute, self.store.clock().now())
        {
            return Err(Denial::TooFast);
        }
        if let Some(max) = bounds.at_once {
            let held = self.ruled.take(key(), max.get().into());
            visit.ruled = Some(held.ok_or(Denial::TooMany)?.into());
        }
        let Some(max) = bounds.body_bytes.map(std::num::NonZeroU64::get) else {
            return Ok(body);
        };
        let said = visit.request.headers().get(header::CONTENT_LENGTH);
        let said = said.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if said.is_some_and(|length| length > max) {
            return Err(Denial::TooLarge { max });
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        Ok(boxed(Limited::new(body, max)))
    }
}

impl Inner {
    /// Has clients asked for certificates as long as a rule names one here. Never ends.
    pub(super) async fn watch_certificates(&self) {
        let mut changes = self.store.rules_changes();
        loop {
            changes.mark_unchanged();
            let wait = match self.outline.rules().await {
                Ok(rules) => {
                    let is_wanted = rules.asks_for_certificates(&self.config.instance);
                    if let Some(asking) = self.asking.get() {
                        asking.want(is_wanted);
                    }
                    WAIT
                }
                Err(error) => {
                    tracing::error!(%error, "whether rules name certificates could not be read");
                    AGAIN
                }
            };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

fn area(class: &Class, endpoints: &Endpoints, target: &Target) -> Area {
    match class {
        Class::Page | Class::Comms | Class::Login(_) => Area::Editor,
        Class::Asset => Area::Files,
        Class::Own(_) => Area::SignIn,
        Class::Endpoint => endpoints.area(target),
        Class::Read(_)
        | Class::Change(_)
        | Class::Effect(_)
        | Class::Write(_)
        | Class::History
        | Class::UnknownRead
        | Class::Unknown
        | Class::Allowed
        | Class::Never(_) => Area::AdminApi,
    }
}

impl Gate {
    /// What would come of a request, without anything being done, counted or recorded.
    pub async fn would(&self, question: &Question) -> Result<Answer, StoreError> {
        let principal = question.who.map(someone);
        let before = |why: String| Answer {
            outcome: Outcome::Refused,
            by: None,
            area: None,
            why,
            bounds: model::rules::Bounds::default(),
        };
        let Ok(method) = Method::from_bytes(question.method.as_bytes()) else {
            return Ok(before("this is no method".to_owned()));
        };
        let uri = question.path.parse().map_err(|_| ());
        let target = match uri.map(|uri: http::Uri| Target::parse(&uri)) {
            Ok(Ok(target)) => target,
            Ok(Err(error)) => return Ok(before(error.to_string())),
            Err(()) => return Ok(before("this is no address".to_owned())),
        };
        let shown = question.shown().into();
        let asking = Asking {
            principal: principal.as_ref(),
            target: &target,
            method: &method,
            is_upgrade: question.websocket,
            address: question.from,
            shown,
        };
        let judged = self.0.judge(&asking).await?;
        let (outcome, why) = match &judged.permit {
            Ok(_) if judged.decision.verdict == Verdict::Open => {
                let why = if question.certificate.is_some() {
                    "it is open to everybody, or to this certificate"
                } else {
                    "it is open to everybody"
                };
                (Outcome::Allowed, signed(why, &judged.decision))
            }
            Ok(_) => {
                let why = signed("their role covers it", &judged.decision);
                (Outcome::Allowed, why)
            }
            Err(Refusal::NotIdentified) => (Outcome::LogIn, "nobody is logged in".to_owned()),
            Err(refusal) => (Outcome::Refused, refusal.to_string()),
        };
        Ok(Answer {
            outcome,
            by: Some(judged.decision.by),
            area: Some(judged.area),
            why,
            bounds: judged.decision.bounds,
        })
    }
}

/// What is asked for besides.
fn signed(why: &str, decision: &Decision) -> String {
    match &decision.signed_by {
        Some(signed_by) => format!("{why}, if it is {signed_by}"),
        None => why.to_owned(),
    }
}

/// Somebody made up, who holds what a real one of that role would.
fn someone(visitor: Visitor) -> Principal {
    Principal {
        user: UserId(0),
        name: "somebody".parse().expect("a plain name"),
        role: visitor.role,
        via: if visitor.token {
            Via::Token {
                token: TokenId(0),
                scopes: vec![Scope::Admin],
            }
        } else {
            Via::GateSession {
                session: SessionId(0),
            }
        },
    }
}

/// Writes down the end of trials when they end, so that live connections hear of it.
pub(super) async fn end_trials(store: &Store) {
    let mut changes = store.rules_changes();
    loop {
        changes.mark_unchanged();
        let left = match end_trial(store).await {
            Ok(left) => left,
            Err(error) => {
                tracing::error!(%error, "the end of a trial of rules could not be looked for");
                AGAIN
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(left) => {}
        }
    }
}

/// Ends the trial that is over, if one is; how long until the next look.
async fn end_trial(store: &Store) -> Result<Duration, StoreError> {
    store.settle_access_rules().await?;
    let trial = store.access_rules().await?.trial;
    Ok(trial.map_or(WAIT, |trial| {
        let left = trial.undo_at.0.saturating_sub(store.clock().now().0);
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(WAIT)
    }))
}
