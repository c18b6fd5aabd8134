//! The filters, run as the kernel runs them, against tables of calls.

use seccompiler::sock_filter;

use super::*;
use crate::listen_guard::{self, Asks};

const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM.unsigned_abs();
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;

/// Runs a filter over one call of this architecture, as `kernel/seccomp.c` would.
pub(crate) fn run(filter: &[sock_filter], number: i64, args: [u64; 6]) -> u32 {
    let arch: u32 = if cfg!(target_arch = "x86_64") {
        0xc000_003e
    } else {
        0xc000_00b7
    };
    let mut data = u32::try_from(number).unwrap().to_ne_bytes().to_vec();
    data.extend(arch.to_ne_bytes());
    data.extend([0; 8]);
    data.extend(args.iter().flat_map(|arg| arg.to_ne_bytes()));
    let (mut at, mut value) = (0, 0u32);
    loop {
        let step = &filter[at];
        let jump = |holds: bool| usize::from(if holds { step.jt } else { step.jf });
        at += 1;
        match step.code {
            0x20 => {
                let from = step.k as usize;
                value = u32::from_ne_bytes(data[from..from + 4].try_into().unwrap());
            }
            0x54 => value &= step.k,
            0x05 => at += step.k as usize,
            0x15 => at += jump(value == step.k),
            0x25 => at += jump(value > step.k),
            0x35 => at += jump(value >= step.k),
            0x45 => at += jump(value & step.k != 0),
            0x06 => return step.k,
            code => panic!("an instruction nobody expects here: {code:#x}"),
        }
    }
}

fn check(network: &Network, number: i64, args: &[u64], expected: u32) {
    let mut all = [0; 6];
    all[..args.len()].copy_from_slice(args);
    let got = run(&compile(network, By::Filter).unwrap(), number, all);
    assert_eq!(got, expected, "{network:?}: call {number} with {args:?}");
}

fn policies() -> [Network; 3] {
    [Network::Any, Network::Ports(vec![1883]), Network::None]
}

#[test]
fn every_listed_call_is_denied_under_every_policy() {
    for network in policies() {
        for number in denied() {
            check(&network, number, &[], EPERM);
        }
        for number in [
            libc::SYS_read,
            libc::SYS_openat,
            libc::SYS_execve,
            libc::SYS_bind,
        ] {
            check(&network, number, &[], ALLOW);
        }
    }
}

#[test]
fn a_clone_that_makes_a_namespace_is_denied_and_a_thread_is_not() {
    for flag in NAMESPACE_FLAGS {
        check(
            &Network::Any,
            libc::SYS_clone,
            &[bits(flag | libc::SIGCHLD)],
            EPERM,
        );
        // The kernel ignores the upper half; so must we.
        check(
            &Network::Any,
            libc::SYS_clone,
            &[bits(flag) | 1 << 40],
            EPERM,
        );
    }
    let thread = libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_FILES | libc::CLONE_THREAD;
    check(&Network::Any, libc::SYS_clone, &[bits(thread)], ALLOW);
}

#[test]
fn asking_for_the_personality_is_allowed_and_changing_it_is_not() {
    check(&Network::Any, libc::SYS_personality, &[0xffff_ffff], ALLOW);
    check(&Network::Any, libc::SYS_personality, &[0x0004_0000], EPERM);
}

#[test]
fn typing_into_a_terminal_is_denied_and_asking_its_size_is_not() {
    check(&Network::Any, libc::SYS_ioctl, &[0, 0x5412], EPERM);
    check(
        &Network::Any,
        libc::SYS_ioctl,
        &[0, 0x5412 | 1 << 32],
        EPERM,
    );
    check(&Network::Any, libc::SYS_ioctl, &[0, 0x5413], ALLOW);
}

#[test]
fn fast_open_is_denied_wherever_its_flag_can_stand() {
    let fast_open = bits(libc::MSG_FASTOPEN | libc::MSG_NOSIGNAL);
    check(
        &Network::Any,
        libc::SYS_sendto,
        &[3, 0, 0, fast_open],
        EPERM,
    );
    check(&Network::Any, libc::SYS_sendmsg, &[3, 0, fast_open], EPERM);
    check(
        &Network::Any,
        libc::SYS_sendmmsg,
        &[3, 0, 1, fast_open],
        EPERM,
    );
    check(
        &Network::Any,
        libc::SYS_sendto,
        &[3, 0, 0, bits(libc::MSG_NOSIGNAL)],
        ALLOW,
    );
}

/// A socket's family, type and protocol, and the verdicts of [`policies`].
type Row = (libc::c_int, libc::c_int, libc::c_int, [u32; 3]);

const Y: u32 = ALLOW;
const N: u32 = EPERM;
const CLOEXEC: libc::c_int = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

#[rustfmt::skip]
const SOCKETS: [Row; 20] = [
    (libc::AF_UNIX, libc::SOCK_STREAM, 0, [Y, Y, Y]),
    (libc::AF_UNIX, libc::SOCK_DGRAM | CLOEXEC, 0, [Y, Y, Y]),
    (libc::AF_INET, libc::SOCK_STREAM | CLOEXEC, 0, [Y, Y, N]),
    (libc::AF_INET6, libc::SOCK_STREAM, libc::IPPROTO_TCP, [Y, Y, N]),
    (libc::AF_INET, libc::SOCK_DGRAM | CLOEXEC, 0, [Y, N, N]),
    (libc::AF_INET6, libc::SOCK_DGRAM, libc::IPPROTO_UDP, [Y, N, N]),
    (libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP, [Y, N, N]),
    (libc::AF_INET, libc::SOCK_DGRAM, 115, [N, N, N]), // L2TP
    (libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP, [N, N, N]),
    (libc::AF_INET6, libc::SOCK_STREAM | CLOEXEC, libc::IPPROTO_SCTP, [N, N, N]),
    (libc::AF_INET, libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP, [N, N, N]),
    (libc::AF_INET, libc::SOCK_RAW | CLOEXEC, libc::IPPROTO_ICMP, [N, N, N]),
    (libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_RAW, [N, N, N]),
    (libc::AF_INET, SOCK_PACKET, 0, [N, N, N]),
    (libc::AF_PACKET, libc::SOCK_DGRAM, 0, [N, N, N]),
    (libc::AF_VSOCK, libc::SOCK_STREAM, 0, [N, N, N]),
    (libc::AF_ALG, libc::SOCK_SEQPACKET, 0, [N, N, N]),
    (libc::AF_BLUETOOTH, libc::SOCK_RAW, 0, [N, N, N]),
    (libc::AF_NETLINK, libc::SOCK_RAW | CLOEXEC, libc::NETLINK_ROUTE, [Y, Y, Y]),
    (libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER, [N, N, N]),
];

#[test]
fn sockets_by_policy() {
    for (family, kind, protocol, verdicts) in SOCKETS {
        for (network, verdict) in policies().iter().zip(verdicts) {
            let args = [family, kind, protocol].map(bits);
            check(network, libc::SYS_socket, &args, verdict);
            // Bits that the kernel does not look at change nothing.
            check(
                network,
                libc::SYS_socket,
                &args.map(|arg| arg | 1 << 33),
                verdict,
            );
        }
    }
}

#[test]
fn an_observer_judges_sockets_as_the_filter_does() {
    for network in policies() {
        let filter = compile(&network, By::Filter).unwrap();
        for (family, kind) in (0..46).flat_map(|family| (0..16).map(move |kind| (family, kind))) {
            for protocol in (0..=262).chain([-1, i32::MAX]) {
                let mut args = [0; 6];
                args[..3].copy_from_slice(&[family, kind | CLOEXEC, protocol].map(bits));
                let refused = run(&filter, libc::SYS_socket, args) == EPERM;
                let judged = refuses_socket(&network, family, kind | CLOEXEC, protocol);
                assert_eq!(judged, refused, "{network:?} {family} {kind} {protocol}");
            }
        }
    }
}

#[test]
fn what_the_filter_leaves_to_an_observer_the_observer_is_asked_about() {
    let [whole, rest] = [By::Filter, By::Observer].map(|by| compile(&Network::Any, by).unwrap());
    let asks = listen_guard::filter(Asks::Everything);
    let every_bit = [u64::from(u32::MAX); 6];
    for number in denied().chain(OBSERVED) {
        let asked = run(&asks, number, every_bit);
        assert_eq!(asked, libc::SECCOMP_RET_USER_NOTIF, "call {number}");
    }
    for number in rules(&Network::Any).unwrap().into_keys() {
        let is_left = OBSERVED.contains(&number) || name_of(number).is_some();
        for args in [
            [0; 6],
            every_bit,
            [1, 0x5412, 31, 0, 0, 0],
            [1, 6, 31, 0, 0, 0],
        ] {
            let expected = if is_left {
                ALLOW
            } else {
                run(&whole, number, args)
            };
            assert_eq!(run(&rest, number, args), expected, "call {number} {args:?}");
        }
    }
}

#[test]
fn modules_are_not_loaded_by_odd_sockets_and_tcp_stays_tcp() {
    let any = Network::Any;
    check(&any, libc::SYS_socketpair, &[bits(libc::AF_UNIX), 1], ALLOW);
    check(&any, libc::SYS_socketpair, &[bits(libc::AF_TIPC), 1], EPERM);
    let [tcp, ulp, no_delay] = [libc::SOL_TCP, libc::TCP_ULP, libc::TCP_NODELAY].map(bits);
    check(&any, libc::SYS_setsockopt, &[3, tcp, ulp], EPERM);
    check(&any, libc::SYS_setsockopt, &[3, tcp, ulp | 1 << 32], EPERM);
    check(&any, libc::SYS_setsockopt, &[3, tcp, no_delay], ALLOW);
}
