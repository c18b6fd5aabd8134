//! An instance's rules, the routes its nodes were refused, and the root certificate.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::{
    access::Permission,
    clock::Timestamp,
    id::InstanceId,
    instance::{
        ApplyPolicy, Emergencies, Instance, Network, OwnChanges, RehearsalPolicy, Together,
    },
};

use crate::{
    App, AuthorityStatus, CertificateState,
    pages::{Asked, instance_id},
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, shown},
};

#[derive(Template)]
#[template(path = "settings/show.html")]
pub(super) struct SettingsPage {
    shell: Shell,
    instances: Vec<Rules>,
    certificates: Vec<Served>,
    authority: Option<Own>,
    origin: String,
}

/// A certificate of the doors.
struct Served {
    names: String,
    issuer: String,
    until: String,
    next: String,
    why: String,
}

impl Served {
    fn new(state: &CertificateState, now: Timestamp) -> Self {
        let at = |at: Option<Timestamp>| {
            at.map_or_else(String::new, |at| Moment::new(at, now).exact().to_owned())
        };
        let issuer = state.issuer.as_deref();
        Self {
            names: shown(&state.names.join(", ")),
            issuer: shown(issuer.unwrap_or("none yet: Redkeep's own serves meanwhile")),
            until: at(state.not_after),
            next: at(state.next),
            why: state.error.as_deref().map(shown).unwrap_or_default(),
        }
    }
}

/// Our own authority.
struct Own {
    fingerprint: String,
    may_change: bool,
    until: String,
    is_key_here: bool,
    issuing_until: String,
    /// The fingerprint of the root before, and until when it is good.
    old: Option<(String, String)>,
    issued: Vec<OwnLeaf>,
}

struct OwnLeaf {
    serial: String,
    short: String,
    until: String,
    is_revoked: bool,
}

impl Own {
    fn new(state: &AuthorityStatus, by: &SignedIn, now: Timestamp) -> Self {
        let at = |at: Timestamp| Moment::new(at, now).exact().to_owned();
        let old = state.old_root.as_ref().zip(state.both_until);
        let may_change = by.may(Permission::Administer);
        let issued = state.issued.iter().filter(|_| may_change);
        let issued = issued.map(|leaf| OwnLeaf {
            serial: leaf.serial.clone(),
            short: leaf.serial.chars().take(8).collect(),
            until: at(leaf.until),
            is_revoked: leaf.revoked.is_some(),
        });
        Self {
            fingerprint: state.root.readable(),
            may_change,
            until: at(state.root.until),
            is_key_here: state.is_root_key_here,
            issuing_until: at(state.issuing_until),
            old: old.map(|(root, until)| (root.readable(), at(until))),
            issued: issued.collect(),
        }
    }
}

/// One instance's form.
struct Rules {
    id: String,
    node_red: &'static str,
    form: PolicyForm,
    allowed: Vec<Route>,
    refused: Vec<Route>,
    error: Option<String>,
}

/// The policy as its form has it.
#[derive(Debug, Clone)]
pub(super) struct PolicyForm {
    pub(super) is_automatic: bool,
    pub(super) is_four_eyes: bool,
    /// An approval is signed with a touch of a passkey.
    pub(super) asks_touch: bool,
    /// `allowed`, `administrators` or `never`.
    pub(super) emergencies: &'static str,
    /// `notes`, `plain` or `never`.
    pub(super) together: &'static str,
    /// `off`, `shown` or `required`.
    pub(super) rehearsal: &'static str,
    /// `any`, `ports` or `none`.
    pub(super) network: &'static str,
    pub(super) ports: String,
    pub(super) commands: String,
    pub(super) public_paths: String,
    /// Empty: the default.
    pub(super) memory: String,
    /// Empty: no limit.
    pub(super) cpu_percent: String,
    /// One a line, as [`model::instance::Demand`] is written.
    pub(super) demands: String,
}

struct Route {
    method: String,
    path: String,
    count: i64,
    last: Option<Moment>,
}

impl PolicyForm {
    fn of(instance: &Instance) -> Self {
        let policy = &instance.policy;
        let (network, ports) = match &policy.network {
            Network::Any => ("any", String::new()),
            Network::Ports(ports) => (
                "ports",
                ports
                    .iter()
                    .map(u16::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            ),
            Network::None => ("none", String::new()),
        };
        Self {
            is_automatic: policy.apply == ApplyPolicy::Automatic,
            asks_touch: policy.touch,
            is_four_eyes: policy.own_changes == OwnChanges::FourEyes,
            emergencies: match policy.emergencies {
                Emergencies::Allowed => "allowed",
                Emergencies::Administrators => "administrators",
                Emergencies::Never => "never",
            },
            together: match policy.together {
                Together::Notes => "notes",
                Together::Plain => "plain",
                Together::Never => "never",
            },
            rehearsal: match policy.rehearsal {
                RehearsalPolicy::Off => "off",
                RehearsalPolicy::Shown => "shown",
                RehearsalPolicy::Required => "required",
            },
            network,
            ports,
            commands: policy.commands.join("\n"),
            public_paths: policy.public_paths.join("\n"),
            memory: policy.memory.map_or_else(String::new, |it| it.to_string()),
            cpu_percent: policy
                .cpu_percent
                .map_or_else(String::new, |it| it.to_string()),
            demands: {
                let lines = policy.demands.iter().map(ToString::to_string);
                lines.collect::<Vec<_>>().join("\n")
            },
        }
    }
}

/// What a form brought back.
pub(super) struct Again {
    pub(super) instance: InstanceId,
    pub(super) form: PolicyForm,
    pub(super) error: String,
}

fn notice(done: Option<&String>) -> Option<&'static str> {
    match done.map(String::as_str) {
        Some("authority") => Some("Done: the authority says below how it stands."),
        Some("policy") => Some(
            "Saved. Rules of the gate and the queue hold at once; network, commands, memory and processor time from the next start of Node-RED.",
        ),
        Some("route") => Some("Saved. The gate knows it from the next request on."),
        Some("restart") => Some("Node-RED was started anew."),
        _ => None,
    }
}

/// `GET /settings?instance=`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    let chosen = instance_id(asked.get("instance").map(String::as_str))?;
    let mut page = build(&app, &by, chosen.as_ref(), None).await?;
    page.shell = page.shell.with_notice(notice(asked.get("done")));
    render(&page)
}

pub(super) async fn build(
    app: &App,
    by: &SignedIn,
    chosen: Option<&InstanceId>,
    mut again: Option<Again>,
) -> Result<SettingsPage, PageError> {
    let shell = Shell::new(app, by, "settings", "Settings")
        .await?
        .on(chosen);
    let mut instances = Vec::new();
    let all = if by.may(Permission::Administer) {
        app.store.instances().await?
    } else {
        Vec::new()
    };
    for instance in all
        .iter()
        .filter(|i| chosen.is_none_or(|chosen| *chosen == i.id))
    {
        let again = again.take_if(|again| again.instance == instance.id);
        let refused = app.store.refused_routes(&instance.id).await?;
        let (form, error) = match again {
            Some(again) => (again.form, Some(again.error)),
            None => (PolicyForm::of(instance), None),
        };
        instances.push(Rules {
            id: instance.id.to_string(),
            node_red: instance.node_red.as_str(),
            form,
            error,
            allowed: instance
                .policy
                .allowed_routes
                .iter()
                .map(|route| Route {
                    method: shown(&route.method),
                    path: shown(&route.path),
                    count: 0,
                    last: None,
                })
                .collect(),
            refused: refused
                .into_iter()
                .map(|refused| Route {
                    method: shown(&refused.route.method),
                    path: shown(&refused.route.path),
                    count: refused.count,
                    last: Some(shell.moment(refused.last_at)),
                })
                .collect(),
        });
    }
    let issuing = app
        .issuing
        .as_ref()
        .filter(|_| by.may(Permission::Administer));
    let states = issuing.map(|issuing| issuing.certificates());
    let states = states.unwrap_or_default();
    let certificates = states.iter().map(|it| Served::new(it, shell.now));
    let authority = app.issuing.as_ref().and_then(|it| it.authority());
    let authority = authority.map(|state| Own::new(&state, by, shell.now));
    Ok(SettingsPage {
        authority,
        certificates: certificates.collect(),
        shell,
        instances,
        origin: app.addresses.console_origin.clone(),
    })
}
