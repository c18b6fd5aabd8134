//! `redkeep access …`: who may come from where.

use std::{io::Read as _, net::IpAddr, path::PathBuf, str::FromStr};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use model::{
    access::Role,
    id::InstanceId,
    rules::{AccessRules, Answer, Bearer, Question, Visitor},
};
use serde_json::{Value, json};

use super::{
    client::Client,
    output::{printable, table, time},
};
use crate::{
    exit::{Exit, Failure},
    terminal,
};

/// Bytes of a file of rules.
const FILE_MAX: u64 = 1 << 20;

#[derive(Debug, Subcommand)]
pub(crate) enum AccessVerb {
    /// Show the rules; with --json in the form that `set` takes
    Rules,
    /// Replace the rules by those in a file
    Set {
        /// A file as `redkeep access rules --json` writes it; - reads standard input
        file: PathBuf,
    },
    /// Let rules stand that are on trial
    Confirm,
    /// End a trial: what held before holds again
    Undo,
    /// Take all rules away: whoever is logged in may come from anywhere again
    Reset,
    /// List the secrets by which webhooks are signed; with --keep NAME keep one (one line of standard
    /// input), with --remove NAME remove one
    Secrets {
        /// Keep the secret on standard input by this name
        #[arg(long, value_name = "NAME", conflicts_with = "remove")]
        keep: Option<String>,
        /// Remove the one of this name
        #[arg(long, value_name = "NAME")]
        remove: Option<String>,
    },
    /// Ask: may X from Y do Z? Answers with the rule that decides
    Simulate(SimulateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The path, as a browser sends it
    #[arg(default_value = "/")]
    path: String,
    /// From which address
    #[arg(long, value_name = "ADDRESS")]
    from: IpAddr,
    /// With which role; without it, nobody is logged in
    #[arg(long, value_parser = Role::from_str)]
    role: Option<Role>,
    /// By an access token in place of a session
    #[arg(long, requires = "role")]
    token: bool,
    /// Showing a client certificate of this authority, for this name
    #[arg(long, value_name = "AUTHORITY[:NAME]")]
    certificate: Option<String>,
    /// With which method
    #[arg(long, default_value = "GET")]
    method: String,
    /// Opening a WebSocket
    #[arg(long)]
    websocket: bool,
    /// At the gate of this instance
    #[arg(long, default_value = "main", conflicts_with = "console")]
    instance: InstanceId,
    /// At the console
    #[arg(long)]
    console: bool,
}

pub(crate) async fn run(client: &Client, as_json: bool, verb: AccessVerb) -> Result<Exit, Failure> {
    let answer = match verb {
        AccessVerb::Rules => client.get("/access/rules").await?,
        AccessVerb::Set { file } => {
            let rules = read(&file)?;
            put(client, &rules).await?
        }
        AccessVerb::Reset => put(client, &json!(AccessRules::default())).await?,
        AccessVerb::Confirm => {
            let kept = client.get("/access/rules").await?;
            let body = json!({ "version": kept["version"] });
            client.post("/access/rules/confirm", body).await?
        }
        AccessVerb::Undo => client.post("/access/rules/undo", json!({})).await?,
        AccessVerb::Secrets { keep, remove } => {
            return secrets(client, as_json, keep.as_deref(), remove.as_deref()).await;
        }
        AccessVerb::Simulate(args) => return simulate(client, as_json, args).await,
    };
    if as_json {
        terminal::line(&answer.to_string());
    } else {
        show(&answer)?;
    }
    Ok(Exit::Done)
}

/// A trial under way is ended first: who sits at the machine is the way back for those shut out.
async fn put(client: &Client, rules: &Value) -> Result<Value, Failure> {
    let mut kept = client.get("/access/rules").await?;
    if !kept["trial"].is_null() {
        kept = client.post("/access/rules/undo", json!({})).await?;
    }
    let body = json!({ "version": kept["version"], "rules": rules });
    client.put("/access/rules", body).await
}

/// The rules of a file: alone, or as `rules --json` writes them.
fn read(file: &std::path::Path) -> Result<Value, Failure> {
    let mut text = String::new();
    let failed = || format!("cannot read {}", file.display());
    if file == std::path::Path::new("-") {
        let input = std::io::stdin().lock();
        input.take(FILE_MAX).read_to_string(&mut text)
    } else {
        let opened = std::fs::File::open(file).with_context(failed)?;
        opened.take(FILE_MAX).read_to_string(&mut text)
    }
    .with_context(failed)?;
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("{}: {error}", file.display()))
    };
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    let rules = match value.get("version") {
        Some(_) => value["rules"].clone(),
        None => value,
    };
    let rules: AccessRules = serde_json::from_value(rules).map_err(|error| wrong(&error))?;
    rules.check().map_err(|error| wrong(&error))?;
    Ok(json!(rules))
}

async fn secrets(
    client: &Client,
    as_json: bool,
    keep: Option<&str>,
    remove: Option<&str>,
) -> Result<Exit, Failure> {
    // A name goes into a path as it is.
    if let Some(name) = keep.or(remove)
        && !model::rules::is_secret(name)
    {
        let text =
            format!("{name:?} is no name of a secret: lower-case letters, digits and hyphens");
        return Err(Failure::new(Exit::Usage, text));
    }
    if let Some(name) = keep {
        let mut line = zeroize::Zeroizing::new(String::new());
        let mut input = std::io::BufReader::new(std::io::stdin().lock().take(4096));
        std::io::BufRead::read_line(&mut input, &mut line).context("the secret cannot be read")?;
        let body = json!({ "secret": line.trim_end_matches(['\r', '\n']) });
        client.put(&format!("/access/secrets/{name}"), body).await?;
    }
    if let Some(name) = remove {
        client.delete(&format!("/access/secrets/{name}")).await?;
    }
    let found = client.get("/access/secrets").await?;
    if as_json {
        terminal::line(&found.to_string());
        return Ok(Exit::Done);
    }
    for secret in super::output::list(&found, "/secrets") {
        let name = super::output::text(secret, "/name");
        terminal::line(&format!(
            "{}  since {}",
            printable(&name),
            time(secret, "/at")
        ));
    }
    Ok(Exit::Done)
}

fn show(kept: &Value) -> Result<(), Failure> {
    let rules: AccessRules = serde_json::from_value(kept["rules"].clone())
        .context("the answer holds no rules this version knows")?;
    for (name, blocks) in &rules.networks {
        let blocks: Vec<_> = blocks.iter().map(ToString::to_string).collect();
        terminal::line(&format!("network {name}: {}", blocks.join(", ")));
    }
    let rows: Vec<_> = (1..)
        .zip(&rules.rules)
        .map(|(place, rule): (usize, _)| {
            [
                place.to_string(),
                rule.from_words(),
                printable(&rule.what_words()),
                rule.who.to_string(),
                rule.bounds.to_string(),
                printable(&rule.note),
            ]
        })
        .collect();
    if rows.is_empty() {
        terminal::line("no rules: whoever is logged in, from anywhere");
    } else {
        table(["RULE", "FROM", "WHAT", "WHO", "AT MOST", "NOTE"], &rows);
        terminal::line("what no rule covers: whoever is logged in");
    }
    if !kept["trial"].is_null() {
        terminal::line(&format!(
            "on trial until {}: `redkeep access confirm` lets them stand, `redkeep access undo` \
             ends it",
            time(kept, "/trial/undo_at")
        ));
    }
    Ok(())
}

async fn simulate(client: &Client, as_json: bool, args: SimulateArgs) -> Result<Exit, Failure> {
    let question = Question {
        instance: (!args.console).then_some(args.instance),
        from: args.from,
        who: args.role.map(|role| Visitor {
            role,
            token: args.token,
        }),
        certificate: args.certificate.as_deref().and_then(Bearer::read),
        method: args.method.to_ascii_uppercase(),
        path: args.path,
        websocket: args.websocket,
    };
    let value = client.post("/access/simulate", json!(question)).await?;
    if as_json {
        terminal::line(&value.to_string());
        return Ok(Exit::Done);
    }
    let answer: Answer =
        serde_json::from_value(value).context("the answer is none this version knows")?;
    let by = answer.by.map_or_else(
        || "before any rule was asked".to_owned(),
        |by| format!("by {by}"),
    );
    terminal::line(&printable(&format!(
        "{} {by}: {}",
        answer.outcome, answer.why
    )));
    if !answer.bounds.is_empty() {
        terminal::line(&format!("at most {}", answer.bounds));
    }
    Ok(Exit::Done)
}
