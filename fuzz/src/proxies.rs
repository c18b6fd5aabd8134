//! Laws of what a trusted proxy says of a client: bytes it did not write itself change nothing.

use std::net::IpAddr;

use gate::listen::{
    Speaks,
    proxies::{Said, forwarded_client, parse_header},
};
use http::{HeaderMap, HeaderValue};

/// A PROXY header is exactly as long as it says and says nothing else by what follows its addresses;
/// of a list of addresses nothing further left than the first stranger counts.
pub fn proxies(data: &[u8]) {
    header(data);
    for speaks in [Speaks::Forwarded, Speaks::XForwardedFor] {
        list(data, speaks);
    }
}

fn header(data: &[u8]) {
    let Ok(said) = parse_header(data) else { return };
    for end in [0, 12, 15, 16, data.len() - 1] {
        let cut = data.get(..end.min(data.len() - 1)).unwrap_or_default();
        assert!(parse_header(cut).is_err(), "cut at {end} it is one too");
    }
    let more = [data, b"\0"].concat();
    assert!(parse_header(&more).is_err(), "with more it is one too");
    if let Said::Client(client) = said {
        assert_eq!(client.ip(), client.ip().to_canonical());
        let behind = if data.get(13) == Some(&0x11) { 28 } else { 52 };
        let zeros = data.iter().enumerate();
        let zeros: Vec<u8> = zeros
            .map(|(at, byte)| if at < behind { *byte } else { 0 })
            .collect();
        assert_eq!(parse_header(&zeros), Ok(said), "what is added counts");
    }
}

fn is_trusted(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
}

fn lines(data: &[u8], speaks: Speaks) -> Vec<HeaderValue> {
    let name = if speaks == Speaks::Forwarded {
        "forwarded:"
    } else {
        "x-forwarded-for:"
    };
    let lines = data.split(|byte| *byte == b'\n');
    let values = lines.filter_map(|line| line.strip_prefix(name.as_bytes()));
    values
        .filter_map(|value| HeaderValue::from_bytes(value).ok())
        .collect()
}

fn client(lines: &[HeaderValue], speaks: Speaks) -> Option<IpAddr> {
    let name = if speaks == Speaks::Forwarded {
        "forwarded"
    } else {
        "x-forwarded-for"
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, line.clone());
    }
    forwarded_client(&headers, speaks, is_trusted)
        .ok()
        .flatten()
}

fn list(data: &[u8], speaks: Speaks) {
    let lines = lines(data, speaks);
    let Some(found) = client(&lines, speaks) else {
        return;
    };
    assert_eq!(found, found.to_canonical());
    let claim = if speaks == Speaks::Forwarded {
        "for=203.0.113.9"
    } else {
        "203.0.113.9"
    };
    let claimed = [&[HeaderValue::from_static(claim)], &lines[..]].concat();
    // The client wrote this line; it may make the whole unreadable, or too long.
    if let Some(other) = client(&claimed, speaks) {
        assert!(
            other == found || is_trusted(found),
            "a claim counts: {other}"
        );
    }
}

/// Whether an input is a header that names a client, or a list that names one.
pub fn is_proxied(data: &[u8]) -> bool {
    let named = |speaks| client(&lines(data, speaks), speaks).is_some();
    matches!(parse_header(data), Ok(Said::Client(_)))
        || named(Speaks::Forwarded)
        || named(Speaks::XForwardedFor)
}
