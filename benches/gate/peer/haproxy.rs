//! HAProxy.

use std::{fs, process::Stdio};

use anyhow::{Context as _, Result};

use super::{Front, Peer};
use crate::process::{self, Running};

/// One thread, no log, gzip of all text, buffers of 64 KiB.
pub(crate) fn proxy(front: &Front<'_>) -> Result<Peer> {
    let folder = front.folder("haproxy")?;
    let certificate = Front::certificate(&folder)?;
    let port = super::free_port()?;
    let text = format!(
        "global
    nbthread 1
    maxconn 8192
    tune.bufsize 65536
    tune.ssl.cachesize 0
    ssl-default-bind-options ssl-min-ver TLSv1.3
    ssl-default-bind-curves X25519
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout tunnel 300s
    timeout http-keep-alive 300s
    http-reuse always
    compression algo gzip
    compression type text/css text/plain text/html text/javascript application/javascript application/json image/svg+xml
frontend door
    bind 127.0.0.1:{port} ssl crt {certificate} alpn h2,http/1.1
    http-request set-header x-forwarded-proto https
    http-request set-header x-forwarded-for %[src]
    http-request set-header {header} {identity}
    default_backend node_red
backend node_red
    server node_red unix@{socket} pool-max-conn 64 pool-purge-delay 300s
",
        certificate = certificate.display(),
        header = runtime::identity::HEADER,
        identity = front.identity,
        socket = front.socket.display(),
    );
    let file = folder.join("haproxy.cfg");
    fs::write(&file, text)?;
    let mut command = process::command("haproxy", front.place);
    command.arg("-db").arg("-f").arg(&file);
    let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.context("HAProxy could not be started: apt-get install haproxy")?;
    Peer::listening("HAProxy", Running(child), port, certificate)
}
