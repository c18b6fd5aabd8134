//! Saving an instance's rules.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use model::{
    access::Permission,
    id::InstanceId,
    instance::{
        ApplyPolicy, Demand, Emergencies, MemoryError, Network, OwnChanges, Policy,
        RehearsalPolicy, Together,
    },
};

use super::show::{Again, PolicyForm, build};
use crate::{
    App,
    csrf::{Fields, Posted},
    problem::{PageError, Problem},
    shell::page as render,
};

/// Lines a list may have.
const LINES_MAX: usize = 200;

/// `POST /settings/policy`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    by.caller.require(Permission::Administer)?;
    let id: InstanceId = fields.get("instance").parse().map_err(Problem::from)?;
    let instance = app.store.instance(&id).await?;
    let form = typed(&fields);
    match read(&form, instance.policy) {
        Ok(policy) => {
            app.store
                .set_policy(&id, &policy, &by.caller.actor())
                .await?;
            let to = format!("/settings?instance={id}&done=policy");
            Ok(Redirect::to(&to).into_response())
        }
        Err(error) => {
            let again = Again {
                instance: id.clone(),
                form,
                error,
            };
            let page = build(&app, &by, Some(&id), Some(again)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
    }
}

fn typed(fields: &Fields) -> PolicyForm {
    PolicyForm {
        is_automatic: fields.get("apply") == "automatic",
        is_four_eyes: fields.get("own") == "four-eyes",
        asks_touch: fields.get("touch") == "yes",
        emergencies: match fields.get("emergencies") {
            "allowed" => "allowed",
            "administrators" => "administrators",
            _ => "never",
        },
        together: match fields.get("together") {
            "notes" => "notes",
            "plain" => "plain",
            _ => "never",
        },
        rehearsal: match fields.get("rehearsal") {
            "off" => "off",
            "shown" => "shown",
            _ => "required",
        },
        network: match fields.get("network") {
            "any" => "any",
            "ports" => "ports",
            _ => "none",
        },
        ports: fields.get("ports").to_owned(),
        commands: fields.get("commands").to_owned(),
        public_paths: fields.get("public_paths").to_owned(),
        memory: fields.get("memory").trim().to_owned(),
        cpu_percent: fields.get("cpu_percent").trim().to_owned(),
        demands: fields.get("demands").to_owned(),
    }
}

fn read(form: &PolicyForm, present: Policy) -> Result<Policy, String> {
    let network = match form.network {
        "any" => Network::Any,
        "ports" => Network::Ports(ports(&form.ports)?),
        _ => Network::None,
    };
    let commands = lines(&form.commands)?;
    if let Some(bad) = commands.iter().find(|path| !is_plain_path(path)) {
        return Err(format!(
            "{bad:?} is not an absolute path of a command, such as /usr/bin/ping."
        ));
    }
    let public_paths = lines(&form.public_paths)?;
    if let Some(bad) = public_paths.iter().find(|path| !is_plain_path(path)) {
        return Err(format!("{bad:?} is not a path, such as /dashboard."));
    }
    let memory = match form.memory.as_str() {
        "" => None,
        text => Some(
            text.parse()
                .map_err(|error: MemoryError| format!("{error}."))?,
        ),
    };
    let cpu_percent = match form.cpu_percent.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| {
            format!("{text:?} is not a share of processor time; write 150 for one core and a half.")
        })?),
    };
    let demands = lines(&form.demands)?;
    let demands = demands.iter().map(|line| line.parse());
    let demands = demands
        .collect::<Result<Vec<Demand>, _>>()
        .map_err(|error| crate::wording::sentence(&error.to_string()))?;
    Ok(Policy {
        demands,
        memory,
        cpu_percent,
        apply: if form.is_automatic {
            ApplyPolicy::Automatic
        } else {
            ApplyPolicy::Reviewed
        },
        own_changes: if form.is_four_eyes {
            OwnChanges::FourEyes
        } else {
            OwnChanges::Allowed
        },
        touch: form.asks_touch,
        emergencies: match form.emergencies {
            "allowed" => Emergencies::Allowed,
            "administrators" => Emergencies::Administrators,
            _ => Emergencies::Never,
        },
        together: match form.together {
            "notes" => Together::Notes,
            "plain" => Together::Plain,
            _ => Together::Never,
        },
        rehearsal: match form.rehearsal {
            "off" => RehearsalPolicy::Off,
            "shown" => RehearsalPolicy::Shown,
            _ => RehearsalPolicy::Required,
        },
        network,
        commands,
        public_paths,
        ..present
    })
}

/// `/a/b`, without `..`, doubled slashes, queries or controls.
pub(crate) fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= 200
        && !path.contains("//")
        && path.split('/').all(|part| part != "." && part != "..")
        && path
            .chars()
            .all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '\\' | '%'))
}

fn lines(text: &str) -> Result<Vec<String>, String> {
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    if lines.len() > LINES_MAX {
        return Err(format!("A list has at most {LINES_MAX} lines."));
    }
    Ok(lines)
}

fn ports(text: &str) -> Result<Vec<u16>, String> {
    let words = text
        .split(|c: char| c == ',' || c.is_whitespace())
        .filter(|w| !w.is_empty());
    let mut ports = Vec::new();
    for word in words {
        match word.parse() {
            Ok(port) if port > 0 => ports.push(port),
            _ => {
                return Err(format!(
                    "{word:?} is not a TCP port; write them as 1883, 443."
                ));
            }
        }
    }
    if ports.is_empty() {
        return Err("Name at least one port, or choose that nothing may be reached.".to_owned());
    }
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_or_refused_with_the_word() {
        assert_eq!(ports("443, 1883 443").unwrap(), [443, 1883]);
        for bad in ["", "0", "70000", "http"] {
            assert!(ports(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_plain_paths_are_taken() {
        assert!(is_plain_path("/usr/bin/ping"));
        for bad in ["ping", "/a/../b", "/a//b", "/a?b", "/a b", "/%2e", ""] {
            assert!(!is_plain_path(bad), "{bad:?}");
        }
    }
}
