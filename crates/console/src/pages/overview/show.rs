//! The overview.

use askama::Template;
use axum::{extract::State, response::Html};
use model::{
    access::Permission,
    audit::{Entry, EventKind},
    clock::Timestamp,
    deployment::Deployment,
    id::InstanceId,
    instance::{ApplyPolicy, OwnChanges},
};
use runtime::status::{InstanceStatus, Phase};
use store::AuditFilter;

use crate::{
    App, CertificateState, MailState,
    pages::deployments::view::Card,
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Icon, Moment, Pill, counted, sentence, shown},
};

const OPEN_MAX: u32 = 20;
const RECENT_READ: u32 = 40;
const RECENT_SHOWN: usize = 6;
/// How long an attempt on many accounts stays on the overview: a day.
const SPRAYING_SHOWN_SECONDS: i64 = 24 * 3600;

#[derive(Template)]
#[template(path = "overview/show.html")]
pub(crate) struct OverviewPage {
    pub(crate) shell: Shell,
    pub(crate) needs: Vec<Need>,
    pub(crate) open: Vec<Card>,
    pub(crate) instances: Vec<InstanceCard>,
    pub(crate) recent: Vec<Card>,
}

/// Something a person should do, beside the queue.
pub(crate) struct Need {
    pub(crate) tone: &'static str,
    pub(crate) icon: Icon,
    pub(crate) text: String,
    pub(crate) detail: String,
    pub(crate) path: String,
    pub(crate) action: &'static str,
}

/// An instance and how it is.
pub(crate) struct InstanceCard {
    pub(crate) id: String,
    pub(crate) gate: Option<String>,
    pub(crate) pill: Pill,
    pub(crate) since: Option<Moment>,
    pub(crate) reason: String,
    pub(crate) versions: String,
    pub(crate) starts: u32,
    pub(crate) layers: Vec<Layer>,
    pub(crate) is_walled: bool,
    pub(crate) policy: &'static str,
    pub(crate) baseline: String,
    pub(crate) nodes: usize,
}

pub(crate) struct Layer {
    pub(crate) name: String,
    pub(crate) pill: Pill,
    pub(crate) note: String,
}

impl InstanceCard {
    pub(crate) fn new(
        id: &InstanceId,
        gate: Option<&str>,
        status: Option<&InstanceStatus>,
        now: Timestamp,
    ) -> Self {
        let (pill, reason) = match status.map(|status| &status.phase) {
            None => (
                Pill::new("quiet", "minus", "Not run by this process"),
                String::new(),
            ),
            Some(phase) => phase_pill(phase),
        };
        let partly = status.is_some_and(|status| status.flows_run);
        let pill = match status.map(|status| &status.phase) {
            Some(Phase::Degraded { .. }) if partly => {
                Pill::new("warn", "triangle", "Runs, but not all of it")
            }
            _ => pill,
        };
        let drift = status.and_then(|status| status.drift.as_ref());
        let (pill, reason) = match drift {
            None => (pill, reason),
            Some(drift) => (
                Pill::new("bad", "octagon", "Differs from the baseline"),
                drift.what.clone(),
            ),
        };
        let layers = status.into_iter().flat_map(|status| &status.enforcement);
        let layers: Vec<_> = layers
            .map(|layer| Layer {
                name: layer.layer.clone(),
                pill: match layer.state.as_str() {
                    "enforced" => Pill::new("good", "check", "enforced"),
                    "partial" => Pill::new("warn", "triangle", "partly"),
                    _ => Pill::new("warn", "triangle", "missing"),
                },
                note: shown(&layer.note),
            })
            .collect();
        let is_walled = status.is_some_and(|s| s.enforcement.iter().all(|l| l.state == "enforced"));
        Self {
            id: id.to_string(),
            gate: gate.map(str::to_owned),
            pill,
            since: status.map(|status| Moment::new(status.since, now)),
            reason: shown(&reason),
            versions: status.map_or_else(String::new, |status| {
                let memory = match status.memory.as_str() {
                    "" => String::new(),
                    memory => format!(" · at most {memory}"),
                };
                format!(
                    "Node-RED {} · Node.js {}{memory}",
                    status.node_red, status.node
                )
            }),
            starts: status.map_or(0, |status| status.starts),
            layers,
            is_walled,
            policy: "",
            baseline: String::new(),
            nodes: 0,
        }
    }
}

fn phase_pill(phase: &Phase) -> (Pill, String) {
    match phase {
        Phase::Stopped => (Pill::new("quiet", "minus", "Stopped"), String::new()),
        Phase::Starting => (Pill::new("look", "arrow", "Starting"), String::new()),
        Phase::Ready => (Pill::new("good", "check", "Running"), String::new()),
        Phase::Degraded { reason } => (
            Pill::new("warn", "triangle", "Flows do not run"),
            reason.clone(),
        ),
        Phase::BackingOff { reason, .. } => (
            Pill::new("warn", "clock", "Starts again soon"),
            reason.clone(),
        ),
        Phase::CrashLoop { reason } => (
            Pill::new("bad", "octagon", "Stopped: crashes again and again"),
            reason.clone(),
        ),
        Phase::Refused { reason } => (
            Pill::new("bad", "octagon", "Not started: the jail does not hold"),
            reason.clone(),
        ),
    }
}

/// `GET /`.
pub(crate) async fn page(State(app): State<App>, by: SignedIn) -> Result<Html<String>, PageError> {
    let shell = Shell::new(&app, &by, "overview", "Overview").await?;
    let mut needs = Vec::new();
    let (mut open, mut recent) = (Vec::new(), Vec::new());
    if let (Some(issuing), true) = (&app.issuing, by.may(Permission::Administer)) {
        let certificates = issuing.certificates();
        needs.extend(certificates.iter().filter_map(certificate_need));
    }
    if by.may(Permission::Administer) {
        let filter = AuditFilter {
            kind: Some(EventKind::LoginSprayed),
            since: Some(shell.now.plus_seconds(-SPRAYING_SHOWN_SECONDS)),
            limit: 1,
            ..AuditFilter::default()
        };
        let sprayed = app.store.audit(&filter).await?;
        needs.extend(sprayed.first().map(spraying_need));
    }
    if let (Some(post), true) = (&app.post, by.may(Permission::ReadQueue)) {
        needs.extend(mail_need(&post.state().await));
    }
    if by.may(Permission::ReadQueue) {
        for deployment in app.store.deployments(None, true, OPEN_MAX).await? {
            open.push(Card::new(&app, &by, &shell, &deployment).await);
        }
        let all = app.store.deployments(None, false, RECENT_READ).await?;
        let emergencies = app.store.emergencies_to_review().await?;
        needs.extend(emergencies.iter().filter_map(emergency));
        let closed = all.iter().filter(|deployment| !deployment.state.is_open());
        for deployment in closed.take(RECENT_SHOWN) {
            recent.push(Card::new(&app, &by, &shell, deployment).await);
        }
    }
    let mut instances = Vec::new();
    for instance in app.store.instances().await? {
        let id = &instance.id;
        let status = app
            .workshop
            .as_ref()
            .and_then(|workshop| workshop.status(id));
        let mut card = InstanceCard::new(id, app.addresses.gate(id), status.as_ref(), shell.now);
        card.policy = policy_words(instance.policy.apply, instance.policy.own_changes);
        if let Some(baseline) = app.store.baseline(id).await? {
            card.baseline = baseline.baseline.hash().short();
            card.nodes = model::flow::Flows::from_canonical(baseline.flows).map_or(0, |f| f.len());
        }
        needs.extend(phase_need(id, status.as_ref()));
        needs.extend(drift_need(id, status.as_ref()));
        needs.extend(damage_need(id, status.as_ref()));
        if by.may(Permission::Administer) {
            let refused = app.store.refused_routes(id).await?.len();
            needs.extend((refused > 0).then(|| refused_need(id, refused)));
        }
        instances.push(card);
    }
    render(&OverviewPage {
        shell,
        needs,
        open,
        instances,
        recent,
    })
}

pub(crate) fn policy_words(apply: ApplyPolicy, own: OwnChanges) -> &'static str {
    match (apply, own) {
        (ApplyPolicy::Automatic, _) => "development: applied at once",
        (ApplyPolicy::Reviewed, OwnChanges::FourEyes) => "every change reviewed, four eyes",
        (ApplyPolicy::Reviewed, OwnChanges::Allowed) => "every change reviewed",
    }
}

fn emergency(deployment: &Deployment) -> Option<Need> {
    let emergency = deployment.emergency.as_ref()?;
    Some(Need {
        tone: "warn",
        icon: Icon("triangle"),
        text: format!(
            "Emergency deployment {} was applied before review",
            deployment.id
        ),
        detail: shown(&emergency.reason),
        path: format!("/deployments/{}", deployment.id),
        action: "Look at it",
    })
}

fn phase_need(id: &InstanceId, status: Option<&InstanceStatus>) -> Option<Need> {
    let (text, reason, path) = match &status?.phase {
        Phase::CrashLoop { reason } => (
            format!("{id} was stopped: it crashes again and again"),
            reason,
            "/settings",
        ),
        Phase::Refused { reason } => (
            format!("{id} was not started: its jail does not hold"),
            reason,
            "/settings",
        ),
        Phase::Degraded { reason } if status?.flows_run => {
            (format!("Not all flows of {id} started"), reason, "/logs")
        }
        Phase::Degraded { reason } => (format!("The flows of {id} do not run"), reason, "/logs"),
        Phase::Stopped | Phase::Starting | Phase::Ready | Phase::BackingOff { .. } => return None,
    };
    Some(Need {
        tone: "bad",
        icon: Icon("octagon"),
        text,
        detail: shown(reason),
        path: format!("{path}?instance={id}"),
        action: if path == "/logs" {
            "Read the log"
        } else {
            "Open settings"
        },
    })
}

fn drift_need(id: &InstanceId, status: Option<&InstanceStatus>) -> Option<Need> {
    let drift = status?.drift.as_ref()?;
    Some(Need {
        tone: "bad",
        icon: Icon("octagon"),
        text: format!("{id} runs something nobody approved"),
        detail: shown(&drift.what),
        path: format!("/settings?instance={id}#restart-{id}"),
        action: "Restart from the baseline",
    })
}

fn damage_need(id: &InstanceId, status: Option<&InstanceStatus>) -> Option<Need> {
    let damage = status?.damage.as_ref()?;
    Some(Need {
        tone: "bad",
        icon: Icon("octagon"),
        text: format!("Node-RED's files of {id} were changed on disk"),
        detail: format!(
            "{}. Find out who could write there. Stopping and starting Redkeep puts them back.",
            shown(&damage.what)
        ),
        path: "/record?kind=disk-drift".to_owned(),
        action: "Read the record",
    })
}

fn mail_need(mail: &MailState) -> Option<Need> {
    let trouble = mail.trouble.as_ref()?;
    Some(Need {
        tone: "warn",
        icon: Icon("triangle"),
        text: match mail.waiting {
            0 => "The mail server does not work".to_owned(),
            waiting => format!(
                "{} to be sent",
                match waiting {
                    1 => "1 mail waits".to_owned(),
                    more => format!("{more} mails wait"),
                }
            ),
        },
        detail: sentence(&shown(trouble)),
        path: "/account#mail-title".to_owned(),
        action: "See your mails",
    })
}

fn certificate_need(certificate: &CertificateState) -> Option<Need> {
    let error = certificate.error.as_ref()?;
    let names = shown(&certificate.names.join(", "));
    Some(Need {
        tone: "warn",
        icon: Icon("triangle"),
        text: match &certificate.issuer {
            Some(_) => format!("The certificate for {names} was not renewed"),
            None => format!("There is no certificate for {names} yet"),
        },
        detail: sentence(&shown(error)),
        path: "/settings#certificates".to_owned(),
        action: "See the certificates",
    })
}

fn spraying_need(entry: &Entry) -> Need {
    let what = entry.event.detail.get("what").and_then(|it| it.as_str());
    Need {
        tone: "warn",
        icon: Icon("triangle"),
        text: "Somebody tried passwords with many names".to_owned(),
        detail: sentence(&shown(what.unwrap_or_default())),
        path: "/record?kind=login-sprayed".to_owned(),
        action: "See from where",
    }
}

fn refused_need(id: &InstanceId, count: usize) -> Need {
    Need {
        tone: "look",
        icon: Icon("info"),
        text: format!("{} of nodes refused on {id}", counted(count, "admin route")),
        detail: "A node's editor page asked for something no rule knows.".to_owned(),
        path: format!("/settings?instance={id}#routes"),
        action: "Look and allow",
    }
}
