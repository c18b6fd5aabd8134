//! `redkeep deployments show` and `picture`.

use std::{fmt::Write as _, path::PathBuf};

use anyhow::Context as _;
use clap::Args;
use model::id::DeploymentId;
use serde_json::{Value, json};

use crate::{
    cli::{
        client::Client,
        file,
        review::{self, Look, Reviewed},
    },
    exit::{Exit, Failure},
    terminal,
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

/// What a picture takes.
#[derive(Debug, Args)]
pub(crate) struct PictureArgs {
    id: DeploymentId,
    /// The tab to draw, by its id [default: the first that changes]
    #[arg(long, value_name = "ID")]
    tab: Option<String>,
    /// As PNG; so it is too where FILE ends with .png
    #[arg(long)]
    png: bool,
    /// Light on dark (PNG; an SVG follows its reader)
    #[arg(long)]
    dark: bool,
    /// Where to [default: deployment-N.svg or deployment-N.png]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

/// Writes the picture of a tab into a file.
pub(super) async fn picture(
    client: &Client,
    args: PictureArgs,
    as_json: bool,
) -> Result<Exit, Failure> {
    let id = args.id;
    let named = args.out.as_ref().and_then(|path| path.extension());
    let is_png = args.png || named.is_some_and(|it| it.eq_ignore_ascii_case("png"));
    let kind = if is_png { "png" } else { "svg" };
    let mut path = format!("/deployments/{id}/picture.{kind}?mode=overlay");
    if args.dark {
        path.push_str("&scheme=dark");
    }
    if let Some(tab) = &args.tab {
        path.extend(["&tab=", encoded(tab).as_str()]);
    }
    let drawn = client.get_file(&path).await?;
    let path = args.out;
    let path = path.unwrap_or_else(|| PathBuf::from(format!("deployment-{id}.{kind}")));
    file::put(&path, &drawn, args.force)?;
    let shown = path.display();
    if as_json {
        terminal::line(&json!({ "file": path, "bytes": drawn.len() }).to_string());
    } else if is_png {
        terminal::line(&format!("{shown}: the picture, as PNG"));
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
