//! `redkeep ca`: our own certificate authority.

pub(super) mod offline;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    client::Client,
    output::{list, text, time},
};
use crate::{
    exit::{Exit, Failure},
    terminal,
};

#[derive(Debug, Subcommand)]
pub(super) enum CaVerb {
    /// Print the root certificate (PEM), for import into browsers and clients; beside it, how the
    /// authority stands
    Show,
    /// Make another root; the old one is good beside it until every device has the new one
    Rotate {
        /// Days in which both are good
        #[arg(long, default_value_t = 90)]
        days: u16,
    },
    /// Take a rotation back: the old root stays
    Cancel,
    /// Put a certificate on the revocation list; the one in use is replaced at once
    Revoke {
        /// Its serial number, as `show` lists it
        serial: String,
    },
    /// Take the root's key away from a stopped installation, encrypted with a passphrase (one line
    /// of standard input, 12 characters or more)
    Export {
        /// Where to: a file that is not there yet, on something that is kept away
        file: PathBuf,
        /// Leave the key on this machine too
        #[arg(long)]
        keep: bool,
    },
    /// Bring the root's key back to a stopped installation; the passphrase is one line of standard
    /// input
    Import {
        /// What `export` wrote
        file: PathBuf,
    },
}

impl CaVerb {
    pub(super) fn is_for_a_stopped_one(&self) -> bool {
        matches!(self, Self::Export { .. } | Self::Import { .. })
    }
}

pub(super) async fn run(client: &Client, as_json: bool, verb: &CaVerb) -> Result<Exit, Failure> {
    let (answer, said) = match verb {
        CaVerb::Show => return show(client, as_json).await,
        CaVerb::Rotate { days } => (
            client.post("/ca/rotate", json!({ "days": days })).await?,
            "there is a new root: install it on every device",
        ),
        CaVerb::Cancel => (
            client.post("/ca/cancel", json!({})).await?,
            "the old root stays",
        ),
        CaVerb::Revoke { serial } => (
            client
                .post("/ca/revoke", json!({ "serial": serial }))
                .await?,
            "it is on the revocation list, and was replaced if it was in use",
        ),
        // Handled before.
        CaVerb::Export { .. } | CaVerb::Import { .. } => return Ok(Exit::Usage),
    };
    if as_json {
        terminal::line(&answer.to_string());
    } else {
        terminal::line(said);
        for line in tell(&answer["authority"], None) {
            terminal::line(&line);
        }
    }
    Ok(Exit::Done)
}

/// The certificate goes to standard output alone, so that it can be piped into a file; how it stands
/// goes beside it.
async fn show(client: &Client, as_json: bool) -> Result<Exit, Failure> {
    let found = client.get("/ca").await?;
    if as_json {
        terminal::line(&found.to_string());
        return Ok(Exit::Done);
    }
    let fingerprint = found["fingerprint"].as_str();
    for line in tell(&found["authority"], fingerprint) {
        terminal::say(&line);
    }
    // Not by `text`, which makes one line of what it finds.
    let pem = found["pem"].as_str().unwrap_or_default();
    terminal::line(pem.trim_end());
    Ok(Exit::Done)
}

/// How an authority stands, in lines.
fn tell(authority: &Value, fingerprint: Option<&str>) -> Vec<String> {
    if authority.is_null() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    match fingerprint {
        Some(fingerprint) => lines.push(format!("fingerprint (SHA-256)  {fingerprint}")),
        None => lines.push(format!(
            "fingerprint  {}",
            text(&authority["root"], "/fingerprint")
        )),
    }
    lines.push(format!(
        "root until  {}",
        time(&authority["root"], "/until")
    ));
    if authority["is_root_key_here"] == false {
        lines.push(format!(
            "the root's key is kept away; bring it back before {} with `redkeep ca import`",
            time(authority, "/issuing_until")
        ));
    }
    if !authority["old_root"].is_null() {
        lines.push(format!(
            "devices that trust the root {} must install this one by {}; until then both are good",
            text(authority, "/old_root/fingerprint"),
            time(authority, "/both_until")
        ));
    }
    for leaf in list(authority, "/issued") {
        let revoked = if leaf["revoked"].is_null() {
            ""
        } else {
            "  revoked"
        };
        let (serial, until) = (text(leaf, "/serial"), time(leaf, "/until"));
        lines.push(format!("certificate {serial}  until {until}{revoked}"));
    }
    lines
}
