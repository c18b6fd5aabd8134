//! `redkeep user …` and `redkeep token …`.

mod import;

use std::io::Read as _;

use anyhow::Context as _;
use clap::Args;
pub(crate) use import::ImportArgs;
use model::{access::Role, id::UserName, mail::MailAddress};
use serde_json::{Value, json};

use super::{
    RoleVerb, TokenVerb, UserVerb,
    client::Client,
    output::{list, table, text, time},
};
use crate::{
    exit::{Exit, Failure},
    terminal,
};

/// What `redkeep user mail` takes.
#[derive(Debug, Args)]
pub(crate) struct MailArgs {
    name: UserName,
    /// Where mails go; without it, it is shown where they go
    address: Option<MailAddress>,
    /// No mails any more
    #[arg(long, conflicts_with = "address")]
    none: bool,
    /// Only these: reviews, answers, alerts; may be repeated
    #[arg(long, value_name = "WHICH", value_parser = ["reviews", "answers", "alerts"])]
    only: Vec<String>,
}

async fn mail(client: &Client, as_json: bool, args: MailArgs) -> Result<(), Failure> {
    let MailArgs {
        name,
        address,
        none,
        only,
    } = args;
    let id = user_id(client, &name).await?;
    let users = client.get("/users").await?;
    let mut all = list(&users, "/users").iter();
    let known = all.find(|user| user.pointer("/id").and_then(Value::as_i64) == Some(id));
    let mut user = known.cloned().unwrap_or_default();
    if none || address.is_some() || !only.is_empty() {
        let address = match (none, address) {
            (true, _) => Value::Null,
            (false, Some(address)) => json!(address),
            (false, None) => user.pointer("/mail").cloned().unwrap_or_default(),
        };
        let mut body = json!({ "address": address });
        if !only.is_empty() {
            let has = |wish: &str| only.iter().any(|it| it == wish);
            body["wishes"] = json!({
                "reviews": has("reviews"), "answers": has("answers"), "alerts": has("alerts"),
            });
        }
        let answer = client.put(&format!("/users/{id}/mail"), body).await?;
        user = answer.pointer("/user").cloned().unwrap_or_default();
    }
    if as_json {
        let shown = json!({ "name": name, "mail": user["mail"], "wishes": user["mail_wishes"] });
        terminal::line(&shown.to_string());
        return Ok(());
    }
    let wished = ["reviews", "answers", "alerts"];
    let wished = wished.map(|wish| (wish, user.pointer(&format!("/mail_wishes/{wish}"))));
    let wished = wished
        .iter()
        .filter(|(_, is)| *is == Some(&Value::Bool(true)));
    let wished: Vec<_> = wished.map(|(wish, _)| *wish).collect();
    terminal::line(&match text(&user, "/mail") {
        address if address.is_empty() => format!("{name} gets no mails"),
        address if wished.is_empty() => format!("{name} wishes no mails at {address}"),
        address => format!("{name} gets mails at {address}: {}", wished.join(", ")),
    });
    Ok(())
}

/// `redkeep mail test`.
pub(crate) async fn try_mail(
    client: &Client,
    as_json: bool,
    address: &MailAddress,
) -> Result<Exit, Failure> {
    let body = json!({ "address": address });
    let answer = client.post("/mail/test", body).await?;
    if as_json {
        terminal::line(&answer.to_string());
    } else {
        terminal::line(&format!("the mail server took a mail to {address}"));
    }
    Ok(Exit::Done)
}

pub(crate) async fn user(client: &Client, as_json: bool, verb: UserVerb) -> Result<Exit, Failure> {
    match verb {
        UserVerb::Add {
            name,
            role,
            password_stdin: true,
            no_second_factor,
        } => {
            let password = read_password()?;
            let body = json!({
                "name": name,
                "role": role,
                "password": password,
                "second_factor": !no_second_factor,
            });
            let made = client.post("/users", body).await?;
            if as_json {
                terminal::line(&made.to_string());
                return Ok(Exit::Done);
            }
            terminal::line(&format!("added {name} ({role})"));
            show_factor(&made);
        }
        UserVerb::Add {
            name,
            role,
            password_stdin: false,
            ..
        } => {
            let made = client
                .post("/enrolments", json!({ "name": name, "role": role }))
                .await?;
            if as_json {
                terminal::line(&made.to_string());
            } else {
                terminal::line(&format!("open this once, to choose a password for {name}:"));
                terminal::line(&text(&made, "/url"));
            }
        }
        UserVerb::List => {
            let users = client.get("/users").await?;
            show_all(&users, as_json);
        }
        UserVerb::Reset { name } => reset(client, as_json, &name).await?,
        UserVerb::Role { name, role } => set_role(client, as_json, &name, role).await?,
        UserVerb::Mail(args) => mail(client, as_json, args).await?,
        UserVerb::BreakGlass { name, off } => {
            set_break_glass(client, as_json, &name, off).await?;
        }
        UserVerb::Import(args) => return import::import(client, args).await,
        UserVerb::Remove { name } => {
            let id = user_id(client, &name).await?;
            client.delete(&format!("/users/{id}")).await?;
            terminal::line(&format!("removed {name}"));
        }
    }
    Ok(Exit::Done)
}

fn show_all(users: &Value, as_json: bool) {
    if as_json {
        terminal::line(&users.to_string());
        return;
    }
    let row = |user: &Value| {
        let factor = text(user, "/has_second_factor");
        [
            text(user, "/name"),
            text(user, "/role"),
            factor,
            time(user, "/last_login_at"),
        ]
    };
    let rows: Vec<_> = list(users, "/users").iter().map(row).collect();
    table(["NAME", "ROLE", "SECOND FACTOR", "LAST LOGIN"], &rows);
}

async fn set_break_glass(
    client: &Client,
    as_json: bool,
    name: &UserName,
    off: bool,
) -> Result<(), Failure> {
    let id = user_id(client, name).await?;
    let body = json!({ "is_break_glass": !off });
    let path = format!("/users/{id}/break-glass");
    let set = client.put(&path, body).await?;
    terminal::line(&match (as_json, off) {
        (true, _) => set.to_string(),
        (false, false) => format!("{name} is the break-glass account; its use alarms"),
        (false, true) => format!("{name} is an account like any other"),
    });
    Ok(())
}

async fn set_role(
    client: &Client,
    as_json: bool,
    name: &UserName,
    role: Role,
) -> Result<(), Failure> {
    let id = user_id(client, name).await?;
    let body = json!({ "role": role });
    let answer = client.put(&format!("/users/{id}/role"), body).await?;
    let said = format!("{name} is {role} now, and signs in anew");
    terminal::line(&if as_json { answer.to_string() } else { said });
    Ok(())
}

async fn reset(client: &Client, as_json: bool, name: &UserName) -> Result<(), Failure> {
    let id = user_id(client, name).await?;
    let made = client
        .post(&format!("/users/{id}/reset"), json!({}))
        .await?;
    if as_json {
        terminal::line(&made.to_string());
        return Ok(());
    }
    let ended = format!("{name} is signed out everywhere; the old password is void");
    terminal::line(&ended);
    terminal::line("open this once, to choose password and second factor anew:");
    terminal::line(&text(&made, "/url"));
    Ok(())
}

/// The second factor of a user made on the command line: shown once.
fn show_factor(made: &Value) {
    let uri = text(made, "/second_factor/uri");
    if !uri.is_empty() {
        terminal::line(&format!("second factor (shown once): {uri}"));
    }
    let codes: Vec<String> = list(made, "/recovery_codes")
        .iter()
        .map(|code| text(code, ""))
        .collect();
    if !codes.is_empty() {
        terminal::line(&format!("recovery codes (shown once): {}", codes.join(" ")));
    }
}

fn read_password() -> Result<String, Failure> {
    let mut password = String::new();
    // No password is longer; what reads endlessly is no password.
    let mut input = std::io::stdin().lock().take(4096);
    input
        .read_to_string(&mut password)
        .context("no password could be read from standard input")?;
    let line = password.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "no password stood on standard input",
        ));
    }
    Ok(line.to_owned())
}

async fn user_id(client: &Client, name: &UserName) -> Result<i64, Failure> {
    let users = client.get("/users").await?;
    let wanted = name.as_str();
    let found = list(&users, "/users")
        .iter()
        .find(|user| text(user, "/name").eq_ignore_ascii_case(wanted))
        .and_then(|user| user.pointer("/id").and_then(Value::as_i64));
    found.ok_or_else(|| Failure::new(Exit::Refused, format!("there is no user {name}")))
}

/// From where something may be used.
pub(super) fn networks(value: &Value) -> String {
    let networks = list(value, "/networks").iter();
    let networks: Vec<_> = networks.map(|it| text(it, "")).collect();
    if networks.is_empty() {
        "anywhere".to_owned()
    } else {
        networks.join(", ")
    }
}

pub(crate) async fn token(
    client: &Client,
    as_json: bool,
    verb: TokenVerb,
) -> Result<Exit, Failure> {
    match verb {
        TokenVerb::Create {
            user,
            scope,
            label,
            days,
            network,
        } => {
            let body = json!({
                "user": user, "scopes": scope, "label": label, "days": days, "networks": network,
            });
            let made = client.post("/tokens", body).await?;
            if as_json {
                terminal::line(&made.to_string());
            } else {
                terminal::line(&text(&made, "/secret"));
            }
        }
        TokenVerb::List => {
            let tokens = client.get("/tokens").await?;
            if as_json {
                terminal::line(&tokens.to_string());
                return Ok(Exit::Done);
            }
            let row = |token: &Value| {
                [
                    text(token, "/id"),
                    text(token, "/user_name"),
                    text(token, "/scopes"),
                    text(token, "/label"),
                    networks(token),
                    time(token, "/expires_at"),
                    time(token, "/last_used_at"),
                ]
            };
            let rows: Vec<_> = list(&tokens, "/tokens").iter().map(row).collect();
            let heading = ["ID", "USER", "SCOPES", "FOR", "FROM", "UNTIL", "LAST USED"];
            table(heading, &rows);
        }
        TokenVerb::Revoke { id } => {
            client.delete(&format!("/tokens/{id}")).await?;
            terminal::line(&format!("revoked token {id}"));
        }
    }
    Ok(Exit::Done)
}

pub(crate) async fn role(client: &Client, as_json: bool, verb: RoleVerb) -> Result<Exit, Failure> {
    match verb {
        RoleVerb::List => {
            let roles = client.get("/roles").await?;
            if as_json {
                terminal::line(&roles.to_string());
                return Ok(Exit::Done);
            }
            let row = |role: &Value| {
                let words = role["permissions"].as_array().cloned().unwrap_or_default();
                let words: Vec<_> = words.iter().filter_map(Value::as_str).collect();
                let is_built_in = role["built_in"] == true;
                let made = if is_built_in { "built in" } else { "here" };
                [text(role, "/name"), made.to_owned(), words.join(", ")]
            };
            let rows: Vec<_> = list(&roles, "/roles").iter().map(row).collect();
            table(["ROLE", "MADE", "MAY"], &rows);
        }
        RoleVerb::Set { name, permissions } => {
            let body = json!({ "permissions": permissions });
            let set = client.put(&format!("/roles/{name}"), body).await?;
            terminal::line(&if as_json {
                set.to_string()
            } else {
                format!("{name} is as you said, for whoever has it")
            });
        }
        RoleVerb::Remove { name } => {
            client.delete(&format!("/roles/{name}")).await?;
            terminal::line(&format!("removed the role {name}"));
        }
    }
    Ok(Exit::Done)
}
