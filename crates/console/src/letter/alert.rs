//! To whoever answers for the installation: something is wrong.

use model::{id::InstanceId, mail::Alert};

use super::{Drafted, Part, Sheet, ToTell, name, review::deployment_of};
use crate::wording::counted;

pub(super) fn write(told: &ToTell<'_>, alert: Alert, instance: Option<&InstanceId>) -> Drafted {
    let Some(last) = told.entries.last() else {
        return Drafted::Nothing;
    };
    let place = instance.map_or_else(|| "Redkeep".to_owned(), InstanceId::to_string);
    let (what, advice) = words(alert);
    let (path, action) = match (alert, deployment_of(last)) {
        (Alert::Emergency, Some(id)) => (format!("/deployments/{id}"), "Look at it"),
        (Alert::CrashLoop | Alert::Canary, _) => {
            (format!("/logs?instance={place}"), "Read the log")
        }
        (Alert::Memory, _) => (
            format!("/settings?instance={place}"),
            "Restart from the baseline",
        ),
        _ => ("/record".to_owned(), "Read the record"),
    };
    let mut sheet = Sheet {
        subject: format!("[{place}] {what}"),
        title: format!("{place}: {what}"),
        lead: advice.to_owned(),
        action,
        link: told.desk.link(&path),
        why: "You get this because you answer for this installation.",
        ..Sheet::default()
    };
    sheet.fact("When", last.event.at.to_string());
    sheet.fact("Who", name(&last.event.actor.label()));
    sheet.fact("On what", name(&last.event.subject));
    if let Some(more) = usize::try_from(told.mail.count).ok().filter(|it| *it > 1) {
        let text = format!("{} since the last mail", counted(more, "time"));
        sheet.fact("How often", text);
    }
    for field in ["reason", "why", "what", "outcome", "damage", "found"] {
        let text = last.event.detail.get(field).and_then(|it| it.as_str());
        if let Some(text) = text {
            sheet.parts.push(Part::quotation(title(field), text));
        }
    }
    Drafted::Sheet(Box::new(sheet))
}

fn title(field: &str) -> &'static str {
    match field {
        "reason" | "why" => "Why",
        "outcome" => "What became of it",
        "damage" => "What is damaged",
        "found" => "When it was found",
        _ => "What was seen",
    }
}

/// What happened, and what to do.
fn words(alert: Alert) -> (&'static str, &'static str) {
    match alert {
        Alert::Emergency => (
            "An emergency deployment was applied before review",
            "Somebody other than who proposed and applied it has to look at it now.",
        ),
        Alert::Memory => (
            "Node-RED runs something nobody approved",
            "What Node-RED says it runs is not the baseline. A restart from the baseline puts it right.",
        ),
        Alert::Disk => (
            "A file was changed on disk",
            "Find out who could write there. What Redkeep could put back is put back.",
        ),
        Alert::CrashLoop => (
            "Node-RED ends again and again, or cannot be started",
            "If a deployment that never ran well was the reason, the baseline before it comes back.",
        ),
        Alert::Canary => (
            "Node-RED was not started: its jail does not hold",
            "What must be denied could be done. See `redkeep check` and the record.",
        ),
        Alert::Inside => (
            "Something inside Node-RED tried to change what runs",
            "It was refused, and waits for review as a deployment where it could be read.",
        ),
        Alert::Spraying => (
            "Somebody tries passwords with many names",
            "The network is slowed down. A rule that shuts it out keeps it from the login: the console, under Access.",
        ),
        Alert::BreakGlass => (
            "The break-glass account was used",
            "Somebody came in with the local account that is kept for the day no provider answers. If nobody knows why, revoke its sessions: the console, under Access.",
        ),
        Alert::Certificate => (
            "The certificate cannot be renewed, and its end comes near",
            "What stands in the way is below. `redkeep certificates renew` tries again at once.",
        ),
    }
}
