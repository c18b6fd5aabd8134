//! `redkeep check gate`: what the outside can see of this installation, and what to mend.

mod handshake;
mod listeners;
mod points;

use std::path::PathBuf;

use anyhow::Context as _;
use model::{
    access::Role,
    clock::Clock as _,
    rules::{AccessRules, Area, Who},
};
use serde_json::{Value, json};

use super::{
    client::Client,
    output::{counted, list, printable, text},
};
use crate::{
    clock::SystemClock,
    config::{Config, Overrides},
    exit::{Exit, Failure, told},
    terminal, up,
};
use handshake::Roots;
use points::{Door, Level, Open, Person, Point, Seen, Strict};

/// Looks, and says what was found. Exit: 0 nothing to mend, 1 something, as documented in README.md.
pub(super) async fn gate(
    client: &Client,
    data_dir: PathBuf,
    over: Overrides,
    as_json: bool,
) -> Result<Exit, Failure> {
    let config =
        Config::load(data_dir, over).map_err(|error| Failure::new(Exit::Usage, told(&error)))?;
    let seen = look(client, &config).await?;
    let points = points::points(&seen);
    let to_mend = points.iter().filter(|it| it.level == Level::Mend).count();
    if as_json {
        let found = json!({ "is_running": seen.is_running, "to_mend": to_mend, "points": points });
        terminal::line(&found.to_string());
    } else {
        points.iter().for_each(show);
        terminal::line("");
        terminal::line(&match to_mend {
            0 => "Nothing to mend.".to_owned(),
            count => format!("{} to mend.", counted(count, "thing")),
        });
    }
    Ok(match to_mend {
        0 => Exit::Done,
        _ => Exit::Found,
    })
}

fn show(point: &Point) {
    let word = match point.level {
        Level::Good => "good",
        Level::Look => "look",
        Level::Mend => "mend",
    };
    terminal::line(&format!("{word}  {}", printable(&point.text)));
    if let Some(way) = &point.way {
        terminal::line(&format!("      → {}", printable(way)));
    }
}

async fn look(client: &Client, config: &Config) -> Result<Seen, Failure> {
    let status = client.get("/status").await?;
    let users = client.get("/users").await?;
    let roles = client.get("/roles").await?;
    let roles: Vec<String> = list(&roles, "/roles")
        .iter()
        .map(|it| text(it, "/name"))
        .collect();
    let rules = client.get("/access/rules").await?;
    let rules: AccessRules = serde_json::from_value(rules["rules"].clone())
        .context("the access rules are none this version knows")?;
    let listeners = listeners::all()?;
    let mut doors = if client.is_running() {
        running(&status)
    } else {
        configured(config)
    };
    if client.is_running() {
        let ca = client.get("/ca").await?;
        let roots = Roots::new(ca["pem"].as_str().unwrap_or_default())?;
        for door in &mut doors {
            door.certificate = roots.look(door, &listeners).await;
        }
    }
    doors.extend(
        config
            .acme
            .as_ref()
            .and_then(|acme| acme.http_listen)
            .map(plain),
    );
    let mut open = paths_of_policies(&status);
    open.extend(public_rules(&rules));
    Ok(Seen {
        is_running: client.is_running(),
        doors,
        open,
        console_rules: console_rules(&rules),
        listeners,
        node_users: up::jail_users(),
        own_user: up::door_user(),
        renewals: renewals(&status),
        strict: Strict {
            setting: config.hsts,
            max_age_seconds: status["strict_transport"]["max_age_seconds"].as_u64(),
            is_trial: status["strict_transport"]["good_since"].is_i64(),
        },
        has_own_files: config.tls.is_some(),
        has_authority: config.acme.is_some(),
        believed: config.proxies.trusted.clone(),
        people: people(&users),
        passkey_required: config.passkey_required.clone(),
        unknown_roles: config.roles_beside(&roles),
        now: SystemClock.now(),
    })
}

/// The doors as they are open.
fn running(status: &Value) -> Vec<Door> {
    let gates = list(status, "/instances").iter();
    let gates = gates.map(|it| (format!("gate of {}", text(it, "/id")), text(it, "/address")));
    let console = (
        points::CONSOLE.to_owned(),
        text(status, "/addresses/console"),
    );
    gates
        .chain([console])
        .filter_map(|(what, origin)| Door::of(what, &origin))
        .collect()
}

/// The doors as they would be opened.
fn configured(config: &Config) -> Vec<Door> {
    let gates = config.instances.iter().map(|it| {
        let what = format!("gate of {}", it.id);
        Door::new(what, config.name.clone(), it.listen.port())
    });
    let port = config.console_listen.port();
    let console = Door::new(
        points::CONSOLE.to_owned(),
        config.console_name.clone(),
        port,
    );
    gates.chain([console]).collect()
}

/// Where a certificate authority asks for a proof, by plain HTTP.
fn plain(address: std::net::SocketAddr) -> Door {
    let what = "proofs for the certificate authority".to_owned();
    Door::new(what, String::new(), address.port())
}

fn paths_of_policies(status: &Value) -> Vec<Open> {
    let instances = list(status, "/instances").iter();
    instances
        .flat_map(|it| {
            let paths = list(it, "/policy/public_paths").iter();
            paths.filter_map(Value::as_str).map(|path| Open {
                what: format!("{path} on {}", text(it, "/id")),
                from: "anywhere".to_owned(),
                by: "the instance's policy".to_owned(),
            })
        })
        .collect()
}

fn public_rules(rules: &AccessRules) -> impl Iterator<Item = Open> {
    let placed = (1..).zip(&rules.rules);
    placed
        .filter(|(_, rule)| rule.who == Who::Public)
        .map(|(place, rule): (usize, _)| Open {
            what: rule.what_words(),
            from: rule.from_words(),
            by: format!("access rule {place}"),
        })
}

/// What rules say about the console, in words.
fn console_rules(rules: &AccessRules) -> Vec<String> {
    let placed = (1..).zip(&rules.rules);
    placed
        .filter(|(_, rule)| rule.areas.contains(&Area::Console))
        .map(|(place, rule): (usize, _)| {
            format!("rule {place}: from {}, {}", rule.from_words(), rule.who)
        })
        .collect()
}

/// Names and what went wrong, of each certificate an authority was asked for.
fn renewals(status: &Value) -> Vec<(String, String)> {
    let certificates = list(status, "/certificates").iter();
    certificates
        .map(|it| {
            let names = list(it, "/names").iter().filter_map(Value::as_str);
            let names: Vec<&str> = names.collect();
            (names.join(", "), text(it, "/error"))
        })
        .filter(|(_, error)| !error.is_empty())
        .collect()
}

fn people(users: &Value) -> Vec<Person> {
    let users = list(users, "/users").iter();
    users
        .filter_map(|user| {
            Some(Person {
                name: text(user, "/name"),
                role: serde_json::from_value::<Role>(user["role"].clone()).ok()?,
                has_second_factor: user["has_second_factor"] == true,
                has_passkey: user["passkeys"].as_u64().unwrap_or(0) > 0,
            })
        })
        .collect()
}
