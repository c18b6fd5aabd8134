//! The listening sockets of the doors: bound here, left open by a service manager, or taken over from the
//! Redkeep before. Kept for as long as this process lives, so that nobody is refused between two that serve.

use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, bail};

use crate::config::environment;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// One of them.
#[derive(Debug)]
struct Kept {
    /// Which door; none: whoever listens on its address.
    role: Option<String>,
    address: SocketAddr,
    listener: StdListener,
    /// A door of this configuration listens on it.
    is_used: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sockets(Mutex<Vec<Kept>>);

impl Sockets {
    /// Those a service manager left open for this process (`sd_listen_fds(3)`).
    pub(super) fn inherited() -> anyhow::Result<Self> {
        let is_ours = environment("LISTEN_PID").is_some_and(|pid| pid == own_pid());
        let count = environment("LISTEN_FDS").and_then(|count| count.parse().ok());
        let Some(count) = count.filter(|_| is_ours) else {
            return Ok(Self::default());
        };
        let listeners = sandbox::sockets::inherited(count)
            .context("a socket of the service manager cannot be used: only ListenStream with addresses of TCP")?;
        let named = listeners.into_iter().map(|listener| (None, listener));
        Self::of(named.collect())
    }

    /// Those of another Redkeep, each with its door.
    pub(super) fn of(listeners: Vec<(Option<String>, StdListener)>) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for (role, listener) in listeners {
            listener.set_nonblocking(true)?;
            all.push(Kept {
                role,
                address: listener.local_addr()?,
                listener,
                is_used: false,
            });
        }
        Ok(Self(Mutex::new(all)))
    }

    /// The socket of a door: one that is there, else one that is bound now, and kept.
    pub(super) fn listen(&self, role: &str, address: SocketAddr) -> io::Result<StdListener> {
        if let Some(listener) = self.kept(role, address)? {
            return Ok(listener);
        }
        let bound = StdListener::bind(address)?;
        sandbox::process::set_backlog(&bound, BACKLOG)?;
        bound.set_nonblocking(true)?;
        let twin = bound.try_clone()?;
        let kept = Kept {
            role: Some(role.to_owned()),
            address: bound.local_addr()?,
            listener: bound,
            is_used: true,
        };
        self.all().push(kept);
        Ok(twin)
    }

    fn kept(&self, role: &str, address: SocketAddr) -> io::Result<Option<StdListener>> {
        let mut all = self.all();
        let fits = |kept: &&mut Kept| {
            let is_role = kept.role.as_deref().is_none_or(|it| it == role);
            // Whichever port it was given is the one to go on with; it was the same door.
            let any_port = address.port() == 0 && kept.role.is_some();
            let is_there = kept.address == address || any_port && kept.address.ip() == address.ip();
            is_role && is_there
        };
        let Some(kept) = all.iter_mut().find(fits) else {
            return Ok(None);
        };
        kept.role = Some(role.to_owned());
        kept.is_used = true;
        kept.listener.try_clone().map(Some)
    }

    /// Lets go of sockets that no door took: of the Redkeep before, whose configuration was another. One a
    /// service manager left open is an error: it goes on listening, and nobody would answer.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        let mut all = self.all();
        if let Some(kept) = all.iter().find(|kept| kept.role.is_none()) {
            bail!(
                "the service manager listens on {}, and no door of the configuration does: write the same \
                 address into both",
                kept.address
            );
        }
        all.retain(|kept| kept.is_used);
        Ok(())
    }

    /// Copies of all, each with its door, to be passed on.
    pub(super) fn copies(&self) -> io::Result<Vec<(String, StdListener)>> {
        let all = self.all();
        let copy = |kept: &Kept| {
            let role = kept.role.clone().unwrap_or_default();
            kept.listener.try_clone().map(|listener| (role, listener))
        };
        all.iter().map(copy).collect()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn own_pid() -> String {
    std::process::id().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_finds_its_socket_by_name_or_address_and_what_fits_none_is_refused() {
        let left = StdListener::bind("127.0.0.1:0").unwrap();
        let address = left.local_addr().unwrap();
        let sockets = Sockets::of(vec![(None, left)]).unwrap();
        assert!(sockets.settle().is_err(), "nobody took it yet");
        let door = sockets.listen("gate main", address).unwrap();
        assert_eq!(door.local_addr().unwrap(), address);
        sockets.settle().unwrap();
        let other = sockets.listen("console", "127.0.0.1:0".parse().unwrap());
        let other = other.unwrap().local_addr().unwrap();
        assert_ne!(other, address);
        // Taken over, each goes to its own door again, whatever its port.
        let copies = sockets.copies().unwrap().into_iter();
        let taken = Sockets::of(copies.map(|(role, it)| (Some(role), it)).collect()).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        for (role, expected) in [("console", other), ("gate main", address)] {
            let found = taken.listen(role, any).unwrap();
            assert_eq!(found.local_addr().unwrap(), expected, "{role}");
        }
        let gone = Sockets::of(vec![(
            Some("gate gone".to_owned()),
            StdListener::bind(any).unwrap(),
        )]);
        let gone = gone.unwrap();
        gone.settle().unwrap();
        assert!(
            gone.copies().unwrap().is_empty(),
            "nobody would answer there"
        );
        let third = taken.listen("gate other", any).unwrap();
        let third = third.local_addr().unwrap();
        assert!(third != address && third != other);
    }
}
