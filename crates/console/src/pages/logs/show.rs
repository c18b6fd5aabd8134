//! Node-RED's own log.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::access::Permission;
use store::LogLevel;

use crate::{
    App,
    pages::{Asked, instance_id},
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, shown},
};

const LINES: u32 = 300;

#[derive(Template)]
#[template(path = "logs/show.html")]
struct LogsPage {
    shell: Shell,
    instance: Option<String>,
    lines: Vec<Line>,
    last: i64,
    is_tail: bool,
}

struct Line {
    at: Moment,
    level: &'static str,
    tone: &'static str,
    text: String,
}

/// `GET /logs?instance=&after=`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    by.caller.require(Permission::ReadLogs)?;
    let chosen = match instance_id(asked.get("instance").map(String::as_str))? {
        Some(chosen) => Some(app.store.instance(&chosen).await?.id),
        None => app
            .store
            .instances()
            .await?
            .into_iter()
            .next()
            .map(|instance| instance.id),
    };
    let after = asked
        .get("after")
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or(0)
        .max(0);
    let shell = Shell::new(&app, &by, "logs", "Logs")
        .await?
        .on(chosen.as_ref());
    let found = match &chosen {
        Some(id) => app.store.log(id, after, LINES).await?,
        None => Vec::new(),
    };
    let last = found.last().map_or(after, |line| line.sequence);
    let lines = found.into_iter().map(|line| {
        let (level, tone) = match line.level {
            LogLevel::Debug => ("debug", "quiet"),
            LogLevel::Info => ("info", "plain"),
            LogLevel::Warn => ("warn", "warn"),
            LogLevel::Error => ("error", "bad"),
        };
        Line {
            at: shell.moment(line.at),
            level,
            tone,
            text: shown(&line.text),
        }
    });
    let lines = lines.collect();
    let instance = chosen.map(|id| id.to_string());
    render(&LogsPage {
        shell,
        instance,
        lines,
        last,
        is_tail: after == 0,
    })
}
