//! The record, newest first, with filters.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::{
    access::Permission,
    audit::{Entry, EventKind},
    clock::Timestamp,
    id::Hash,
};
use serde_json::Value;
use store::AuditFilter;

use crate::{
    App,
    pages::{Asked, instance_id},
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, Who, name_of, shown},
};

const LISTED: u32 = 50;

#[derive(Template)]
#[template(path = "record/list.html")]
pub(super) struct RecordPage {
    shell: Shell,
    lines: Vec<Line>,
    kind: String,
    user: String,
    instance: String,
    older: Option<String>,
    pub(super) verified: Option<Verified>,
}

/// What a check of the whole record found.
pub(super) struct Verified {
    pub(super) entries: i64,
    pub(super) problems: Vec<String>,
}

struct Line {
    sequence: i64,
    at: Moment,
    kind: String,
    tone: &'static str,
    who: Who,
    instance: String,
    subject: String,
    detail: Vec<(String, String)>,
    link: String,
}

impl Line {
    fn new(entry: &Entry, shell: &Shell) -> Self {
        let detail = entry.event.detail.as_object().into_iter().flatten();
        let detail = detail
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| {
                let said = match value {
                    // The whole digest stands in the record; twelve digits are enough to compare.
                    Value::String(text) => match text.parse::<Hash>() {
                        Ok(hash) => hash.short(),
                        Err(_) => text.clone(),
                    },
                    Value::Number(number) if key.ends_with("_at") => {
                        Timestamp(number.as_i64().unwrap_or(0)).to_string()
                    }
                    other => other.to_string(),
                };
                (shown(&key.replace('_', " ")), shown(&said))
            });
        Self {
            sequence: entry.sequence,
            at: shell.moment(entry.event.at),
            kind: entry.event.kind.word().replace('-', " "),
            tone: tone(entry.event.kind),
            who: Who::of(&entry.event.actor),
            instance: entry
                .event
                .instance
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            subject: name_of(&entry.event.subject),
            detail: detail.collect(),
            link: entry.link.short(),
        }
    }
}

fn tone(kind: EventKind) -> &'static str {
    use EventKind as E;
    match kind {
        E::LoginFailed
        | E::LoginLimited
        | E::LoginSprayed
        | E::BreakGlassUsed
        | E::RequestRefused
        | E::ProposalRefused
        | E::RuntimeRefused
        | E::DiskDrift
        | E::MemoryDrift
        | E::EmergencyApplied
        | E::MailDropped
        | E::CertificateFailing
        | E::AuthorityChanged
        | E::CertificateRevoked
        | E::DeploymentStale => "warn",
        E::ApplyFailed | E::InstanceCrashed | E::InstanceCrashLoop | E::CanaryFailed => "bad",
        E::Applied | E::InstanceReady | E::DeploymentApproved => "good",
        _ => "quiet",
    }
}

/// The kind a filter names.
pub(crate) fn event_kind(text: &str) -> Result<Option<EventKind>, Problem> {
    let text = text.trim().to_lowercase().replace(' ', "-");
    if text.is_empty() {
        return Ok(None);
    }
    let kind = serde_json::from_value(Value::String(text));
    kind.map(Some).map_err(|_| {
        Problem::bad_form("there is no event of this kind; take the words of the record's list")
    })
}

/// `GET /record?kind=&user=&instance=&before=`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    render(&build(&app, &by, &asked).await?)
}

pub(super) async fn build(
    app: &App,
    by: &SignedIn,
    asked: &std::collections::HashMap<String, String>,
) -> Result<RecordPage, PageError> {
    by.caller.require(Permission::ReadRecord)?;
    let get = |name: &str| asked.get(name).map(|text| text.trim()).unwrap_or_default();
    let instance = instance_id(Some(get("instance")))?;
    let filter = AuditFilter {
        kind: event_kind(get("kind"))?,
        instance: instance.clone(),
        user: Some(get("user").to_owned()).filter(|user| !user.is_empty()),
        since: None,
        before: get("before").parse().ok(),
        limit: LISTED,
    };
    let shell = Shell::new(app, by, "record", "Record")
        .await?
        .on(instance.as_ref());
    let entries = app.store.audit(&filter).await?;
    let lines: Vec<_> = entries
        .iter()
        .map(|entry| Line::new(entry, &shell))
        .collect();
    let older = (entries.len() == LISTED as usize).then(|| {
        use crate::pages::sign_in::show::percent_encoded as p;
        let before = entries.last().map_or(0, |entry| entry.sequence);
        let (kind, user) = (p(get("kind")), p(get("user")));
        format!(
            "/record?kind={kind}&user={user}&instance={}&before={before}",
            get("instance")
        )
    });
    Ok(RecordPage {
        lines,
        kind: get("kind").to_owned(),
        user: get("user").to_owned(),
        instance: get("instance").to_owned(),
        older,
        verified: None,
        shell,
    })
}
