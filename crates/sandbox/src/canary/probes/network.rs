//! Listening, and reaching what the policy does not list.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixStream};

use rustix::io::Errno;
use rustix::net::SendFlags;

use super::{Probe, SECCOMP};
use crate::canary::{Guard, Surroundings};
use crate::enforcement::Layer;
use crate::kernel::bare;
use crate::spec::{JailSpec, Network};

const LISTENING: &[Guard] = &[Guard::Layer(Layer::ListenGuard), Guard::LandlockSince(4)];
const UNBOUND: &[Guard] = &[Guard::Layer(Layer::ListenGuard)];
const PORTS: &[Guard] = &[Guard::LandlockSince(4)];
const NO_NETWORK: &[Guard] = &[
    Guard::Layer(Layer::NetworkNamespace),
    Guard::Layer(Layer::Seccomp),
];
const RAW: &[Guard] = &[
    Guard::Layer(Layer::Seccomp),
    Guard::Layer(Layer::Capabilities),
];
const ABSTRACT: &[Guard] = &[
    Guard::LandlockSince(6),
    Guard::Layer(Layer::NetworkNamespace),
];

/// Errors of a socket that is denied, or of a protocol that this kernel does not have.
const NO_SOCKET: &[Errno] = &[
    Errno::ACCESS,
    Errno::PERM,
    Errno::NETUNREACH,
    Errno::AFNOSUPPORT,
    Errno::PROTONOSUPPORT,
    Errno::ADDRNOTAVAIL,
];
const DENIED: &[Errno] = &[Errno::ACCESS, Errno::PERM];
/// In an empty network nobody is there to refuse.
const NOBODY: &[Errno] = &[Errno::ACCESS, Errno::PERM, Errno::CONNREFUSED];

pub(super) fn probes(spec: &JailSpec, around: &Surroundings) -> Vec<Probe> {
    let mut probes: Vec<Probe> = [
        SocketAddr::from((Ipv4Addr::LOCALHOST, 1880)),
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
    ]
    .map(|address| {
        Probe::new(
            format!("listen on TCP {address}"),
            LISTENING,
            NO_SOCKET,
            move || TcpListener::bind(address).map(drop),
        )
    })
    .into();
    probes.push(unbound(&spec.network));
    probes.extend(outgoing(&spec.network));
    probes.extend(odd_sockets());
    probes.push(abstract_socket(spec, around));
    probes
}

/// Without an address the kernel picks a port, and Landlock is not asked.
fn unbound(network: &Network) -> Probe {
    // EPERM would mean that the guard could not look, which proves nothing; but without a network
    // there is no socket in the first place.
    let denials: &[Errno] = if *network == Network::None {
        &[Errno::PERM]
    } else {
        &[Errno::ACCESS]
    };
    Probe::new("listen on TCP without an address", UNBOUND, denials, || {
        let socket = bare::socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
        Ok(rustix::net::listen(socket, 1)?)
    })
}

fn outgoing(network: &Network) -> [Probe; 3] {
    let any = matches!(network, Network::Any).then_some("the policy allows all");
    let guards = if *network == Network::None {
        NO_NETWORK
    } else {
        PORTS
    };
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, unlisted_port(network)));
    [
        Probe::new(
            format!("connect to TCP {address}"),
            guards,
            NO_SOCKET,
            move || TcpStream::connect(address).map(drop),
        )
        .unless(any),
        Probe::new(
            format!("connect to TCP {address} by fast open"),
            SECCOMP,
            DENIED,
            move || {
                let socket = bare::socket(libc::AF_INET, libc::SOCK_STREAM, 0)?;
                let fast_open = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.unsigned_abs());
                rustix::net::sendto(socket, b"x", fast_open | SendFlags::NOSIGNAL, &address)?;
                Ok(())
            },
        ),
        Probe::new("send UDP", SECCOMP, NO_SOCKET, || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.send_to(b"x", (Ipv4Addr::LOCALHOST, 9)).map(drop)
        })
        .unless(any),
    ]
}

/// A port the policy does not list, and on which nobody is likely to be bothered.
fn unlisted_port(network: &Network) -> u16 {
    let is_listed = |port: &u16| matches!(network, Network::Ports(listed) if listed.contains(port));
    (9..=u16::MAX)
        .find(|port| *port != 53 && !is_listed(port))
        .unwrap_or(9)
}

fn odd_sockets() -> [Probe; 5] {
    let socket = |what: &str, guards, family, kind, protocol| {
        Probe::new(
            format!("open a {what} socket"),
            guards,
            NO_SOCKET,
            move || bare::socket(family, kind, protocol).map(drop),
        )
    };
    [
        socket(
            "raw",
            RAW,
            libc::AF_INET,
            libc::SOCK_RAW,
            libc::IPPROTO_ICMP,
        ),
        socket("packet", RAW, libc::AF_PACKET, libc::SOCK_DGRAM, 0),
        socket(
            "Multipath TCP",
            SECCOMP,
            libc::AF_INET,
            libc::SOCK_STREAM,
            libc::IPPROTO_MPTCP,
        ),
        socket(
            "virtual machine",
            SECCOMP,
            libc::AF_VSOCK,
            libc::SOCK_STREAM,
            0,
        ),
        socket(
            "netlink audit",
            SECCOMP,
            libc::AF_NETLINK,
            libc::SOCK_RAW,
            libc::NETLINK_AUDIT,
        ),
    ]
}

fn abstract_socket(spec: &JailSpec, around: &Surroundings) -> Probe {
    let denials = if spec.network == Network::None {
        NOBODY
    } else {
        DENIED
    };
    let name = around.beacon.clone();
    let none = name.is_none().then_some("nobody listens on one");
    Probe::new(
        "connect to an abstract socket outside",
        ABSTRACT,
        denials,
        move || {
            let name = name.as_deref().ok_or(io::ErrorKind::NotFound)?;
            UnixStream::connect_addr(&UnixAddr::from_abstract_name(name)?).map(drop)
        },
    )
    .unless(none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_tried_is_never_a_listed_one() {
        assert_eq!(unlisted_port(&Network::None), 9);
        assert_eq!(unlisted_port(&Network::Ports(vec![9, 10])), 11);
    }
}
