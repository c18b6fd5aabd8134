//! `redkeep deployments decide` and `comment`: the reviewer's word on one change.

use clap::{Args, ValueEnum};
use model::id::{DeploymentId, Hash};
use serde_json::{Value, json};

use super::look::read;
use crate::{
    cli::{client::Client, output::printable, review::Reviewed},
    exit::{Exit, Failure},
};

/// What `decide` takes.
#[derive(Debug, Args)]
pub(crate) struct DecideArgs {
    id: DeploymentId,
    /// Which change: its number as shown (such as 2.1), or its name (such as changed:f)
    #[arg(long, value_name = "CHANGE")]
    change: String,
    #[arg(value_enum)]
    verdict: Word,
    /// Why; a rejection needs it, and an approval where policy says so
    #[arg(long, default_value = "")]
    comment: String,
    /// The hash that was shown; refused if it is another by now
    #[arg(long)]
    hash: Option<Hash>,
    /// The mark of somebody else's decision, as shown: replaces that decision
    #[arg(long, value_name = "MARK")]
    seen: Option<Hash>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Word {
    Approve,
    Reject,
}

/// What `comment` takes.
#[derive(Debug, Args)]
pub(crate) struct CommentArgs {
    id: DeploymentId,
    /// About which change: its number as shown, or its name; without it, about the whole
    #[arg(long, value_name = "CHANGE")]
    change: Option<String>,
    /// What to say
    text: String,
}

pub(super) async fn decide(client: &Client, args: DecideArgs) -> Result<Value, Failure> {
    let (reviewed, _) = read(client, args.id).await?;
    // Held against the hash that was shown: numbers mean the same changes only there.
    let shown = args.hash.unwrap_or(reviewed.shown);
    if shown != reviewed.shown {
        let text = format!(
            "deployment {} is another by now; look at it again with `redkeep deployments show {}`",
            args.id, args.id
        );
        return Err(Failure::new(Exit::Refused, text));
    }
    let verdict = match args.verdict {
        Word::Approve => "approve",
        Word::Reject => "reject",
    };
    let choice = json!({
        "change": find(&reviewed, &args.change)?,
        "verdict": verdict,
        "comment": args.comment,
        "seen": args.seen,
    });
    let path = format!("/deployments/{}/decisions", args.id);
    let body = json!({ "shown": shown, "choices": [choice] });
    client.post(&path, body).await
}

pub(super) async fn comment(client: &Client, args: CommentArgs) -> Result<Value, Failure> {
    let change = match &args.change {
        Some(word) => {
            let (reviewed, _) = read(client, args.id).await?;
            Some(find(&reviewed, word)?)
        }
        None => None,
    };
    let path = format!("/deployments/{}/comments", args.id);
    let body = json!({ "change": change, "text": args.text });
    client.post(&path, body).await
}

fn find(reviewed: &Reviewed, word: &str) -> Result<String, Failure> {
    let found = reviewed.find(word).map(ToString::to_string);
    found.ok_or_else(|| {
        let id = reviewed.deployment.id;
        let text = format!(
            "deployment {id} has no change {}; `redkeep deployments show {id}` numbers them",
            printable(word)
        );
        Failure::new(Exit::Refused, text)
    })
}
