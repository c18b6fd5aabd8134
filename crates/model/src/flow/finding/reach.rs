//! Reach: what a node connects to, listens on, reads and writes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Hit, Severity,
    look::{Look, Text, list, quote},
};

pub(super) fn tls_off(look: &Look<'_>) -> Option<Hit> {
    let off = [
        "verifyservercert",
        "rejectUnauthorized",
        "verifyServerCertificate",
        "verifyCert",
    ];
    let on = [
        "insecureHTTPParser",
        "selfsign",
        "allowInsecure",
        "insecure",
    ];
    let off = off
        .into_iter()
        .find(|key| look.becomes(key, &Value::Bool(false)));
    let on = on
        .into_iter()
        .find(|key| look.becomes(key, &Value::Bool(true)));
    if let Some(key) = off.or(on) {
        let message = "Does not check who is at the other end: anyone on the way can read and \
                       change what is sent.";
        return Some((Severity::Danger, message.to_owned(), Some(key)));
    }
    let was = look.before.and_then(|all| all.get("usetls")) == Some(&Value::Bool(true));
    let drops = was && look.value("usetls") == Some(&Value::Bool(false));
    drops.then(|| {
        let message = "Goes over to a connection without encryption: anyone on the way can read \
                       and change what is sent.";
        (Severity::Danger, message.to_owned(), Some("usetls"))
    })
}

pub(super) fn new_host(look: &Look<'_>) -> Option<Hit> {
    let new = new_hosts(look);
    let named: Vec<String> = new.iter().map(|host| quote(host)).collect();
    (!new.is_empty()).then(|| {
        let message = format!(
            "Names {}: data can leave to there, and commands come from there.",
            list(&named)
        );
        (Severity::Warning, message, None)
    })
}

/// Hosts a node names now and did not before.
pub(super) fn new_hosts(look: &Look<'_>) -> Vec<String> {
    if look.kind() == "comment" {
        return Vec::new();
    }
    let (before, after) = look.texts();
    let hosts =
        |texts: Vec<Text<'_>>| -> BTreeSet<String> { texts.into_iter().flat_map(hosts).collect() };
    let before = hosts(before);
    hosts(after)
        .into_iter()
        .filter(|host| !before.contains(host))
        .collect()
}

/// Keys whose value is an address, as far as it looks like one.
const ADDRESS: [&str; 14] = [
    "host",
    "hostname",
    "broker",
    "server",
    "addr",
    "ip",
    "ipaddress",
    "ip_address",
    "tcphost",
    "url",
    "uri",
    "endpoint",
    "mongodb",
    "brokerurl",
];

fn hosts(Text { key, text }: Text<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
        let scheme = text[..at]
            .rsplit(|c: char| !is_scheme(c))
            .next()
            .unwrap_or("");
        let host = authority(&text[at + 3..]);
        // Names of XML vocabularies are no addresses, and a template's gaps are filled later.
        if !matches!(scheme, "" | "file")
            && !matches!(host, "" | "www.w3.org")
            && !host.contains("{{")
        {
            found.push(host.chars().take(100).collect());
        }
    }
    if found.is_empty() && ADDRESS.contains(&key.to_ascii_lowercase().as_str()) {
        found.extend(bare(text).map(|host| host.chars().take(100).collect()));
    }
    found
}

/// `host:port` at the start of what follows `://`, without user and password.
fn authority(rest: &str) -> &str {
    let end = |c: char| c.is_whitespace() || c.is_control() || "/?#\"'`<>\\),;".contains(c);
    let authority = rest.split(end).next().unwrap_or("");
    authority.rsplit('@').next().unwrap_or("")
}

/// An address without a scheme. Words such as `client` (of a TCP node) and ids of config nodes,
/// which stand under the same keys, are none.
fn bare(text: &str) -> Option<&str> {
    let host = authority(text.trim());
    let is_host = |c: char| c.is_alphanumeric() || ".-_:[]${}%".contains(c);
    let is_id = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
        let dots = text.bytes().filter(|byte| *byte == b'.').count();
        text.len() >= 12 && dots <= 1 && digits + dots == text.len()
    };
    let is_word = matches!(host, "server" | "client" | "localhost" | "127.0.0.1" | "");
    (!is_word && !is_id(host) && host.chars().all(is_host)).then_some(host)
}

pub(super) fn host_from_message(look: &Look<'_>) -> Option<Hit> {
    let key = match look.kind() {
        "http request" => "url",
        "tcp request" => "server",
        "udp out" => "addr",
        _ => return None,
    };
    let text = look.text(key);
    let is_open = text.trim().is_empty() || text.contains("{{");
    (is_open && look.differs(key)).then(|| {
        let message = "The message decides where it connects to: whoever can send it a message \
                       can send data anywhere.";
        (Severity::Warning, message.to_owned(), Some(key))
    })
}

pub(super) fn new_listener(look: &Look<'_>) -> Option<Hit> {
    let key = match look.kind() {
        "http in" => "url",
        "tcp in" if look.text("server") == "server" => "port",
        "udp in" | "modbus-server" | "OpcUa-Server" | "aedes broker" | "e-mail mta"
        | "ftp-server" | "coap in" | "snmp trap" => "port",
        "websocket-listener" => "path",
        _ => return None,
    };
    let others = [
        "method",
        "server",
        "iface",
        "multicast",
        "address",
        "upload",
        "d",
    ];
    if !look.differs(key) && !others.into_iter().any(|key| look.differs(key)) {
        return None;
    }
    let place = look.value(key).map(|value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    let place = place.filter(|place| !place.is_empty());
    let place = place.map_or_else(String::new, |place| format!(" on {}", quote(&place)));
    let message = format!("Listens{place}: whoever can reach it can send it messages.");
    Some((Severity::Warning, message, Some(key)))
}

pub(super) fn file_access(look: &Look<'_>) -> Option<Hit> {
    let kind = look.kind();
    let key = match kind {
        "file" | "file in" | "tail" | "bigfile" => "filename",
        "watch" => "files",
        _ if kind.starts_with("fs-ops-") || kind.starts_with("fs-file") => "path",
        _ => return None,
    };
    let others = ["filenameType", "overwriteFile", "createDir", "recursive"];
    if !look.differs(key) && !others.into_iter().any(|key| look.differs(key)) {
        return None;
    }
    let does = match kind {
        "file" if look.text("overwriteFile") == "delete" => "Deletes",
        "file" => "Writes",
        "watch" | "tail" => "Watches",
        "file in" | "bigfile" => "Reads",
        _ => "Reads or writes",
    };
    let path = look.text(key);
    let from = ["filenameType", "pathType"].map(|key| look.text(key));
    let is_open = path.is_empty()
        || from
            .iter()
            .any(|from| matches!(*from, "msg" | "flow" | "global" | "jsonata"));
    let what = if is_open {
        "files that the message names".to_owned()
    } else {
        quote(path)
    };
    Some((
        Severity::Warning,
        format!("{does} {what} on the machine."),
        Some(key),
    ))
}
