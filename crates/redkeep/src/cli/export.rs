//! `redkeep deployments export` and `redkeep verify`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use deploy::export::{NotGenuine, Verified};
use model::{id::DeploymentId, touch::Touch};
use serde_json::json;

use super::{client::Client, file, output::printable, review};
use crate::{
    exit::{Exit, Failure},
    terminal::{self, sheet::Look},
};

/// Writes a deployment into a file.
pub(crate) async fn write(
    client: &Client,
    id: DeploymentId,
    out: Option<PathBuf>,
    is_forced: bool,
    as_json: bool,
) -> Result<Exit, Failure> {
    let path = out.unwrap_or_else(|| PathBuf::from(format!("deployment-{id}.redkeep.json")));
    let file = client.get(&format!("/deployments/{id}/export")).await?;
    let text = serde_json::to_string_pretty(&file)?;
    let shown = path.display();
    file::put(&path, text.as_bytes(), is_forced)?;
    if as_json {
        terminal::line(&json!({ "file": path, "bytes": text.len() }).to_string());
    } else {
        terminal::line(&format!("{shown}: check it with `redkeep verify {shown}`"));
    }
    Ok(Exit::Done)
}

/// Checks a file and says what it holds.
pub(crate) fn verify(
    path: &Path,
    key: Option<&str>,
    is_full: bool,
    as_json: bool,
) -> Result<Exit, Failure> {
    let shown = path.display();
    let file = std::fs::read(path).with_context(|| format!("{shown} cannot be read"))?;
    let verified = match deploy::export::verify(&file, key) {
        Ok(verified) => verified,
        Err(not) => {
            let exit = match not {
                NotGenuine::NotOne(_) => Exit::Usage,
                _ => Exit::NotWhole,
            };
            // The reader's words for it may quote the file.
            return Err(Failure::new(exit, printable(&not.to_string())));
        }
    };
    if as_json {
        let Verified { statement, key } = &verified;
        let told = json!({ "genuine": true, "key": key, "statement": statement });
        terminal::line(&told.to_string());
    } else {
        tell(&verified, key.is_some(), Look::of_output(is_full))?;
    }
    Ok(Exit::Done)
}

/// Who signed it with what: checked already, against nothing but the file.
fn touched(touch: &Touch) {
    let signed = &touch.statement;
    let how = if touch.is_verified {
        "touched, its owner verified"
    } else {
        "touched"
    };
    for line in [
        format!(
            "signed by {} with the passkey {:?} on {} ({how})",
            signed.name, touch.passkey, touch.origin
        ),
        format!("  asked at    {}", signed.at),
        format!(
            "  it signed   deployment {} of {}, hash {}",
            signed.deployment, signed.instance, signed.shown
        ),
        format!("              from the baseline {}", signed.base),
        format!("              with the decisions {}", signed.decisions),
        format!("  credential  {}", touch.credential),
    ] {
        terminal::line(&printable(&line));
    }
    terminal::line(
        "whose passkey that is, the record says on the installation (factor-renewed, \
         approval-touched)",
    );
}

fn tell(Verified { statement, key }: &Verified, is_known: bool, look: Look) -> Result<(), Failure> {
    let say = |text: String| terminal::line(&printable(&text));
    say(format!("genuine: signed with the key {key}"));
    if !is_known {
        let how = "whose key that is, `redkeep status --json` says on the installation \
                   (export_key); give it with --key";
        terminal::line(how);
    }
    say(format!("exported at {}", statement.exported_at));
    if let Some(touch) = &statement.touch {
        touched(touch);
    }
    terminal::line("");
    let told = review::of_statement(statement, look);
    terminal::line(&told.map_err(|why| Failure::new(Exit::NotWhole, why))?);
    Ok(())
}
