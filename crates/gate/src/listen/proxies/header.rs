//! The PROXY protocol's binary header ("The PROXY protocol, versions 1 & 2", section 2.2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes before the addresses.
pub(super) const HEAD: usize = 16;
/// Bytes after the head: IPv6 takes 36, the rest is for what proxies add and we skip.
const REST_MAX: usize = 2048;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The proxy speaks for itself (a health check), or does not know.
    Itself,
    /// It passes on a client of this address.
    Client(SocketAddr),
}

/// It is no such header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Other bytes.
    #[error("a trusted proxy did not begin with the PROXY protocol, version 2")]
    NotOne,
    /// A version, command or kind of address there is none of on TCP.
    #[error("the PROXY header is of an unknown kind")]
    Unknown,
    /// Longer than is read.
    #[error("the PROXY header is too long")]
    TooLong,
    /// Shorter than it says, or too short for its addresses.
    #[error("the PROXY header is cut off")]
    CutOff,
}

/// How many bytes follow a head.
pub(super) fn rest_of(head: &[u8]) -> Result<usize, HeaderError> {
    if !head.starts_with(SIGNATURE) {
        return Err(HeaderError::NotOne);
    }
    let Some(&[high, low]) = head.get(14..HEAD) else {
        return Err(HeaderError::CutOff);
    };
    match usize::from(u16::from_be_bytes([high, low])) {
        rest @ 0..=REST_MAX => Ok(rest),
        _ => Err(HeaderError::TooLong),
    }
}

/// Reads a whole header. What follows the addresses (TLVs) is skipped.
///
/// Errors: anything that is not exactly one header for a TCP connection.
pub fn parse(bytes: &[u8]) -> Result<Said, HeaderError> {
    let rest = rest_of(bytes)?;
    let addresses = bytes.get(HEAD..).unwrap_or_default();
    if addresses.len() != rest {
        return Err(HeaderError::CutOff);
    }
    let (Some(command), Some(family)) = (bytes.get(12), bytes.get(13)) else {
        return Err(HeaderError::CutOff);
    };
    match (command, family) {
        // LOCAL: whatever stands there is to be ignored.
        (0x20, _) | (0x21, 0x00) => Ok(Said::Itself),
        (0x21, 0x11) => {
            let (source, port) = ends::<4>(addresses)?;
            Ok(client(Ipv4Addr::from(source).into(), port))
        }
        (0x21, 0x21) => {
            let (source, port) = ends::<16>(addresses)?;
            Ok(client(Ipv6Addr::from(source).into(), port))
        }
        _ => Err(HeaderError::Unknown),
    }
}

/// The source's address and port of `N`-byte addresses: source, destination, source port, port.
fn ends<const N: usize>(bytes: &[u8]) -> Result<([u8; N], u16), HeaderError> {
    let cut = HeaderError::CutOff;
    let source = bytes.first_chunk::<N>().ok_or(cut)?;
    let ports = bytes.get(2 * N..2 * N + 4).ok_or(cut)?;
    let port = ports.first_chunk::<2>().ok_or(cut)?;
    Ok((*source, u16::from_be_bytes(*port)))
}

fn client(address: IpAddr, port: u16) -> Said {
    Said::Client(SocketAddr::new(address.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    const FOUR: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0, 80];

    #[test]
    fn a_header_says_its_source() {
        let said = |text: &str| Said::Client(text.parse().unwrap());
        assert_eq!(
            parse(&header(0x21, 0x11, &FOUR)).unwrap(),
            said("192.0.2.7:4660")
        );
        let mut six = Ipv6Addr::LOCALHOST.octets().to_vec();
        six.extend([0; 16]);
        six.extend([0, 9, 0, 80]);
        assert_eq!(parse(&header(0x21, 0x21, &six)).unwrap(), said("[::1]:9"));
        let mapped: Ipv6Addr = "::ffff:192.0.2.7".parse().unwrap();
        six[..16].copy_from_slice(&mapped.octets());
        assert_eq!(
            parse(&header(0x21, 0x21, &six)).unwrap(),
            said("192.0.2.7:9")
        );
        let mut more = FOUR.to_vec();
        more.extend([0x03, 0, 4, 1, 2, 3, 4]);
        assert_eq!(
            parse(&header(0x21, 0x11, &more)).unwrap(),
            said("192.0.2.7:4660")
        );
    }

    #[test]
    fn local_is_the_proxy_itself_whatever_it_says() {
        assert_eq!(parse(&header(0x20, 0x11, &FOUR)).unwrap(), Said::Itself);
        assert_eq!(parse(&header(0x20, 0x00, &[])).unwrap(), Said::Itself);
        assert_eq!(parse(&header(0x21, 0x00, &[1, 2])).unwrap(), Said::Itself);
    }

    #[test]
    fn anything_else_is_refused() {
        let whole = header(0x21, 0x11, &FOUR);
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "cut at {end}");
        }
        let mut more = whole.clone();
        more.push(0);
        assert_eq!(parse(&more), Err(HeaderError::CutOff), "more than it says");
        for (command, family) in [
            (0x21, 0x12),
            (0x21, 0x31),
            (0x22, 0x11),
            (0x11, 0x11),
            (0x21, 0xff),
        ] {
            assert_eq!(
                parse(&header(command, family, &FOUR)),
                Err(HeaderError::Unknown)
            );
        }
        let short = header(0x21, 0x21, &FOUR);
        assert_eq!(parse(&short), Err(HeaderError::CutOff));
        let long = header(0x21, 0x11, &[0; REST_MAX + 1]);
        assert_eq!(parse(&long), Err(HeaderError::TooLong));
        assert_eq!(
            parse(b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\r\n"),
            Err(HeaderError::NotOne)
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_bytes_it_is_one_header_or_none(
            command in 0x1e..0x24_u8,
            family in proptest::sample::select(vec![0, 0x11, 0x12, 0x21, 0x31]),
            rest in proptest::collection::vec(proptest::num::u8::ANY, 0..60),
            at in 0..76_usize,
            byte in proptest::num::u8::ANY,
        ) {
            let mut bytes = header(command, family, &rest);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            if let Ok(said) = parse(&bytes) {
                assert_eq!(rest_of(&bytes), Ok(bytes.len() - HEAD));
                if let Said::Client(client) = said {
                    assert_eq!(client.ip(), client.ip().to_canonical());
                }
            }
        }
    }
}
