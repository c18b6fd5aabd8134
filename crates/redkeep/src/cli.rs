//! The command line. Every verb but `up` is a client of the API, over the local control socket
//! while `redkeep up` runs, and in this process otherwise.

mod access;
mod certificates;
mod check;
mod client;
mod deployments;
mod export;
mod file;
mod inspect;
mod output;
mod people;
mod record;
mod review;
mod status;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, str::FromStr};

use clap::{Args, Parser, Subcommand};
use model::{
    access::{Permission, Role, RoleName, Scope},
    id::{DeploymentId, Hash, InstanceId, UserName},
    instance::NodeRedMajor,
    mail::MailAddress,
};

use crate::{
    config::{Overrides, default_data_dir},
    exit::{Exit, Failure},
    terminal, up,
};

use client::Client;

/// Runs Node-RED where it cannot be reached, changed or misused by anyone who shouldn't.
#[derive(Debug, Parser)]
#[command(name = "redkeep", version, propagate_version = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// Where everything is kept [default: /var/lib/redkeep as root, else ~/.local/share/redkeep]
    #[arg(long, global = true, env = "REDKEEP_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start: fetch what is missing, guard Node-RED, serve the editor and the console
    Up(UpArgs),
    /// Show what runs, how well it is jailed, and what waits
    Status,
    /// Show Node-RED's log
    Logs {
        /// Go on showing new lines
        #[arg(short, long)]
        follow: bool,
        /// Which instance
        #[arg(long, default_value = "main")]
        instance: InstanceId,
        /// How many lines back
        #[arg(short = 'n', long, default_value_t = 100)]
        lines: u32,
    },
    /// People who may log in
    #[command(subcommand)]
    User(UserVerb),
    /// Mails to people
    #[command(subcommand)]
    Mail(MailVerb),
    /// Tokens for scripts and command-line clients
    #[command(subcommand)]
    Token(TokenVerb),
    /// Roles: sets of permissions
    #[command(subcommand)]
    Role(RoleVerb),
    /// Check an exported deployment; needs nothing but the file
    Verify {
        file: PathBuf,
        /// The public key it must be signed with, as `redkeep status --json` says it (`export_key`)
        #[arg(long, value_name = "HEX")]
        key: Option<String>,
        /// Show long values whole
        #[arg(long)]
        full: bool,
    },
    /// Who may come from where
    #[command(subcommand)]
    Access(access::AccessVerb),
    /// The queue
    #[command(subcommand)]
    Deployments(DeploymentVerb),
    /// Say what a flow file would do, or change against another; needs nothing that runs
    Inspect(inspect::InspectArgs),
    /// The audit record
    #[command(subcommand)]
    Audit(AuditVerb),
    /// The certificates of the doors
    #[command(subcommand)]
    Certificates(certificates::CertificateVerb),
    /// Redkeep's own certificate authority
    #[command(subcommand)]
    Ca(CaVerb),
    /// Look at this installation and say what to mend
    #[command(subcommand)]
    Check(CheckVerb),
}

#[derive(Debug, Args)]
struct UpArgs {
    /// Where the gate listens
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where the console listens
    #[arg(long, value_name = "ADDR")]
    console_listen: Option<SocketAddr>,
    /// Which Node-RED: 5 or 4
    #[arg(long, value_parser = node_red_major)]
    node_red: Option<NodeRedMajor>,
    /// Where npm packages come from
    #[arg(long, value_name = "URL")]
    npm_registry: Option<String>,
    /// The configuration file [default: redkeep.toml in the data directory]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn node_red_major(text: &str) -> Result<NodeRedMajor, String> {
    match text {
        "5" => Ok(NodeRedMajor::V5),
        "4" => Ok(NodeRedMajor::V4),
        _ => Err("Node-RED 5 and 4 can be chosen".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
enum UserVerb {
    /// Add a user
    Add {
        name: UserName,
        /// viewer, editor, reviewer, administrator, auditor, or a role made here
        #[arg(long, value_parser = Role::from_str)]
        role: Role,
        /// Read the password from standard input (one line); without it, print an enrolment link
        #[arg(long)]
        password_stdin: bool,
        /// Do not ask for a second factor at login
        #[arg(long, requires = "password_stdin")]
        no_second_factor: bool,
    },
    /// List users
    List,
    /// Lock a user out and print a one-time link to choose password and second factor anew
    Reset { name: UserName },
    /// Keep a local account for the day no provider answers: it works always, and its use alarms
    BreakGlass {
        name: UserName,
        /// An account like any other again
        #[arg(long)]
        off: bool,
    },
    /// Say where a user gets mails, and which
    Mail(people::MailArgs),
    /// Take the users of a Node-RED's adminAuth over; their passwords stay good until they are changed
    Import(people::ImportArgs),
    /// Remove a user
    Remove { name: UserName },
}

#[derive(Debug, Subcommand)]
enum RoleVerb {
    /// List roles, and what each permits
    List,
    /// Make a role, or change what it permits: for whoever has it, at once
    Set {
        name: RoleName,
        /// use-endpoints, read-runtime, trigger, propose, read-queue, decide, apply, read-record,
        /// read-logs, administer
        #[arg(required = true, value_parser = Permission::from_str)]
        permissions: Vec<Permission>,
    },
    /// Remove a role nobody has
    Remove { name: RoleName },
}

#[derive(Debug, Subcommand)]
enum MailVerb {
    /// Send one mail now, and say what goes wrong
    Test { address: MailAddress },
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token; its secret is shown once
    Create {
        /// Whose rights it has at most
        #[arg(long)]
        user: UserName,
        /// read, propose, review, audit or admin; may be repeated
        #[arg(long, required = true, value_parser = Scope::from_str)]
        scope: Vec<Scope>,
        /// What it is for
        #[arg(long, default_value = "made on the command line")]
        label: String,
        /// How long it is good
        #[arg(long, default_value_t = 90)]
        days: u32,
    },
    /// List tokens
    List,
    /// Revoke a token
    Revoke { id: i64 },
}

#[derive(Debug, Subcommand)]
enum DeploymentVerb {
    /// List deployments, newest first
    List {
        /// Only of this instance
        #[arg(long)]
        instance: Option<InstanceId>,
        /// Ended ones too
        #[arg(long)]
        all: bool,
    },
    /// Show one: the whole review
    Show {
        id: DeploymentId,
        /// Show long values whole
        #[arg(long)]
        full: bool,
    },
    /// Draw one: a tab with its changes, as SVG or PNG
    Picture(deployments::PictureArgs),
    /// Approve or reject one change
    Decide(deployments::DecideArgs),
    /// Say something about one, or about one of its changes
    Comment(deployments::CommentArgs),
    /// Write one as a signed file that `redkeep verify` checks
    Export {
        id: DeploymentId,
        /// Where to [default: deployment-N.redkeep.json]
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Write over a file that is there
        #[arg(long)]
        force: bool,
    },
    /// Approve every change not decided yet, and the whole
    Approve {
        id: DeploymentId,
        /// The hash that was shown; refused if it is another by now
        #[arg(long)]
        hash: Option<Hash>,
    },
    /// Have it tried again in a throw-away Node-RED without a network
    Rehearse { id: DeploymentId },
    /// Reject the whole
    Reject {
        id: DeploymentId,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Apply an approved deployment and wait until it runs
    Apply {
        id: DeploymentId,
        /// Apply it before its review, for this reason; it stays flagged until somebody else has
        /// looked at it
        #[arg(long, value_name = "REASON")]
        emergency: Option<String>,
        /// The hash that was shown; refused if it is another by now
        #[arg(long)]
        hash: Option<Hash>,
    },
    /// Propose a return to a snapshot (without --to: list them)
    Rollback {
        /// Which instance
        #[arg(long, default_value = "main")]
        instance: InstanceId,
        /// The snapshot's hash
        #[arg(long)]
        to: Option<Hash>,
    },
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// List entries, newest first
    List {
        /// How many
        #[arg(short = 'n', long, default_value_t = 100)]
        limit: u32,
        /// Only of this kind, such as login-failed
        #[arg(long)]
        kind: Option<String>,
        /// Only of this user
        #[arg(long)]
        user: Option<UserName>,
        /// Only of this instance
        #[arg(long)]
        instance: Option<InstanceId>,
    },
    /// Check every entry and every link
    Verify,
}

#[derive(Debug, Subcommand)]
enum CheckVerb {
    /// What the outside can see: doors, certificates, other ways in, open paths, logins; ends with 1
    /// when something is to be mended
    Gate {
        /// The configuration file `up` was started with [default: redkeep.toml in the data directory]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum CaVerb {
    /// Print the root certificate (PEM), for import into browsers and clients
    Show,
}

/// Reads the command line and does as it says.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            // clap's own way of printing help and errors; a closed pipe is no failure of ours.
            return if error.print().is_ok() {
                exit.into()
            } else {
                Exit::Failed.into()
            };
        }
    };
    let json = cli.common.json;
    match start(cli) {
        Ok(exit) => exit.into(),
        Err(Failure { exit, message }) => {
            if json {
                let error = serde_json::json!({ "error": { "message": message } });
                terminal::line(&error.to_string());
            }
            terminal::say(&format!("redkeep: {message}"));
            exit.into()
        }
    }
}

fn start(cli: Cli) -> Result<Exit, Failure> {
    if let Verb::Inspect(args) = &cli.verb {
        return inspect::run(args, cli.common.json);
    }
    let data_dir = match cli.common.data_dir {
        Some(dir) => dir,
        None => default_data_dir()?,
    };
    let data_dir = std::path::absolute(&data_dir)?;
    if let Err(error) = sandbox::process::raise_nofile() {
        terminal::say(&format!(
            "the limit of open files could not be raised: {error}"
        ));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let json = cli.common.json;
    runtime.block_on(async move {
        if let Verb::Up(args) = cli.verb {
            let UpArgs {
                listen,
                console_listen,
                node_red,
                npm_registry,
                config,
            } = args;
            let over = Overrides {
                config,
                listen,
                console_listen,
                node_red,
                npm_registry,
            };
            return up::run(data_dir, over, json).await;
        }
        if let Verb::Verify { file, key, full } = cli.verb {
            return export::verify(&file, key.as_deref(), full, json);
        }
        let client = Client::connect(data_dir.clone()).await?;
        if let Verb::Check(CheckVerb::Gate { config }) = cli.verb {
            let over = Overrides {
                config,
                ..Overrides::default()
            };
            return check::gate(&client, data_dir, over, json).await;
        }
        act(&client, cli.verb, json).await
    })
}

async fn act(client: &Client, verb: Verb, json: bool) -> Result<Exit, Failure> {
    match verb {
        // Handled before.
        Verb::Up(_) | Verb::Verify { .. } | Verb::Inspect(_) | Verb::Check(_) => Ok(Exit::Usage),
        Verb::Status => status::status(client, json).await,
        Verb::Logs {
            follow,
            instance,
            lines,
        } => status::logs(client, json, &instance, lines, follow).await,
        Verb::User(verb) => people::user(client, json, verb).await,
        Verb::Mail(MailVerb::Test { address }) => people::try_mail(client, json, &address).await,
        Verb::Token(verb) => people::token(client, json, verb).await,
        Verb::Role(verb) => people::role(client, json, verb).await,
        Verb::Access(verb) => access::run(client, json, verb).await,
        Verb::Deployments(verb) => deployments::run(client, json, verb).await,
        Verb::Audit(verb) => record::audit(client, json, verb).await,
        Verb::Certificates(verb) => certificates::run(client, json, &verb).await,
        Verb::Ca(CaVerb::Show) => record::ca(client, json).await,
    }
}
