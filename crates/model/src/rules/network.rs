//! Networks: blocks of addresses, and the names they go by.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Serialize};

/// Characters of a name.
const NAME_MAX: usize = 32;

/// A network's name in rules: `office`, `plant-2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NetworkName(String);

/// Where a request may come from: a named network or a block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Source {
    /// A network by its name.
    Named(NetworkName),
    /// A block of addresses.
    Block(IpNet),
}

/// It is neither a name nor a block of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// No name.
    #[error(
        "{0:?} is no name of a network; use lower-case letters, digits and -, beginning with a \
         letter, 32 at most"
    )]
    Name(String),
    /// No block.
    #[error("{0:?} is no address and no block of addresses, such as 10.0.0.0/8 or 2001:db8::/32")]
    Block(String),
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

impl NetworkName {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NetworkName {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_name = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.len() <= NAME_MAX
            && text.chars().all(plain);
        if is_name {
            Ok(Self(text.to_owned()))
        } else {
            Err(SourceError::Name(cut(text)))
        }
    }
}

/// Reads an address or a block. Bits beyond the prefix are dropped; a block of IPv4 addresses
/// written in IPv6 (`::ffff:10.0.0.0/104`) is the IPv4 block, since no request comes from it
/// otherwise.
///
/// Errors: it is no block, or one that holds IPv4 addresses among others.
pub fn read_network(text: &str) -> Result<IpNet, SourceError> {
    let wrong = || SourceError::Block(cut(text));
    let text = text.trim();
    let block = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse::<IpNet>().map_err(|_| wrong())?,
    };
    canonical(block).ok_or_else(wrong)
}

/// A block in the one way it is compared; none for IPv6 blocks that reach into the mapped IPv4
/// addresses without being one.
pub fn canonical(block: IpNet) -> Option<IpNet> {
    let IpNet::V6(six) = block else {
        return Some(block.trunc());
    };
    // Asked of the address as it was written: cut to a short prefix it is no mapped one any more.
    match six.addr().to_ipv4_mapped() {
        Some(four) => {
            let prefix = six.prefix_len().checked_sub(96)?;
            let net = Ipv4Net::new(four, prefix).ok()?;
            Some(net.trunc().into())
        }
        None => Some(block.trunc()),
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        // No name holds a dot or a colon, and every address does.
        if text.contains(['.', ':', '/']) {
            read_network(text).map(Self::Block)
        } else {
            text.parse().map(Self::Named)
        }
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Block(block) => block.fmt(f),
        }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = SourceError;

            fn try_from(text: String) -> Result<Self, SourceError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(NetworkName, Source);

/// Whether the block holds the address, which is IPv4 also where it is written in IPv6.
pub(super) fn holds(block: &IpNet, address: IpAddr) -> bool {
    // A block may have come in by another way than `read_network`.
    let block = canonical(*block).unwrap_or(*block);
    block.contains(&address.to_canonical())
}
