//! Trusted proxies: whose word about where a client comes from is taken. Nobody's, unless named.
//!
//! One way of saying it is chosen and read; the other headers are dropped as everybody's are. With
//! the PROXY protocol a trusted peer must begin with it: were it a matter of taste, a client behind a
//! proxy that only passes bytes on could say it for itself.

mod forwarded;
mod header;

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;
use tokio::{io::AsyncReadExt as _, net::TcpStream};

pub use self::{
    forwarded::{ForwardedError, client as forwarded_client},
    header::{HeaderError, Said, parse as parse_header},
};
use header::{HEAD, rest_of};

use super::Peer;

/// The proxies in front of a door. The default trusts nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Their addresses.
    pub trusted: Vec<IpNet>,
    /// How they say where a client comes from.
    pub speaks: Speaks,
}

/// How a proxy says where a client comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Speaks {
    /// The PROXY protocol, version 2, before TLS.
    #[default]
    Proxy,
    /// `Forwarded` (RFC 7239) on each request.
    Forwarded,
    /// `X-Forwarded-For` on each request.
    XForwardedFor,
}

impl Proxies {
    /// Whether this peer's word is taken.
    pub(super) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }

    /// Whether this peer must say it before TLS.
    pub(super) fn begins(&self, address: IpAddr) -> bool {
        self.speaks == Speaks::Proxy && self.trust(address)
    }

    /// The peer as this request's headers have it.
    ///
    /// Errors: a trusted proxy said something that cannot be read.
    pub(super) fn peer_of(&self, headers: &HeaderMap, peer: &Peer) -> Result<Peer, ForwardedError> {
        if self.speaks == Speaks::Proxy || !self.trust(peer.address().ip()) {
            return Ok(peer.clone());
        }
        let client = forwarded_client(headers, self.speaks, |it| self.trust(it))?;
        Ok(match client {
            Some(client) => peer.seen_at(SocketAddr::new(client, 0)),
            None => peer.clone(),
        })
    }
}

/// Reads the header a trusted peer begins with, and not a byte more.
pub(super) async fn read(stream: &mut TcpStream) -> std::io::Result<Said> {
    let mut bytes = vec![0; HEAD];
    stream.read_exact(&mut bytes).await?;
    let wrong = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    let rest = rest_of(&bytes).map_err(wrong)?;
    bytes.resize(HEAD + rest, 0);
    let rest = bytes.get_mut(HEAD..).unwrap_or_default();
    stream.read_exact(rest).await?;
    parse_header(&bytes).map_err(wrong)
}
