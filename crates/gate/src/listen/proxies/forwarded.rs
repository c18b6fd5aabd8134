//! `Forwarded` (RFC 7239) and `X-Forwarded-For`, read from the right: what stands there the trusted
//! proxy wrote; what stands further left anybody may have.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use super::Speaks;

/// Bytes of all lines of the header.
const BYTES_MAX: usize = 4096;
/// Proxies in a row.
const HOPS_MAX: usize = 32;

/// A trusted proxy's header cannot be read, so that nobody knows where the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proxy in front of this door does not say where the request comes from: {0}")]
pub struct ForwardedError(&'static str);

/// The rightmost address that is not a trusted proxy's; where all are, the leftmost. None where the
/// header is not there.
///
/// Errors: what is to be read is no address (`unknown`, `_hidden`, broken), or too long.
pub fn client(
    headers: &HeaderMap,
    speaks: Speaks,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<IpAddr>, ForwardedError> {
    let name = match speaks {
        Speaks::Proxy => return Ok(None),
        Speaks::Forwarded => "forwarded",
        Speaks::XForwardedFor => "x-forwarded-for",
    };
    let mut text = String::new();
    for value in headers.get_all(name) {
        let value = value
            .to_str()
            .map_err(|_| ForwardedError("it is no plain text"))?;
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(value);
        if text.len() > BYTES_MAX {
            return Err(ForwardedError("it is too long"));
        }
    }
    if text.trim().is_empty() {
        return Ok(None);
    }
    let elements = split(&text, b',')?;
    if elements.len() > HOPS_MAX {
        return Err(ForwardedError("it names too many proxies"));
    }
    let mut nearest = None;
    for element in elements.into_iter().rev() {
        let node = if speaks == Speaks::Forwarded {
            node_of(element)?
        } else {
            element.trim().to_owned()
        };
        let address = address(&node).ok_or(ForwardedError("it names no address"))?;
        nearest = Some(address);
        if !is_trusted(address) {
            break;
        }
    }
    Ok(nearest)
}

/// Splits at `at`, but not within quotes.
fn split(text: &str, at: u8) -> Result<Vec<&str>, ForwardedError> {
    let mut parts = Vec::new();
    let (mut begin, mut is_quoted, mut is_escaped) = (0, false, false);
    for (place, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ if byte == at && !is_quoted => {
                parts.push(text.get(begin..place).unwrap_or_default());
                begin = place + 1;
            }
            _ => {}
        }
    }
    if is_quoted {
        return Err(ForwardedError("a quote does not end"));
    }
    parts.push(text.get(begin..).unwrap_or_default());
    Ok(parts)
}

/// The one `for` of an element, out of its quotes.
fn node_of(element: &str) -> Result<String, ForwardedError> {
    let mut found = None;
    for pair in split(element, b';')? {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !key.trim().eq_ignore_ascii_case("for") {
            continue;
        }
        let value = value.trim();
        let inner = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        let value = inner.unwrap_or(value).to_owned();
        if found.replace(value).is_some() {
            return Err(ForwardedError("it says twice for whom"));
        }
    }
    found.ok_or(ForwardedError("it does not say for whom"))
}

/// `192.0.2.7`, `192.0.2.7:80`, `[2001:db8::7]:80`, `2001:db8::7`.
fn address(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let address = bare.unwrap_or(node).parse::<IpAddr>().ok();
    let address = address.or_else(|| node.parse::<SocketAddr>().ok().map(|it| it.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(speaks: Speaks, lines: &[&str]) -> Result<Option<String>, ForwardedError> {
        let mut headers = HeaderMap::new();
        for line in lines {
            for name in ["forwarded", "x-forwarded-for"] {
                headers.append(name, line.parse().unwrap());
            }
        }
        let trusted: ipnet::IpNet = "10.0.0.0/8".parse().unwrap();
        let client = client(&headers, speaks, |it| trusted.contains(&it))?;
        Ok(client.map(|it| it.to_string()))
    }

    #[test]
    fn what_the_proxy_wrote_counts_and_nothing_to_its_left() {
        for (speaks, lines, expected) in [
            (Speaks::XForwardedFor, vec!["192.0.2.7"], "192.0.2.7"),
            (
                Speaks::XForwardedFor,
                vec!["127.0.0.1, 192.0.2.7"],
                "192.0.2.7",
            ),
            (
                Speaks::XForwardedFor,
                vec!["127.0.0.1", "192.0.2.7, 10.0.0.9"],
                "192.0.2.7",
            ),
            (
                Speaks::XForwardedFor,
                vec!["rubbish \\, 192.0.2.7:99"],
                "192.0.2.7",
            ),
            (Speaks::XForwardedFor, vec!["::ffff:192.0.2.7"], "192.0.2.7"),
            (
                Speaks::XForwardedFor,
                vec!["10.0.0.1, 10.0.0.2"],
                "10.0.0.1",
            ),
            (
                Speaks::Forwarded,
                vec!["for=192.0.2.7;proto=https"],
                "192.0.2.7",
            ),
            (
                Speaks::Forwarded,
                vec!["for=127.0.0.1, For=\"[2001:db8::7]:47\""],
                "2001:db8::7",
            ),
            (
                Speaks::Forwarded,
                vec!["by=\"a,for=127.0.0.1\";for=192.0.2.7"],
                "192.0.2.7",
            ),
            (
                Speaks::Forwarded,
                vec!["for=_hidden, for=192.0.2.7, for=10.0.0.9"],
                "192.0.2.7",
            ),
        ] {
            assert_eq!(
                of(speaks, &lines).unwrap().as_deref(),
                Some(expected),
                "{lines:?}"
            );
        }
        assert_eq!(of(Speaks::Forwarded, &[]).unwrap(), None);
        assert_eq!(of(Speaks::Proxy, &["192.0.2.7"]).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_nobodys_address() {
        let long = "1".repeat(BYTES_MAX + 1);
        let many = ["10.0.0.1"; HOPS_MAX + 1].join(",");
        for line in [
            "unknown",
            "_x",
            "192.0.2.7,",
            "192.0.2.7 1",
            "[::1",
            &long,
            &many,
        ] {
            assert!(of(Speaks::XForwardedFor, &[line]).is_err(), "{line}");
        }
        for line in [
            "for=unknown",
            "for=192.0.2.7, for=_hidden",
            "proto=https",
            "for=192.0.2.7;for=127.0.0.1",
            "for=\"192.0.2.7",
            "192.0.2.7",
        ] {
            assert!(of(Speaks::Forwarded, &[line]).is_err(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_left_part_changes_what_the_proxy_wrote(left in "[ -~]{0,40}") {
            // A quote that does not end is an error; nothing to the left ever becomes the client.
            for (speaks, right) in [
                (Speaks::XForwardedFor, "192.0.2.7"),
                (Speaks::Forwarded, "for=192.0.2.7"),
            ] {
                if let Ok(client) = of(speaks, &[&left, right]) {
                    assert_eq!(client.as_deref(), Some("192.0.2.7"), "{left}");
                }
            }
        }
    }
}
