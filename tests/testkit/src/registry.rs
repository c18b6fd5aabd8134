//! A registry on loopback that has what the lock files name, and stops when it is told to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

use crate::{DataDir, NodeRed, until};

/// How it fails once it has sent what it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Every connection is cut, and no other is taken: the network went.
    Cut,
    /// Nothing more comes on any connection.
    Silence,
}

/// A registry. Dropping it closes it.
#[derive(Debug)]
pub struct Registry {
    /// Its address.
    pub address: String,
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Debug)]
struct State {
    /// Where the tarball of an address lies.
    tarballs: BTreeMap<String, PathBuf>,
    then: Then,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    left_bytes: u64,
    asked: Vec<String>,
    /// Answers being sent now, and the most there were.
    at_once: (usize, usize),
}

/// Bytes sent at a time.
const PIECE: usize = 64 << 10;

impl Registry {
    /// One with all of this Node-RED.
    pub async fn whole(node_red: NodeRed) -> Self {
        Self::failing(node_red, u64::MAX, Then::Cut).await
    }

    /// One that fails after so many bytes.
    pub async fn failing(node_red: NodeRed, left_bytes: u64, then: Then) -> Self {
        let cache = DataDir::shelf(node_red).await.join("cache/tarballs");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let told = Told {
            left_bytes,
            asked: Vec::new(),
            at_once: (0, 0),
        };
        let state = Arc::new(State {
            tarballs: tarballs(node_red, &cache),
            then,
            told: Mutex::new(told),
        });
        let serving = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = serving.clone();
                // A client that gives up breaks the connection: no fault of the registry's.
                tokio::spawn(async move { drop(state.serve(stream).await) });
            }
        });
        Self {
            address: format!("http://{address}/"),
            state,
            task: task.abort_handle(),
        }
    }

    /// The addresses asked for so far.
    pub fn asked(&self) -> Vec<String> {
        self.state.told().asked.clone()
    }

    /// The names in a cache of tarballs of what was asked for so far.
    pub fn asked_files(&self) -> BTreeSet<String> {
        let asked = self.asked();
        let found = asked
            .iter()
            .filter_map(|path| self.state.tarballs.get(path));
        found
            .filter_map(|file| Some(file.file_name()?.to_str()?.to_owned()))
            .collect()
    }

    /// The most answers that were on their way at the same time.
    pub fn most_at_once(&self) -> usize {
        self.state.told().at_once.1
    }

    /// Waits until it has sent all it may.
    pub async fn spent(&self) {
        until("the registry stopping in the middle", || async {
            (self.state.told().left_bytes == 0).then_some(())
        })
        .await;
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        loop {
            let Some(path) = asked(&mut stream).await? else {
                return Ok(());
            };
            self.told().asked.push(path.clone());
            let Some(file) = self.tarballs.get(&path) else {
                let head = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                continue;
            };
            let bytes = fs::read(file)?;
            {
                let at_once = &mut self.told().at_once;
                at_once.0 += 1;
                at_once.1 = at_once.1.max(at_once.0);
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len());
            stream.write_all(head.as_bytes()).await?;
            for piece in bytes.chunks(PIECE) {
                if !self.may_send(piece.len()) {
                    if self.then == Then::Silence {
                        std::future::pending::<()>().await;
                    }
                    return Ok(());
                }
                stream.write_all(piece).await?;
            }
            self.told().at_once.0 -= 1;
        }
    }

    /// Takes that many bytes from what may be sent; nothing more may be once there are too few.
    fn may_send(&self, bytes: usize) -> bool {
        let mut told = self.told();
        let left = told.left_bytes.checked_sub(bytes as u64);
        told.left_bytes = left.unwrap_or(0);
        left.is_some()
    }
}

/// The path of the next request on a connection; nothing once the other side has closed it.
async fn asked(stream: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8_lossy(&head);
    Ok(head.split(' ').nth(1).map(str::to_owned))
}

/// What the lock files name, by the address npm gives it, in the cache of tarballs.
fn tarballs(node_red: NodeRed, cache: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for text in crate::data_dir::locks(node_red) {
        let lock: Value = serde_json::from_slice(&text).expect("a lock file is JSON");
        for package in lock["packages"].as_array().expect("packages") {
            let text = |key: &str| package[key].as_str().expect("a text");
            let (name, version) = (text("name"), text("version"));
            let file = name.rsplit('/').next().unwrap_or(name);
            let hash = text("integrity").trim_start_matches("sha512-");
            let hash = data_encoding::BASE64
                .decode(hash.as_bytes())
                .expect("base64");
            let tarball = cache.join(format!("{}.tgz", data_encoding::HEXLOWER.encode(&hash)));
            // Packages for other processors are not in the cache.
            if tarball.is_file() {
                found.insert(format!("/{name}/-/{file}-{version}.tgz"), tarball);
            }
        }
    }
    found
}
