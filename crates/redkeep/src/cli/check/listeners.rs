//! Who listens on this machine: the kernel's own tables, whatever anybody says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;

/// A TCP socket that waits for connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) address: SocketAddr,
    /// The user it belongs to.
    pub(super) user: u32,
}

/// How far one can be reached from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// From this machine.
    Machine,
    /// From a network of the site's own.
    Private,
    /// From wherever the machine can be reached: every address, or a public one.
    Anywhere,
}

impl Listener {
    pub(super) fn reach(&self) -> Reach {
        let ip = self.address.ip().to_canonical();
        let is_private = match ip {
            IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
        };
        if ip.is_loopback() {
            Reach::Machine
        } else if is_private {
            Reach::Private
        } else {
            Reach::Anywhere
        }
    }
}

/// Every one there is in this network namespace.
pub(super) fn all() -> anyhow::Result<Vec<Listener>> {
    let mut all = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match std::fs::read_to_string(table) {
            Ok(table) => all.extend(table.lines().filter_map(listener)),
            // A machine without IPv6.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {table}"));
            }
        }
    }
    all.sort_by_key(|it| (it.address.port(), it.address.ip()));
    Ok(all)
}

/// A row of the table: `sl local remote state … uid`, and state 0A is LISTEN.
fn listener(row: &str) -> Option<Listener> {
    let fields: Vec<&str> = row.split_whitespace().collect();
    let [_, local, _, "0A", _, _, _, user, ..] = fields[..] else {
        return None;
    };
    let (ip, port) = local.split_once(':')?;
    Some(Listener {
        address: SocketAddr::new(address(ip)?, u16::from_str_radix(port, 16).ok()?),
        user: user.parse().ok()?,
    })
}

/// Words of 32 bits, each in the machine's own order.
fn address(text: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for word in text.as_bytes().chunks(8) {
        let word = u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    let four = <[u8; 4]>::try_from(&bytes[..]).map(Ipv4Addr::from);
    let sixteen = <[u8; 16]>::try_from(&bytes[..]).map(Ipv6Addr::from);
    four.map(IpAddr::V4).or(sixteen.map(IpAddr::V6)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_listens_is_found_in_the_kernels_table() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let found = all().unwrap();
        let found = found.iter().find(|it| it.address == address).unwrap();
        assert_eq!(found.user, sandbox::process::own_uid());
        drop(socket);
        assert!(!all().unwrap().iter().any(|it| it.address == address));
    }

    #[test]
    fn who_is_connected_does_not_listen() {
        let heading =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";
        assert_eq!(listener(heading), None);
        let talks = "   0: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 1 1";
        assert_eq!(listener(talks), None);
    }

    #[test]
    fn an_address_says_how_far_it_reaches() {
        let reach = |address: &str| {
            let address = address.parse().unwrap();
            Listener { address, user: 0 }.reach()
        };
        assert_eq!(reach("127.0.0.1:1"), Reach::Machine);
        assert_eq!(reach("[::1]:1"), Reach::Machine);
        assert_eq!(reach("[::ffff:127.0.0.1]:1"), Reach::Machine);
        assert_eq!(reach("192.168.1.2:1"), Reach::Private);
        assert_eq!(reach("[fd00::1]:1"), Reach::Private);
        for open in ["0.0.0.0:1", "[::]:1", "203.0.113.1:1", "[2001:db8::1]:1"] {
            assert_eq!(reach(open), Reach::Anywhere, "{open}");
        }
    }
}
