//! What stands beside the gate: the same work with nginx, HAProxy and Caddy, each in front of the same
//! Node-RED with TLS 1.3, HTTP/1.1 and HTTP/2, upstream connections kept, and nobody asked who they are.

mod caddy;
mod haproxy;
pub(crate) mod nginx;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{
    cost,
    load::Door,
    process::{self, Place, Running},
};

/// What every peer stands in front of.
#[derive(Debug)]
pub(crate) struct Front<'a> {
    /// For its files.
    pub(crate) folder: &'a Path,
    /// Node-RED's socket.
    pub(crate) socket: &'a Path,
    /// What tells Node-RED who asks.
    pub(crate) identity: &'a str,
    /// Where it runs.
    pub(crate) place: Place,
}

impl Front<'_> {
    /// A new folder of this name.
    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// A file with a certificate and its key.
    fn certificate(folder: &Path) -> Result<PathBuf> {
        let names = vec!["localhost".to_owned()];
        // rcgen's keys are P-256 unless asked otherwise, as the gate's are.
        let made = rcgen::generate_simple_self_signed(names).context("a certificate")?;
        let file = folder.join("certificate.pem");
        let both = made.cert.pem() + &made.signing_key.serialize_pem();
        fs::write(&file, both)?;
        Ok(file)
    }
}

/// One running peer.
#[derive(Debug)]
pub(crate) struct Peer {
    name: &'static str,
    running: Running,
    port: u16,
    certificate: PathBuf,
}

impl Peer {
    /// All of them.
    pub(crate) fn all(front: &Front<'_>) -> Result<Vec<Self>> {
        Ok(vec![
            nginx::proxy(front)?,
            haproxy::proxy(front)?,
            caddy::proxy(front)?,
        ])
    }

    /// A program that was started, once it takes connections.
    fn listening(
        name: &'static str,
        running: Running,
        port: u16,
        certificate: PathBuf,
    ) -> Result<Self> {
        process::until(&format!("{name} listens"), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        })?;
        Ok(Self {
            name,
            running,
            port,
            certificate,
        })
    }

    /// Where it is loaded.
    pub(crate) fn door(&self) -> Door {
        Door {
            name: self.name,
            host: format!("localhost:{}", self.port),
            port: self.port,
            pids: self.pids(),
            token: None,
            trust: self.certificate.clone(),
        }
    }

    /// Its processes.
    pub(crate) fn pids(&self) -> Vec<u32> {
        cost::family(self.running.pid()).into_iter().collect()
    }

    /// Fails if it has ended.
    pub(crate) fn assert_running(&mut self) -> Result<()> {
        self.running.assert_running(self.name)
    }
}

/// What is beside the gate, in the words of each.
pub(crate) fn versions() -> Result<String> {
    let nginx = std::process::Command::new("nginx").arg("-v").output()?;
    let nginx = String::from_utf8_lossy(&nginx.stderr).into_owned();
    let haproxy = process::output(std::process::Command::new("haproxy").arg("-v"))?;
    let caddy = process::output(std::process::Command::new("caddy").arg("version"))?;
    let word = |text: &str, at: usize| text.split_whitespace().nth(at).unwrap_or("?").to_owned();
    Ok(format!(
        "{}, HAProxy {}, Caddy {}",
        nginx.trim().trim_start_matches("nginx version: "),
        word(&haproxy, 2),
        word(&caddy, 0)
    ))
}

/// A port that is free just now.
fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port())
}
