//! `redkeep deployments show` and `picture`.

use std::{fmt::Write as _, fs::OpenOptions, io::Write as _, path::PathBuf};

use anyhow::Context as _;
use model::id::DeploymentId;
use serde_json::{Value, json};

use crate::{
    cli::{
        client::Client,
        review::{self, Reviewed},
    },
    exit::{Exit, Failure},
    terminal::{self, sheet::Look},
};

/// A deployment, understood and as it was answered.
pub(super) async fn read(client: &Client, id: DeploymentId) -> Result<(Reviewed, Value), Failure> {
    let answer = client.get(&format!("/deployments/{id}")).await?;
    let reviewed = serde_json::from_value(answer.clone()).context(
        "the answer of the running Redkeep is not understood; is it of the same version?",
    )?;
    Ok((reviewed, answer))
}

/// Shows all of one deployment.
pub(super) async fn show(
    client: &Client,
    id: DeploymentId,
    is_full: bool,
    as_json: bool,
) -> Result<Exit, Failure> {
    if as_json {
        let answer = client.get(&format!("/deployments/{id}")).await?;
        terminal::line(&answer.to_string());
    } else {
        let (reviewed, _) = read(client, id).await?;
        terminal::line(&review::of_deployment(&reviewed, Look::of_output(is_full)));
    }
    Ok(Exit::Done)
}

/// Writes the picture of a tab into a file that is not there yet.
pub(super) async fn picture(
    client: &Client,
    id: DeploymentId,
    tab: Option<&str>,
    out: Option<PathBuf>,
    as_json: bool,
) -> Result<Exit, Failure> {
    let query = tab.map_or_else(String::new, |tab| format!("?tab={}", encoded(tab)));
    let drawn = client
        .get(&format!("/deployments/{id}/picture.svg{query}"))
        .await?;
    let svg = drawn.as_str().context("the answer is no picture")?;
    let path = out.unwrap_or_else(|| PathBuf::from(format!("deployment-{id}.svg")));
    let shown = path.display();
    let opened = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut opened =
        opened.with_context(|| format!("{shown} cannot be made; choose another with --out"))?;
    let written = opened.write_all(svg.as_bytes());
    written.with_context(|| format!("{shown} could not be written"))?;
    if as_json {
        terminal::line(&json!({ "file": path, "bytes": svg.len() }).to_string());
    } else {
        terminal::line(&format!("{shown}: open it in a browser"));
    }
    Ok(Exit::Done)
}

/// As a value in a query.
fn encoded(text: &str) -> String {
    let mut query = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            query.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(query, "%{byte:02X}").ok();
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_of_any_name_stays_one_value() {
        assert_eq!(encoded("t1.a-b"), "t1.a-b");
        assert_eq!(encoded("a&b=c é"), "a%26b%3Dc%20%C3%A9");
    }
}
