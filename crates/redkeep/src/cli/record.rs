//! `redkeep audit …` and `redkeep ca …`.

use serde_json::Value;

use super::{
    AuditVerb,
    client::Client,
    output::{actor, list, table, text, time},
};
use crate::{
    exit::{Exit, Failure},
    terminal,
};

pub(crate) async fn audit(client: &Client, json: bool, verb: AuditVerb) -> Result<Exit, Failure> {
    match verb {
        AuditVerb::List {
            limit,
            kind,
            user,
            instance,
        } => {
            let mut path = format!("/audit?limit={limit}");
            for (key, value) in [
                ("kind", kind),
                ("user", user.map(|it| it.to_string())),
                ("instance", instance.map(|it| it.to_string())),
            ] {
                if let Some(value) = value {
                    check_word(&value)?;
                    path.extend(["&", key, "=", &value]);
                }
            }
            let found = client.get(&path).await?;
            if json {
                terminal::line(&found.to_string());
                return Ok(Exit::Done);
            }
            let row = |entry: &Value| {
                [
                    text(entry, "/sequence"),
                    time(entry, "/event/at"),
                    text(entry, "/event/kind"),
                    actor(entry, "/event/actor"),
                    text(entry, "/event/instance"),
                    text(entry, "/event/subject"),
                ]
            };
            let rows: Vec<_> = list(&found, "/entries").iter().map(row).collect();
            table(["#", "AT", "WHAT", "WHO", "INSTANCE", "SUBJECT"], &rows);
            Ok(Exit::Done)
        }
        AuditVerb::Verify => {
            let found = client.get("/audit/verify").await?;
            let problems = list(&found, "/problems");
            if json {
                terminal::line(&found.to_string());
            } else if problems.is_empty() {
                terminal::line(&format!(
                    "{} entries, all in place",
                    text(&found, "/entries")
                ));
            } else {
                for problem in problems {
                    terminal::line(&text(problem, "/message"));
                }
            }
            Ok(if problems.is_empty() {
                Exit::Done
            } else {
                Exit::NotWhole
            })
        }
    }
}

/// What goes into a query as it is.
fn check_word(word: &str) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if word.chars().all(|c| plain(c) || c == '@') {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Usage,
        format!("{word:?} is not a word that can be looked for"),
    ))
}
