//! Every component in every state, for developers and for screenshots. Holds no data.

use askama::Template;
use axum::{extract::State, response::Html};
use model::{
    clock::Timestamp,
    deployment::State as Stands,
    flow::{
        change::{Language, PropertyChange},
        finding::Severity,
    },
    id::{DeploymentId, Hash, InstanceId},
    principal::Actor,
};
use runtime::status::{InstanceStatus, LayerStatus, Phase};

use crate::{
    App,
    compare::{Body, Budget, Comparison, Part, compare},
    pages::overview::show::InstanceCard,
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Pill, severity_pill, state_pill},
};

#[derive(Template)]
#[template(path = "components.html")]
struct ComponentsPage {
    shell: Shell,
    states: Vec<Pill>,
    severities: Vec<Pill>,
    instances: Vec<InstanceCard>,
    properties: Vec<Comparison>,
    change: NoChange,
}

/// Stands in for a change in links of the comparison.
struct NoChange {
    id: &'static str,
    at: usize,
}

/// `GET /components`.
pub(crate) async fn page(State(app): State<App>, by: SignedIn) -> Result<Html<String>, PageError> {
    let shell = Shell::new(&app, &by, "components", "Components").await?;
    let now = shell.now;
    let mut shell = shell.with_notice(Some("Something was done, and this says so once."));
    shell.waiting = 3;
    render(&ComponentsPage {
        states: states(now).iter().map(state_pill).collect(),
        severities: [Severity::Danger, Severity::Warning, Severity::Note]
            .map(severity_pill)
            .into(),
        instances: phases(now)
            .into_iter()
            .map(|phase| InstanceCard::new(&sample_id(), None, Some(&status(phase, now)), now))
            .collect(),
        properties: properties(),
        change: NoChange {
            id: "sample",
            at: 0,
        },
        shell,
    })
}

fn sample_id() -> InstanceId {
    "pump-house-3".parse().expect("a valid instance name")
}

fn states(at: Timestamp) -> Vec<Stands> {
    let result = Hash::of(b"sample");
    let reason = "a reason".to_owned();
    vec![
        Stands::Pending,
        Stands::InReview,
        Stands::Approved {
            by: Actor::System,
            at,
            result,
        },
        Stands::Applying {
            since: at,
            result,
            approved_by: None,
        },
        Stands::Applied {
            at,
            baseline: result,
        },
        Stands::Rejected {
            by: Actor::System,
            at,
            reason: reason.clone(),
        },
        Stands::Withdrawn { at },
        Stands::Superseded {
            at,
            by: DeploymentId(2),
        },
        Stands::Stale { at },
        Stands::Failed { at, reason },
    ]
}

fn phases(now: Timestamp) -> Vec<Phase> {
    let reason = "Cannot find module 'node-red-contrib-modbus'".to_owned();
    vec![
        Phase::Ready,
        Phase::Starting,
        Phase::Degraded {
            reason: reason.clone(),
        },
        Phase::BackingOff {
            reason: reason.clone(),
            until: now.plus_seconds(20),
        },
        Phase::CrashLoop {
            reason: reason.clone(),
        },
        Phase::Refused {
            reason: "the jail could read the master key".to_owned(),
        },
        Phase::Stopped,
    ]
}

fn status(phase: Phase, now: Timestamp) -> InstanceStatus {
    let layer = |layer: &str, state: &str, note: &str| LayerStatus {
        layer: layer.to_owned(),
        state: state.to_owned(),
        note: note.to_owned(),
    };
    InstanceStatus {
        id: sample_id(),
        node_red: "5.0.7".to_owned(),
        node: "24.11.0".to_owned(),
        flows_run: phase == Phase::Ready,
        phase,
        since: now.plus_seconds(-260),
        starts: 2,
        drift: None,
        damage: None,
        memory: "512 MiB".to_owned(),
        cpu_percent: None,
        enforcement: vec![
            layer(
                "landlock",
                "enforced",
                "files: read-only but the work folder",
            ),
            layer("seccomp", "enforced", "deny-list of 41 calls"),
            layer(
                "cgroup",
                "missing",
                "no right to make one; memory is not limited",
            ),
        ],
    }
}

fn properties() -> Vec<Comparison> {
    let property =
        |key: &str, before: Option<&str>, after: Option<&str>, language| PropertyChange {
            key: key.to_owned(),
            before: before.map(Into::into),
            after: after.map(Into::into),
            language,
        };
    let before =
        "// scale the reading\nconst raw = msg.payload;\nmsg.payload = raw * 0.1;\nreturn msg;\n";
    let after = "// scale the reading\nconst raw = Number(msg.payload);\nif (Number.isNaN(raw)) return null;\nmsg.payload = raw * 0.01;\nreturn msg;\n";
    let js = Language::JavaScript;
    let all = [
        property("func", Some(before), Some(after), js),
        property(
            "topic",
            Some("pump/3/state"),
            Some("pump/3/status"),
            Language::Plain,
        ),
        property(
            "rules",
            Some(r#"[{"t":"gt","v":5},{"t":"else"}]"#),
            Some(r#"[{"t":"gt","v":7},{"t":"else"}]"#),
            Language::Json,
        ),
        property(
            "template",
            Some("<b>\n  {{payload}}\n</b>\n"),
            Some("<b>\n\t{{payload}}\n</b>\n"),
            Language::Html,
        ),
        property("outputs", None, Some("2"), Language::Plain),
        property("info", Some("\u{202e}reversed"), None, Language::Plain),
        property("initialize", None, Some("context.set('n', 0);\n"), js),
    ];
    let budget = Budget::new(false);
    all.iter().map(|change| compare(change, &budget)).collect()
}
