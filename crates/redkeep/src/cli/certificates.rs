//! `redkeep certificates`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    client::Client,
    output::{list, printable, text, time},
};
use crate::{
    exit::{Exit, Failure},
    terminal,
};

#[derive(Debug, Subcommand)]
pub(super) enum CertificateVerb {
    /// Show what is served, until when, and what is asked of an authority
    List,
    /// Have the authority's certificate renewed now
    Renew,
}

pub(super) async fn run(
    client: &Client,
    as_json: bool,
    verb: &CertificateVerb,
) -> Result<Exit, Failure> {
    match verb {
        CertificateVerb::List => {
            let found = client.get("/certificates").await?;
            if as_json {
                terminal::line(&found.to_string());
                return Ok(Exit::Done);
            }
            for certificate in list(&found, "/certificates") {
                show(certificate);
            }
        }
        CertificateVerb::Renew => {
            let answer = client.post("/certificates/renew", json!({})).await?;
            terminal::line(&if as_json {
                answer.to_string()
            } else {
                "it is asked for; `redkeep certificates list` says how it goes".to_owned()
            });
        }
    }
    Ok(Exit::Done)
}

fn show(certificate: &Value) {
    let names: Vec<String> = list(certificate, "/names")
        .iter()
        .map(|name| printable(&text(name, "")))
        .collect();
    terminal::line(&names.join(", "));
    let issuer = match text(certificate, "/issuer").as_str() {
        "" => "none yet: Redkeep's own certificate serves".to_owned(),
        issuer => printable(issuer),
    };
    terminal::line(&format!("  issuer  {issuer}"));
    for (what, pointer) in [
        ("until", "/not_after"),
        ("next try", "/next"),
        ("authority's word (OCSP) until", "/stapled_until"),
    ] {
        let at = time(certificate, pointer);
        if !at.is_empty() {
            terminal::line(&format!("  {what}  {at}"));
        }
    }
    let error = text(certificate, "/error");
    if !error.is_empty() {
        terminal::line(&format!("  why  {}", printable(&error)));
    }
}
