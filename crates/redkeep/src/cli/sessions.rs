//! `redkeep session …` and `redkeep kiosk …`.

use std::str::FromStr;

use clap::{Args, Subcommand};
use model::{
    id::{InstanceId, UserName},
    rules::Source,
};
use serde_json::{Value, json};

use super::{
    client::Client,
    output::{list, table, text, time},
    people::networks,
};
use crate::{
    exit::{Exit, Failure},
    terminal,
};

#[derive(Debug, Subcommand)]
pub(crate) enum SessionVerb {
    /// List sessions: whose, on what device, from where, since when
    List,
    /// Revoke one; its live connections close
    Revoke { id: i64 },
    /// Revoke all of a user
    RevokeAll { user: UserName },
}

#[derive(Debug, Subcommand)]
pub(crate) enum KioskVerb {
    /// Print a one-time link that makes a browser a wall display
    Add(KioskArgs),
    /// List wall displays
    List,
    /// Revoke one: its link, or its session with the live connections
    Revoke { id: i64 },
}

#[derive(Debug, Args)]
pub(crate) struct KioskArgs {
    /// Where it hangs
    name: String,
    /// Whose it is: with this user it goes
    #[arg(long)]
    user: UserName,
    /// Which instance it shows
    #[arg(long, default_value = "main")]
    instance: InstanceId,
    /// What it opens
    #[arg(long, default_value = "/")]
    path: String,
    /// From where it may be used: a named network, an address, a block; may be repeated [default: from
    /// anywhere]
    #[arg(long, value_name = "NETWORK", value_parser = Source::from_str)]
    network: Vec<Source>,
    /// How long it lasts without being used [default: as configured, 30]
    #[arg(long)]
    days: Option<u32>,
}

pub(crate) async fn session(
    client: &Client,
    as_json: bool,
    verb: SessionVerb,
) -> Result<Exit, Failure> {
    match verb {
        SessionVerb::List => {
            let sessions = client.get("/sessions").await?;
            if as_json {
                terminal::line(&sessions.to_string());
                return Ok(Exit::Done);
            }
            let row = |session: &Value| {
                let network = text(session, "/network");
                let address = text(session, "/address");
                [
                    text(session, "/id"),
                    text(session, "/user_name"),
                    text(session, "/kind"),
                    text(session, "/device"),
                    if network.is_empty() {
                        address
                    } else {
                        format!("{address} ({network})")
                    },
                    time(session, "/created_at"),
                    time(session, "/last_seen_at"),
                ]
            };
            let rows: Vec<_> = list(&sessions, "/sessions").iter().map(row).collect();
            let heading = [
                "ID",
                "USER",
                "WHERE",
                "DEVICE",
                "FROM",
                "SINCE",
                "LAST USED",
            ];
            table(heading, &rows);
        }
        SessionVerb::Revoke { id } => {
            client.delete(&format!("/sessions/{id}")).await?;
            terminal::line(&format!("revoked session {id}"));
        }
        SessionVerb::RevokeAll { user } => {
            let body = json!({ "user": user });
            client.post("/sessions/revoke", body).await?;
            terminal::line(&format!("{user} is signed out everywhere"));
        }
    }
    Ok(Exit::Done)
}

pub(crate) async fn kiosk(
    client: &Client,
    as_json: bool,
    verb: KioskVerb,
) -> Result<Exit, Failure> {
    match verb {
        KioskVerb::Add(args) => {
            let mut body = json!({
                "name": args.name, "user": args.user, "instance": args.instance,
                "path": args.path, "networks": args.network,
            });
            if let Some(days) = args.days {
                body["days"] = json!(days);
            }
            let made = client.post("/kiosks", body).await?;
            if as_json {
                terminal::line(&made.to_string());
            } else {
                terminal::line("open this once, in the display's browser, within a day:");
                terminal::line(&text(&made, "/url"));
            }
        }
        KioskVerb::List => {
            let kiosks = client.get("/kiosks").await?;
            if as_json {
                terminal::line(&kiosks.to_string());
                return Ok(Exit::Done);
            }
            let row = |kiosk: &Value| {
                let opens = text(kiosk, "/instance") + &text(kiosk, "/path");
                [
                    text(kiosk, "/id"),
                    text(kiosk, "/name"),
                    text(kiosk, "/user_name"),
                    opens,
                    networks(kiosk),
                    time(kiosk, "/last_seen_at"),
                    time(kiosk, "/expires_at"),
                ]
            };
            let rows: Vec<_> = list(&kiosks, "/kiosks").iter().map(row).collect();
            let heading = ["ID", "NAME", "OF", "OPENS", "FROM", "LAST USED", "UNTIL"];
            table(heading, &rows);
        }
        KioskVerb::Revoke { id } => {
            client.delete(&format!("/kiosks/{id}")).await?;
            terminal::line(&format!("revoked wall display {id}"));
        }
    }
    Ok(Exit::Done)
}
