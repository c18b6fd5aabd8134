//! What the person who started it is told.

use std::io::IsTerminal as _;

use console::Addresses;
use model::{access::Role, principal::Actor};
use runtime::status::{InstanceStatus, Phase};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::House;
use crate::{exit::Failure, terminal};

/// How long the first administrator has to follow the enrolment link.
const ENROLMENT_SECONDS: i64 = 24 * 3600;

/// `usvg` warns of each character of a flow that the font lacks.
const USUAL: &str = "warn,usvg=error";

/// Logs to standard error: warnings and worse unless `REDKEEP_LOG` says otherwise.
pub(crate) fn log_to_stderr(json: bool) {
    let filter = crate::config::environment("REDKEEP_LOG").unwrap_or_else(|| USUAL.to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(USUAL));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let set = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
    if set.is_err() {
        terminal::say("the log was set up already");
    }
}

/// How an instance came up, and what its jail lacks.
pub(crate) fn instance(status: &InstanceStatus) {
    let id = &status.id;
    let text = match &status.phase {
        Phase::Ready => format!("{id}: Node-RED {} runs", status.node_red),
        Phase::Degraded { reason } if status.flows_run => {
            format!(
                "{id}: Node-RED {} runs, but not all of it: {reason}",
                status.node_red
            )
        }
        Phase::Degraded { reason } => {
            format!("{id}: Node-RED answers, but its flows do not run: {reason}")
        }
        Phase::BackingOff { reason, .. } => {
            format!("{id}: Node-RED does not run yet and will be started again: {reason}")
        }
        Phase::CrashLoop { reason } => format!("{id}: Node-RED ends again and again: {reason}"),
        Phase::Refused { reason } => format!("{id}: Node-RED was not started: {reason}"),
        Phase::Starting | Phase::Stopped => format!("{id}: Node-RED is still starting"),
    };
    terminal::say(&text);
    for layer in status
        .enforcement
        .iter()
        .filter(|layer| layer.state != "enforced")
    {
        terminal::say(&format!("  the jail lacks {}: {}", layer.layer, layer.note));
    }
}

/// What is demanded of a role that there is none of is demanded of nobody.
pub(crate) async fn unknown_roles(house: &House) -> Result<(), Failure> {
    let made = house.store.custom_roles().await?;
    let made = made.iter().map(|it| it.name.as_str());
    let known = Role::ALL.iter().map(Role::as_str).chain(made);
    let known: Vec<String> = known.map(str::to_owned).collect();
    for role in house.config.roles_beside(&known) {
        let way = crate::config::roles::WAY;
        terminal::say(&format!(
            "the configuration names the role {role}, and there is none: {way}"
        ));
    }
    Ok(())
}

/// Where everything is; and, while nobody can log in, the way to become the first administrator.
pub(crate) async fn ready(
    house: &House,
    addresses: &Addresses,
    ca_pem: &str,
    as_json: bool,
) -> Result<(), Failure> {
    let console = &addresses.console_origin;
    let enrolment = if house.store.users().await?.is_empty() {
        let (role, by) = (Role::Administrator, Actor::System);
        let made = house
            .store
            .make_enrolment(role, None, ENROLMENT_SECONDS, &by)
            .await?;
        Some(format!("{console}/enrol?token={}", made.secret))
    } else {
        None
    };
    let ca_file = house.config.data_dir.join("tls/ca.pem");
    let ca_file = (!ca_pem.is_empty()).then_some(ca_file);
    if as_json {
        let instances: Vec<_> = house
            .workshop
            .statuses()
            .into_iter()
            .map(|status| {
                let address = addresses.gate(&status.id);
                json!({
                    "id": status.id,
                    "editor": address,
                    "node_red": status.node_red,
                    "node": status.node,
                    "status": status.phase,
                })
            })
            .collect();
        let line = json!({
            "ready": true,
            "version": env!("CARGO_PKG_VERSION"),
            "editor": addresses.gates.first().map(|(_, origin)| origin),
            "console": console,
            "ca_file": ca_file,
            "enrolment": enrolment,
            "instances": instances,
            "data_dir": house.config.data_dir,
        });
        terminal::line(&line.to_string());
        return Ok(());
    }
    terminal::line("");
    for (id, origin) in &addresses.gates {
        terminal::line(&format!("  editor of {id:<10}  {origin}"));
    }
    terminal::line(&format!("  console               {console}"));
    if let Some(file) = ca_file {
        terminal::line(&format!("  certificate to trust  {}", file.display()));
    }
    if let Some(link) = enrolment {
        terminal::line("\n  Nobody can log in yet. Open this once to become the administrator:");
        terminal::line(&format!("  {link}"));
    }
    terminal::line("\n  Stop with Ctrl-C.");
    Ok(())
}

/// SIGTERM and SIGINT, caught from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Catches them.
    pub(crate) fn catch() -> Result<Self, Failure> {
        let (term, int) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        Ok(Self { term, int })
    }

    /// Waits for one.
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }
}
