//! A deployment as the lists show it.

use model::{
    deployment::{Deployment, State},
    flow::finding::Severity,
};

use crate::{
    App,
    session::SignedIn,
    shell::Shell,
    summaries::unread,
    wording::{
        Moment, Pill, Who, counted, emergency_pill, name_of, origin_words, severity_pill,
        state_pill,
    },
};

/// A deployment as the lists show it.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) id: i64,
    pub(crate) sentence: String,
    pub(crate) pill: Pill,
    pub(crate) instance: String,
    pub(crate) who: Who,
    pub(crate) origin: &'static str,
    pub(crate) at: Moment,
    pub(crate) changes: String,
    pub(crate) worst: Option<Pill>,
    pub(crate) reason: String,
    /// An emergency nobody has looked at afterwards, or one somebody has.
    pub(crate) emergency: Option<Pill>,
}

impl Card {
    pub(crate) async fn new(
        app: &App,
        by: &SignedIn,
        shell: &Shell,
        deployment: &Deployment,
    ) -> Self {
        // One deployment that cannot be read must not hide the others.
        let summary = app
            .summaries
            .of(&app.deployments, &by.caller, deployment)
            .await;
        let missing = summary.as_ref().err().map_or("", unread);
        let summary = summary.ok();
        let reason = match &deployment.state {
            State::Rejected { reason, .. } | State::Failed { reason, .. } => name_of(reason),
            State::Superseded { by, .. } => format!("by deployment {by}"),
            _ => String::new(),
        };
        let worst = summary.as_ref().and_then(|summary| summary.worst);
        Self {
            id: deployment.id.0,
            sentence: summary
                .as_ref()
                .map_or_else(|| missing.to_owned(), |summary| summary.sentence.clone()),
            pill: state_pill(&deployment.state),
            instance: deployment.instance.to_string(),
            who: Who::of(&deployment.proposer),
            origin: origin_words(deployment),
            at: shell.moment(deployment.created_at),
            changes: summary.map_or_else(String::new, |s| counted(s.changes, "change")),
            worst: worst
                .filter(|worst| *worst > Severity::Note)
                .map(severity_pill),
            reason,
            emergency: deployment.emergency.as_ref().map(emergency_pill),
        }
    }
}
