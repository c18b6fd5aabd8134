//! `redkeep user import FILE`: the users of a Node-RED's `adminAuth`, read from its settings file as data.

use std::{io::Read as _, path::Path};

use anyhow::Context as _;
use clap::Args;
use model::{access::Role, id::UserName};
use script::editor::settings::{AdminAuth, SETTINGS_MAX_BYTES, SettingsUser, admin_auth};
use serde_json::json;

use crate::{
    cli::{client::Client, output::printable},
    exit::{Exit, Failure},
    terminal,
};

/// What `redkeep user import` takes.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// A Node-RED's settings.js
    file: std::path::PathBuf,
    /// What becomes of whoever may do everything there
    #[arg(long, value_name = "ROLE", default_value = "editor")]
    full: Role,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What a user's permissions come to here, and what is lost.
#[derive(Debug, PartialEq, Eq)]
struct Mapped {
    role: Role,
    lost: Vec<String>,
}

/// The nearest built-in role. Nobody becomes more than an editor by themselves: what deploys there
/// proposes here, and who decides is said by a person (`--full`).
fn mapped(permissions: &[String], full: Role) -> Option<Mapped> {
    let has = |word: &str| permissions.iter().any(|it| it == word);
    if has("*") {
        return Some(Mapped {
            role: full,
            lost: Vec::new(),
        });
    }
    let acts = [
        "write",
        "flows.write",
        "inject.write",
        "debug.write",
        "context.write",
        "*.write",
    ];
    let looks = [
        "read",
        "flows.read",
        "*.read",
        "status.read",
        "nodes.read",
        "settings.read",
    ];
    let is_read = |it: &str| it.rsplit_once('.').is_some_and(|(_, verb)| verb == "read");
    let role = if acts.iter().any(|it| has(it)) {
        Role::Editor
    } else if looks.iter().any(|it| has(it)) || permissions.iter().any(|it| is_read(it)) {
        Role::Viewer
    } else {
        return None;
    };
    let covered =
        |it: &String| it.ends_with("read") || (role == Role::Editor && acts.contains(&it.as_str()));
    let lost = permissions.iter().filter(|it| !covered(it)).cloned();
    Some(Mapped {
        role,
        lost: lost.collect(),
    })
}

pub(super) async fn import(client: &Client, args: ImportArgs) -> Result<Exit, Failure> {
    let found = read(&args.file)?;
    let mut refused = 0;
    for user in &found.users {
        if let Err(why) = one(client, &args, user).await {
            refused += 1;
            let name = user.name.as_deref().unwrap_or("somebody without a name");
            terminal::line(&printable(&format!("not imported: {name}: {why}")));
        }
    }
    for lost in lost(&found) {
        terminal::line(&printable(&lost));
    }
    Ok(if refused == 0 {
        Exit::Done
    } else {
        Exit::Refused
    })
}

/// What the file says and this house has no place for.
fn lost(found: &AdminAuth) -> Vec<String> {
    let mut words = Vec::new();
    if found.has_more {
        let why =
            "some users are made by code, which is not run: invite them with `redkeep user add`";
        words.push(why.to_owned());
    }
    if let Some(kind) = found.kind.as_deref().filter(|it| *it != "credentials") {
        words.push(format!(
            "adminAuth is of type {kind}: whoever signs in by it is not in the file; see docs/providers.md"
        ));
    }
    if let Some(default) = &found.default {
        words.push(format!(
            "whoever is not logged in may {} there; here nobody sees the editor without a login",
            default.join(", ")
        ));
    }
    words
}

async fn one(client: &Client, args: &ImportArgs, user: &SettingsUser) -> Result<(), String> {
    let name = user
        .name
        .as_deref()
        .ok_or("its name is worked out by code")?;
    let name: UserName = name.parse().map_err(|error| format!("{error}"))?;
    let hash = user
        .hash
        .as_deref()
        .ok_or("its password is worked out by code, such as a variable of the environment")?;
    let mapped = mapped(&user.permissions, args.full)
        .ok_or("its permissions are none that this house knows; invite them instead")?;
    if !args.dry_run {
        let body = json!({ "name": name, "role": mapped.role, "bcrypt": hash });
        let sent = client.post("/users/import", body).await;
        sent.map_err(|error| error.message)?;
    }
    let verb = if args.dry_run {
        "would import"
    } else {
        "imported"
    };
    let lost = if mapped.lost.is_empty() {
        String::new()
    } else {
        format!(", without {}", mapped.lost.join(", "))
    };
    terminal::line(&printable(&format!(
        "{verb} {name} as {}{lost}",
        mapped.role
    )));
    Ok(())
}

fn read(file: &Path) -> Result<AdminAuth, Failure> {
    let failed = || format!("cannot read {}", file.display());
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(failed)?;
    let most = u64::try_from(SETTINGS_MAX_BYTES).unwrap_or(u64::MAX);
    opened
        .take(most.saturating_add(1))
        .read_to_string(&mut text)
        .with_context(failed)?;
    admin_auth(&text)
        .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_come_to_the_nearest_role_and_what_is_lost_is_said() {
        let of = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|it| (*it).to_owned()).collect();
            mapped(&words, Role::Editor).map(|it| (it.role, it.lost))
        };
        assert_eq!(of(&["*"]), Some((Role::Editor, vec![])));
        assert_eq!(of(&["read"]), Some((Role::Viewer, vec![])));
        assert_eq!(
            of(&["flows.read", "inject.write"]),
            Some((Role::Editor, vec![]))
        );
        assert_eq!(
            of(&["flows.read", "nodes.write"]),
            Some((Role::Viewer, vec!["nodes.write".to_owned()]))
        );
        assert_eq!(of(&["projects.write"]), None);
        assert_eq!(of(&[]), None);
        let all = ["*".to_owned()];
        assert_eq!(mapped(&all, Role::Reviewer).unwrap().role, Role::Reviewer);
    }
}
