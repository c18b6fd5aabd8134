//! Handing over to a new Redkeep: `up --take-over` asks the one that runs for its listening sockets.
//!
//! Over `<data_dir>/run/handover.sock`, in a folder only its owner can enter; the peer's user is asked of the
//! kernel besides. In lines: `take` → the sockets with their doors → `go` → (the old one takes no more
//! connections, ends what it serves, stops Node-RED and lets go of the data directory) → `yours` → (the new
//! one starts) → `ready`. Whatever breaks off before `ready` leaves the old one serving: before `go` it never
//! stopped, after it begins again. Nobody is refused meanwhile: the sockets stay open in both, and who
//! connects waits in them.

use std::{
    io,
    net::TcpListener as StdListener,
    os::unix::net::UnixStream as StdStream,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use sandbox::sockets::{Received, send};
use tokio::{
    io::Interest,
    net::{UnixListener, UnixStream},
};

use super::sockets::Sockets;

/// How long each line before the start is waited for.
const LINE: Duration = Duration::from_secs(30);
/// How long the old one waits for `go`: the new one may fetch a whole Node-RED before.
const PREPARING: Duration = Duration::from_mins(15);
/// How long the old one may take to end what it serves: more than open connections are given.
const GOING: Duration = Duration::from_mins(2);
/// How long a new one may take to start, packages fetched and all; then it is given up.
const COMING: Duration = Duration::from_mins(15);

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("run").join("handover.sock")
}

/// One line over the socket, and the sockets with it.
async fn heard(stream: &UnixStream, wait: Duration) -> anyhow::Result<(String, Vec<StdListener>)> {
    let read = async {
        let mut received = Received::default();
        loop {
            stream.readable().await?;
            match stream.try_io(Interest::READABLE, || received.take(stream)) {
                Ok(true) => return Ok(received),
                Ok(false) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    };
    let received = tokio::time::timeout(wait, read)
        .await
        .context("the other Redkeep says nothing")??;
    let line = String::from_utf8_lossy(&received.line)
        .trim_end()
        .to_owned();
    Ok((line, received.listeners))
}

async fn expect(stream: &UnixStream, word: &str, wait: Duration) -> anyhow::Result<()> {
    let (line, _) = heard(stream, wait).await?;
    if line != word {
        bail!(
            "the other Redkeep says {:?} in place of {word:?}",
            line.get(..40).unwrap_or(&line)
        );
    }
    Ok(())
}

/// What the old one offers.
#[derive(Debug)]
pub(super) struct Offer {
    listener: UnixListener,
    sockets: Arc<Sockets>,
}

impl Offer {
    /// Waits from now on for a new one. Whoever calls holds the data directory's lock.
    pub(super) fn open(data_dir: &Path, sockets: Arc<Sockets>) -> anyhow::Result<Self> {
        let path = path(data_dir);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("cannot listen on {}", path.display()))?;
        Ok(Self { listener, sockets })
    }

    /// The new one that takes over, once one has said so.
    pub(super) async fn taken(&self) -> Successor {
        loop {
            match self.meet().await {
                Ok(successor) => return successor,
                Err(error) => {
                    tracing::warn!(%error, "a hand-over did not come about; this Redkeep goes on");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn meet(&self) -> anyhow::Result<Successor> {
        let (stream, _) = self.listener.accept().await?;
        let (peer, own) = (stream.peer_cred()?.uid(), sandbox::process::own_uid());
        if peer != own && peer != 0 {
            bail!("somebody who does not own this Redkeep asked for its sockets");
        }
        expect(&stream, "take", LINE).await?;
        let (roles, listeners): (Vec<_>, Vec<_>) = self.sockets.copies()?.into_iter().unzip();
        send(
            &stream,
            format!("{}\n", roles.join("\t")).as_bytes(),
            &listeners,
        )?;
        expect(&stream, "go", PREPARING).await?;
        Ok(Successor(stream))
    }
}

/// The new one, as the old one sees it.
#[derive(Debug)]
pub(super) struct Successor(UnixStream);

impl Successor {
    /// Says that the data directory is let go of; whether the new one became ready.
    pub(super) async fn follows(self) -> bool {
        let said = send(&self.0, b"yours\n", &[]);
        match said {
            Ok(()) => expect(&self.0, "ready", COMING).await.is_ok(),
            Err(_) => false,
        }
    }
}

/// The old one, as the new one sees it: asked before there is a second thread.
#[derive(Debug)]
pub(super) struct Predecessor(StdStream);

impl Predecessor {
    /// Asks the Redkeep that runs for its sockets; none: none runs.
    pub(super) fn ask(data_dir: &Path) -> anyhow::Result<Option<(Self, Sockets)>> {
        let stream = match StdStream::connect(path(data_dir)) {
            Ok(stream) => stream,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => return Ok(None),
                _ => return Err(error).context("the Redkeep that runs cannot be asked"),
            },
        };
        send(&stream, b"take\n", &[])?;
        let answered = waited_for(&stream, LINE);
        let (roles, listeners) = answered.context("the Redkeep that runs does not hand over")?;
        let roles: Vec<_> = roles.split('\t').map(str::to_owned).collect();
        if roles.len() != listeners.len() {
            bail!("the Redkeep that runs handed over something else than its doors");
        }
        let named = roles.into_iter().map(Some).zip(listeners);
        Ok(Some((Self(stream), Sockets::of(named.collect())?)))
    }

    /// Has it go; returns when the data directory is free.
    pub(super) fn go(&self) -> anyhow::Result<()> {
        send(&self.0, b"go\n", &[])?;
        let answered = waited_for(&self.0, GOING);
        match answered
            .context("the Redkeep that runs did not let go")?
            .0
            .as_str()
        {
            "yours" => Ok(()),
            _ => bail!("the Redkeep that runs did not let go"),
        }
    }

    /// Tells it that it is not needed any more.
    pub(super) fn ready(&self) -> io::Result<()> {
        send(&self.0, b"ready\n", &[])
    }
}

/// The same as [`heard`], for a thread that waits.
fn waited_for(stream: &StdStream, wait: Duration) -> anyhow::Result<(String, Vec<StdListener>)> {
    stream.set_read_timeout(Some(wait))?;
    let mut received = Received::default();
    while !received
        .take(stream)
        .context("the other Redkeep says nothing")?
    {}
    let line = String::from_utf8_lossy(&received.line)
        .trim_end()
        .to_owned();
    Ok((line, received.listeners))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered() -> (tempfile::TempDir, Offer, std::net::SocketAddr) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("run")).unwrap();
        let sockets = Arc::new(Sockets::default());
        let any = "127.0.0.1:0".parse().unwrap();
        let door = sockets.listen("gate main", any).unwrap();
        let address = door.local_addr().unwrap();
        let offer = Offer::open(dir.path(), sockets).unwrap();
        (dir, offer, address)
    }

    #[tokio::test]
    async fn the_new_one_gets_the_sockets_and_the_old_one_knows_what_became_of_it() {
        for becomes_ready in [true, false] {
            let (dir, offer, address) = offered();
            let dir = dir.path().to_owned();
            let new = tokio::task::spawn_blocking(move || {
                let (old, sockets) = Predecessor::ask(&dir).unwrap().unwrap();
                let any = "127.0.0.1:0".parse().unwrap();
                let door = sockets.listen("gate main", any).unwrap();
                assert_eq!(door.local_addr().unwrap(), address);
                old.go().unwrap();
                if becomes_ready {
                    old.ready().unwrap();
                }
            });
            let old = async { offer.taken().await.follows().await };
            let (new, followed) = tokio::join!(new, old);
            new.unwrap();
            assert_eq!(followed, becomes_ready);
        }
    }

    #[tokio::test]
    async fn one_that_breaks_off_before_it_says_go_changes_nothing() {
        let (dir, offer, address) = offered();
        let path = dir.path().to_owned();
        let new = tokio::task::spawn_blocking(move || {
            for _ in 0..3 {
                drop(Predecessor::ask(&path).unwrap().unwrap());
            }
            let (old, _) = Predecessor::ask(&path).unwrap().unwrap();
            old.go().unwrap();
            old.ready().unwrap();
        });
        let old = async { offer.taken().await.follows().await };
        let (new, followed) = tokio::join!(new, old);
        new.unwrap();
        assert!(followed);
        assert!(std::net::TcpStream::connect(address).is_ok());
    }

    #[test]
    fn where_none_runs_there_is_nothing_to_take() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Predecessor::ask(dir.path()).unwrap().is_none());
    }
}
