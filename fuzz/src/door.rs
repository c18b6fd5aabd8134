//! Laws of what the gate reads of requests, and of what Node-RED says back.

use gate::{
    hostile,
    route::{Target, admin},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

/// A path that is accepted has one reading: read again it is the same, and neither case nor a
/// trailing slash makes another route of it.
pub fn target(data: &[u8]) {
    let Some(target) = target_of(data) else {
        return;
    };
    let again: Uri = target.path_and_query().parse().expect("it is an address");
    assert_eq!(Target::parse(&again).as_ref(), Ok(&target));
    let path = target.path();
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!path.contains("//") && !path.contains(['\\', ';', '#', '?', '"', '<']));
    assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")));
    for segment in target.segments() {
        assert!(!segment.is_empty() && !segment.contains(['/', '\\', '\0', '\n', '%']));
    }
    let normal: Uri = target.normal().parse().expect("it is an address");
    let normal = Target::parse(&normal).expect("what is normal is accepted");
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
        for is_upgrade in [false, true] {
            let class = |target| {
                let class = admin(&method, is_upgrade, target);
                class.map(|class| std::mem::discriminant(&class))
            };
            assert_eq!(class(&target), class(&normal), "{method} {path}");
        }
    }
}

fn target_of(data: &[u8]) -> Option<Target> {
    let uri: Uri = std::str::from_utf8(data).ok()?.parse().ok()?;
    Target::parse(&uri).ok()
}

/// Whether an input is a path that is accepted.
pub fn is_target(data: &[u8]) -> bool {
    target_of(data).is_some()
}

fn head_of(data: &[u8]) -> HeaderMap {
    let mut head = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some(at) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = line.split_at(at);
        let value = value.get(2..).unwrap_or_default();
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            head.append(name, value);
        }
    }
    head
}

/// Of what a client says of itself, of its connection, or by our cookies, nothing is sent on; of
/// what Node-RED says, nothing sets our cookies or opens the origin.
pub fn head(data: &[u8]) {
    const NEVER: [&str; 16] = [
        "authorization",
        "connection",
        "content-length",
        "expect",
        "forwarded",
        "http2-settings",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-http-method-override",
        "x-real-ip",
    ];
    let head = head_of(data);
    let sent = hostile::sent_on(&head);
    for name in sent.keys() {
        let plain = name.as_str().replace('_', "-");
        assert!(!NEVER.contains(&plain.as_str()), "{name} is sent on");
        assert!(!plain.starts_with("x-gate-") && !plain.starts_with("x-redkeep-"));
        let is_ours = [
            "host",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-forwarded-proto",
        ]
        .contains(&plain.as_str());
        let is_once = sent.get_all(name).iter().count() == 1;
        assert!(
            !is_ours || (*name == *plain && is_once),
            "{name} is the client's"
        );
    }
    assert_eq!(sent["host"], "gate.example");
    assert_eq!(sent["x-forwarded-for"], "192.0.2.1");
    let cookies = sent
        .get_all("cookie")
        .iter()
        .filter_map(|it| it.to_str().ok());
    for pair in cookies.flat_map(|cookies| cookies.split(';')) {
        let name = pair.split('=').next().unwrap_or("").trim();
        assert!(!is_ours(name), "{pair} is sent on");
    }
    for secret in hostile::sessions(&head) {
        assert!(!secret.contains([';', '\n', '\r', '\0']));
    }
    let answered = hostile::answered(&head);
    for (name, value) in &answered {
        assert!(!name.as_str().starts_with("access-control-"));
        let pair = value.to_str().unwrap_or("redkeep");
        let name_of = pair.split(['=', ';']).next().unwrap_or("").trim();
        assert!(name != "set-cookie" || !is_ours(name_of), "{pair} is set");
    }
    if let Some(token) = head.get("authorization").and_then(hostile::token) {
        assert!(token.starts_with("rk_") && token.len() <= 256 && !token.contains(' '));
    }
}

/// Whether an input is a head of which something is sent on and something is not.
pub fn is_mixed(data: &[u8]) -> bool {
    let head = head_of(data);
    let sent = hostile::sent_on(&head);
    let is_sent = |name: &HeaderName| sent.contains_key(name);
    head.keys().any(is_sent) && !head.keys().all(is_sent)
}

fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("redkeep") || name.starts_with("__host-redkeep")
}

/// Neither watch depends on how the bytes are cut; what has a second length is ambiguous.
pub fn framing(data: &[u8]) {
    let whole = hostile::is_unambiguous([data]);
    assert_eq!(whole, hostile::is_unambiguous(data.chunks(1)));
    assert_eq!(whole, hostile::is_unambiguous(data.chunks(7)));
    let end = hostile::frames_end([data], 3);
    assert_eq!(end, hostile::frames_end(data.chunks(1), 3));
    assert_eq!(end, hostile::frames_end(data.chunks(7), 3));
    assert!(end.is_none_or(|end| (24..=data.len()).contains(&end)));
    if whole {
        let mut head = data
            .split(|byte| *byte == b'\n')
            .take_while(|line| line.len() > 1);
        let is_first = |line: &&[u8]| !line.is_empty();
        assert!(head.next().as_ref().is_none_or(is_first));
        let says = |line: &[u8], name: &[u8]| {
            let (found, rest) = line.split_at(line.len().min(name.len()));
            found.eq_ignore_ascii_case(name) && rest.first() == Some(&b':')
        };
        let lengths =
            head.filter(|line| says(line, b"content-length") || says(line, b"transfer-encoding"));
        let is_ended = data.windows(4).any(|window| window == b"\r\n\r\n");
        assert!(!is_ended || lengths.count() <= 1, "two lengths pass");
    }
}

/// Whether an input is a head that passes.
pub fn is_plain_head(data: &[u8]) -> bool {
    data.windows(4).any(|window| window == b"\r\n\r\n") && hostile::is_unambiguous([data])
}

/// What the page says is a subscription or nothing; what Node-RED says is never Redkeep's, and
/// debug messages are for those who may see them.
pub fn comms(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Some(topic) = hostile::subscribed(text) {
        assert!(topic.len() <= 256);
    }
    for may_debug in [false, true] {
        let Some(heard) = hostile::heard(text, may_debug) else {
            continue;
        };
        let Ok(heard) = serde_json::from_str::<serde_json::Value>(&heard) else {
            assert!(may_debug, "what is no JSON is heard");
            continue;
        };
        let one = std::slice::from_ref(&heard);
        for message in heard.as_array().map_or(one, |list| &list[..]) {
            let topic = message.get("topic").and_then(|topic| topic.as_str());
            let topic = topic.unwrap_or("");
            assert!(!topic.starts_with("redkeep") && !topic.starts_with("notification/redkeep"));
            let is_for_all = ["status/", "notification/", "hb"];
            let is_for_all = topic.is_empty() || is_for_all.iter().any(|it| topic.starts_with(it));
            assert!(may_debug || is_for_all);
        }
    }
}

/// Whether an input is a message of the page's, or a frame of which something is heard.
pub fn is_comms(data: &[u8]) -> bool {
    let heard = std::str::from_utf8(data)
        .ok()
        .map(|text| hostile::subscribed(text).is_some() || hostile::heard(text, false).is_some());
    heard == Some(true)
}
