//! Caddy.

use std::{fs, process::Stdio};

use anyhow::{Context as _, Result};

use super::{Front, Peer};
use crate::process::{self, Running};

/// No log, no authority of its own, gzip 6 of all text.
pub(crate) fn proxy(front: &Front<'_>) -> Result<Peer> {
    let folder = front.folder("caddy")?;
    let certificate = Front::certificate(&folder)?;
    let port = super::free_port()?;
    let text = format!(
        "{{
    admin off
    auto_https off
    servers {{
        protocols h1 h2
    }}
}}
https://localhost:{port} {{
    bind 127.0.0.1
    tls {certificate} {certificate} {{
        protocols tls1.3
        curves x25519
    }}
    encode {{
        gzip 6
    }}
    reverse_proxy unix/{socket} {{
        header_up {header} {identity}
        transport http {{
            keepalive 300s
            keepalive_idle_conns_per_host 64
        }}
    }}
}}
",
        certificate = certificate.display(),
        header = runtime::identity::HEADER,
        identity = front.identity,
        socket = front.socket.display(),
    );
    let file = folder.join("Caddyfile");
    fs::write(&file, text)?;
    let mut command = process::command("caddy", front.place);
    command.args(["run", "--adapter", "caddyfile", "--config"]);
    command.arg(&file).env("HOME", &folder);
    let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.context("Caddy could not be started: apt-get install caddy")?;
    Peer::listening("Caddy", Running(child), port, certificate)
}
