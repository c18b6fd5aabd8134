//! nginx: as the peer in front of Node-RED, and as an upstream that is never the limit.

use std::{
    fs,
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result};

use crate::{
    cost,
    process::{self, Place, Running},
};

/// One running nginx.
#[derive(Debug)]
pub(crate) struct Nginx {
    running: Running,
    /// `localhost:port`, if it listens there.
    pub(crate) host: String,
    /// Where it listens.
    pub(crate) port: u16,
}

impl Nginx {
    /// The peer: TLS 1.3, HTTP/1.1 and HTTP/2, one worker, no log, large buffers, gzip of all text.
    /// `identity`: what tells Node-RED who asks.
    pub(crate) fn proxy(
        folder: &Path,
        socket: &Path,
        identity: &str,
        place: Place,
    ) -> Result<Self> {
        let folder = folder.join("nginx");
        fs::create_dir(&folder)?;
        let names = vec!["localhost".to_owned()];
        // rcgen's keys are P-256 unless asked otherwise.
        let made = rcgen::generate_simple_self_signed(names).context("a certificate")?;
        fs::write(folder.join("cert.pem"), made.cert.pem())?;
        fs::write(folder.join("key.pem"), made.signing_key.serialize_pem())?;
        let port = free_port()?;
        let server = format!(
            "gzip on; gzip_comp_level 6; gzip_proxied any; gzip_min_length 1024; gzip_vary on;
    gzip_types text/css text/plain text/javascript application/javascript application/json image/svg+xml;
    upstream node_red {{ server unix:{socket}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port} ssl http2 backlog=1024;
        ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
        ssl_protocols TLSv1.3; ssl_ecdh_curve X25519; ssl_session_cache off;
        keepalive_requests 100000000; http2_max_concurrent_streams 128;
        location / {{
            proxy_pass http://node_red; proxy_http_version 1.1;
            proxy_set_header Connection \"\"; proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header {header} \"{identity}\";
            proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
            proxy_max_temp_file_size 0;
        }}
    }}",
            socket = socket.display(),
            folder = folder.display(),
            header = runtime::identity::HEADER,
        );
        let running = start(&folder, &server, place, None)?;
        process::until("nginx listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Self {
            running,
            host: format!("localhost:{port}"),
            port,
        })
    }

    /// The fast upstream, in the place of Node-RED's socket: answers `/hello` with 1 KB and `/large`
    /// with 10 MB by itself and hands everything else on to Node-RED, which is still asked whether
    /// it is well. It runs as Node-RED's user, because the gate speaks to no other.
    pub(crate) fn upstream(folder: &Path, socket: &Path, place: Place) -> Result<Self> {
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
        Ok(Self {
            running,
            host: String::new(),
            port: 0,
        })
    }

    /// Its processes: the master and its worker.
    pub(crate) fn pids(&self) -> Vec<u32> {
        cost::family(self.running.pid()).into_iter().collect()
    }

    /// Fails if it has ended.
    pub(crate) fn assert_running(&mut self) -> Result<()> {
        self.running.assert_running("nginx")
    }
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

/// A port that is free just now.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
