//! nginx.

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result};

use super::{Front, Peer};
use crate::process::{self, Place, Running};

/// TLS 1.3, HTTP/1.1 and HTTP/2, one worker, no log, large buffers, gzip of all text.
pub(crate) fn proxy(front: &Front<'_>) -> Result<Peer> {
    let folder = front.folder("nginx")?;
    let certificate = Front::certificate(&folder)?;
    let port = super::free_port()?;
    let server = format!(
        "gzip on; gzip_comp_level 6; gzip_proxied any; gzip_min_length 1024; gzip_vary on;
    gzip_types text/css text/plain text/javascript application/javascript application/json image/svg+xml;
    map $http_upgrade $hop {{ default upgrade; \"\" \"\"; }}
    upstream node_red {{ server unix:{socket}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} ssl http2 backlog=1024;
        ssl_certificate {certificate}; ssl_certificate_key {certificate};
        ssl_protocols TLSv1.3; ssl_ecdh_curve X25519; ssl_session_cache off;
        keepalive_requests 100000000; http2_max_concurrent_streams 128;
        location / {{
            proxy_pass http://node_red; proxy_http_version 1.1; proxy_read_timeout 300s;
            proxy_set_header Connection $hop; proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header {header} \"{identity}\";
            proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
            proxy_max_temp_file_size 0;
        }}
    }}",
        socket = front.socket.display(),
        certificate = certificate.display(),
        header = runtime::identity::HEADER,
        identity = front.identity,
    );
    let running = start(&folder, &server, front.place, None)?;
    Peer::listening("nginx", running, port, certificate)
}

/// The fast upstream, in the place of Node-RED's socket: answers `/hello` with 1 KB and `/large`
/// with 10 MB by itself and hands everything else on to Node-RED, which is still asked whether
/// it is well. It runs as Node-RED's user, because the gate speaks to no other.
pub(crate) fn upstream(folder: &Path, socket: &Path, place: Place) -> Result<Running> {
    let folder = folder.join("upstream");
    fs::create_dir(&folder)?;
    let owner = fs::metadata(socket)?;
    let owner = (owner.uid(), owner.gid());
    fs::write(folder.join("hello"), "h".repeat(1024))?;
    fs::write(folder.join("large"), vec![b'l'; 10 << 20])?;
    std::os::unix::fs::chown(&folder, Some(owner.0), Some(owner.1))?;
    let behind = socket.with_file_name("behind.sock");
    let server = format!(
        "default_type text/plain; sendfile on; open_file_cache max=8;
upstream node_red {{ server unix:{behind}; keepalive 8; }}
server {{
    listen unix:{socket} backlog=1024; keepalive_requests 100000000; keepalive_timeout 300s;
    root {folder};
    location = /hello {{ }}
    location = /large {{ }}
    location / {{
        proxy_pass http://node_red; proxy_http_version 1.1;
        proxy_set_header Connection $http_connection; proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Host $http_host;
    }}
}}",
        behind = behind.display(),
        socket = socket.display(),
        folder = folder.display(),
    );
    fs::rename(socket, &behind)?;
    let running = start(&folder, &server, place, Some(owner))?;
    process::until("the fast upstream listens", || socket.exists())?;
    Ok(running)
}

fn start(folder: &Path, server: &str, place: Place, user: Option<(u32, u32)>) -> Result<Running> {
    let here = folder.display();
    let is_root = rustix::process::getuid().is_root();
    let worker = if is_root && user.is_none() {
        "user root;"
    } else {
        ""
    };
    let text = format!(
        "daemon off; worker_processes 1; {worker} pid {here}/pid; error_log {here}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
    {server}
}}
"
    );
    let file: PathBuf = folder.join("nginx.conf");
    fs::write(&file, text)?;
    let mut command = process::command("nginx", place);
    command
        .arg("-e")
        .arg(folder.join("error.log"))
        .arg("-c")
        .arg(&file);
    if let Some((uid, gid)) = user.filter(|_| is_root) {
        command.uid(uid).gid(gid);
    }
    let child = command.stdin(Stdio::null()).spawn().context(
        "nginx could not be started: install Debian's nginx-light (and util-linux for taskset)",
    )?;
    Ok(Running(child))
}
