//! A call's arguments, read from the memory of the thread that waits.
//!
//! All of it is hostile and may change while it is read: bounded, for the report, and nothing else.

use std::ffi::OsString;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// Longest text kept, in bytes.
const TEXT_BYTES_MAX: usize = 512;
/// `PATH_MAX`. A path is judged whole: cut, it could seem to end in the jail's own folders.
const PATH_BYTES_MAX: usize = 4096;
/// Arguments of a program kept, and bytes of each.
const ARGUMENTS_MAX: usize = 12;
const ARGUMENT_BYTES_MAX: usize = 256;
/// Bytes of a socket's address; a Unix socket's is the longest.
const ADDRESS_BYTES_MAX: usize = 128;
/// Memory ends at a page's end, if it ends.
const PAGE: u64 = 4096;

/// Where somebody wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    Internet(SocketAddr),
    Unix(String),
    /// Netlink and the like.
    Other,
}

/// The text at `address`, up to its NUL.
pub(super) fn text(memory: &File, address: u64) -> Option<String> {
    bytes_until_nul(memory, address, TEXT_BYTES_MAX).map(|bytes| lossy(&bytes))
}

/// The path at `address`. One longer than any path can be is none: the kernel refuses it too.
pub(super) fn path(memory: &File, address: u64) -> Option<PathBuf> {
    let bytes = bytes_until_nul(memory, address, PATH_BYTES_MAX)?;
    let is_whole = bytes.len() < PATH_BYTES_MAX;
    is_whole.then(|| OsString::from_vec(bytes).into())
}

/// A null-ended list of texts at `address`.
pub(super) fn texts(memory: &File, address: u64) -> Option<Vec<String>> {
    let mut found = Vec::new();
    for place in 0..ARGUMENTS_MAX as u64 {
        let pointer = word(memory, address.checked_add(place * 8)?)?;
        if pointer == 0 {
            break;
        }
        found.push(lossy(&bytes_until_nul(
            memory,
            pointer,
            ARGUMENT_BYTES_MAX,
        )?));
    }
    Some(found)
}

/// Eight bytes.
pub(super) fn word(memory: &File, address: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    memory.read_exact_at(&mut bytes, address).ok()?;
    Some(u64::from_ne_bytes(bytes))
}

/// The socket address at `address`.
pub(super) fn destination(memory: &File, address: u64, length: u64) -> Option<Destination> {
    let length = usize::try_from(length).ok()?.min(ADDRESS_BYTES_MAX);
    let mut bytes = vec![0; length];
    memory.read_exact_at(&mut bytes, address).ok()?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Option<Destination> {
    let (family, rest) = bytes.split_first_chunk::<2>()?;
    match i32::from(u16::from_ne_bytes(*family)) {
        libc::AF_INET => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let (address, _) = rest.split_first_chunk::<4>()?;
            Some(internet(Ipv4Addr::from(*address).into(), *port))
        }
        libc::AF_INET6 => {
            let (port, rest) = rest.split_first_chunk::<2>()?;
            let (_, rest) = rest.split_first_chunk::<4>()?;
            let (address, _) = rest.split_first_chunk::<16>()?;
            Some(internet(Ipv6Addr::from(*address).to_canonical(), *port))
        }
        libc::AF_UNIX => {
            let (mark, name) = match rest.split_first() {
                Some((0, name)) => ("@", name),
                _ => ("", rest),
            };
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            Some(Destination::Unix(format!("{mark}{}", lossy(name))))
        }
        _ => Some(Destination::Other),
    }
}

fn internet(address: IpAddr, port: [u8; 2]) -> Destination {
    Destination::Internet(SocketAddr::new(address, u16::from_be_bytes(port)))
}

fn bytes_until_nul(memory: &File, address: u64, max: usize) -> Option<Vec<u8>> {
    let mut found = Vec::new();
    let mut at = address;
    while found.len() < max {
        let to_page_end = usize::try_from(PAGE - at % PAGE).ok()?;
        let mut part = vec![0; to_page_end.min(max - found.len())];
        memory.read_exact_at(&mut part, at).ok()?;
        if let Some(end) = part.iter().position(|byte| *byte == 0) {
            found.extend(part.drain(..end));
            return Some(found);
        }
        at = at.checked_add(part.len() as u64)?;
        found.append(&mut part);
    }
    Some(found)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_family_are_read_and_short_ones_refused() {
        let family = |family: i32| u16::try_from(family).unwrap().to_ne_bytes().to_vec();
        let v4 = [family(libc::AF_INET), vec![7, 91, 10, 0, 0, 5], vec![0; 8]].concat();
        let expected = Destination::Internet("10.0.0.5:1883".parse().unwrap());
        assert_eq!(parse(&v4), Some(expected.clone()));
        let mapped = Ipv4Addr::new(10, 0, 0, 5).to_ipv6_mapped().octets();
        let v6 = [
            family(libc::AF_INET6),
            vec![7, 91, 0, 0, 0, 0],
            mapped.into(),
        ]
        .concat();
        assert_eq!(parse(&v6), Some(expected));
        let unix = [family(libc::AF_UNIX), b"/run/x.sock\0junk".to_vec()].concat();
        assert_eq!(parse(&unix), Some(Destination::Unix("/run/x.sock".into())));
        let hidden = [family(libc::AF_UNIX), b"\0bus".to_vec()].concat();
        assert_eq!(parse(&hidden), Some(Destination::Unix("@bus".into())));
        for length in 0..8 {
            assert_eq!(parse(&v4[..length]), None, "{length}");
        }
        let netlink = family(libc::AF_NETLINK);
        assert_eq!(parse(&netlink), Some(Destination::Other));
    }

    #[test]
    fn a_text_is_cut_a_path_is_whole_or_none_and_unmapped_memory_is_nothing() {
        let memory = File::open("/proc/self/mem").unwrap();
        let long = vec![b'x'; 3 * TEXT_BYTES_MAX];
        let read = text(&memory, long.as_ptr() as u64).unwrap();
        assert_eq!(read.len(), TEXT_BYTES_MAX);
        let lengthy = [b"/tmp/".as_slice(), &b"./".repeat(300), b"../etc/passwd\0"].concat();
        let read = path(&memory, lengthy.as_ptr() as u64).unwrap();
        assert!(read.ends_with("../etc/passwd"), "{read:?}");
        let endless = vec![b'/'; 2 * PATH_BYTES_MAX];
        assert_eq!(path(&memory, endless.as_ptr() as u64), None);
        let whole = c"caf\xc3\xa9";
        assert_eq!(
            text(&memory, whole.as_ptr() as u64).as_deref(),
            Some("café")
        );
        assert_eq!(text(&memory, 8), None);
        assert_eq!(texts(&memory, u64::MAX - 3), None);
    }
}
