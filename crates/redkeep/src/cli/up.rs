//! What `redkeep up` takes.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use model::instance::NodeRedMajor;

use crate::config::Overrides;

#[derive(Debug, Args)]
pub(super) struct UpArgs {
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
    /// Take the listening sockets over from the Redkeep that runs with this data directory; it ends
    /// once this one is ready, and goes on if it does not become so
    #[arg(long)]
    pub(super) take_over: bool,
}

impl From<UpArgs> for Overrides {
    fn from(args: UpArgs) -> Self {
        let UpArgs {
            listen,
            console_listen,
            node_red,
            npm_registry,
            config,
            take_over: _,
        } = args;
        Self {
            config,
            listen,
            console_listen,
            node_red,
            npm_registry,
        }
    }
}

fn node_red_major(text: &str) -> Result<NodeRedMajor, String> {
    match text {
        "5" => Ok(NodeRedMajor::V5),
        "4" => Ok(NodeRedMajor::V4),
        _ => Err("Node-RED 5 and 4 can be chosen".to_owned()),
    }
}
