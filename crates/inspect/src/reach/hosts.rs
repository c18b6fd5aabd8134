//! Hosts a node names: by the table, by the look of an address anywhere, by a property's name.

use std::collections::BTreeSet;

use model::flow::Flows;
use serde_json::{Map, Value};

use super::table::{Means, rows};
use crate::{
    hit::Hits,
    look::{Look, Text, line_of, list, quote, words},
    rule::reach::{HOST_FROM_MESSAGE, NEW_HOST, NEW_PORT},
};

pub(super) fn look(look: &Look<'_>, hits: &mut Hits) {
    if look.kind() == "comment" {
        return;
    }
    let new = new_hosts(look);
    if let Some((property, line)) = new.first().and_then(|host| place(look, host)) {
        let named: Vec<String> = new.iter().map(|host| quote(host)).collect();
        let message = format!(
            "Names {}: data can leave to there, and commands come from there.",
            list(&named)
        );
        let hit = hits.add(&NEW_HOST, message).at(&property).about_all(&new);
        if let Some(line) = line {
            hit.line(line);
        }
    } else {
        ports(look, hits);
    }
    from_message(look, hits);
}

/// Hosts a node names now and did not before.
pub(crate) fn new_hosts(look: &Look<'_>) -> Vec<String> {
    if look.kind() == "comment" {
        return Vec::new();
    }
    let (before, after) = look.texts();
    // Under the keys of addresses stand ids of config nodes too. That a node has it is not enough:
    // who proposes the flow chooses ids.
    let is_id = |text: &str| {
        let has = |flows: &Flows| flows.get(text).is_some();
        looks_like_id(text) && (has(look.base) || has(look.proposal))
    };
    let hosts = |text: &Text| hosts(text, is_id);
    let mut was: BTreeSet<String> = before.iter().flat_map(hosts).collect();
    was.extend(tabled(look.before.as_ref()));
    let mut is: BTreeSet<String> = after.iter().flat_map(hosts).collect();
    is.extend(tabled(look.after.as_ref()));
    is.into_iter().filter(|host| !was.contains(host)).collect()
}

/// The property and line in which a host stands.
fn place(look: &Look<'_>, host: &str) -> Option<(String, Option<u32>)> {
    let text = look
        .texts()
        .1
        .iter()
        .find(|text| text.value.contains(host))?;
    let at = text.value.find(host).unwrap_or(0);
    Some((text.property.clone(), line_of(&text.value, at)))
}

/// Hosts in the properties that the table knows.
fn tabled(all: Option<&Map<String, Value>>) -> Vec<String> {
    let Some(all) = all else {
        return Vec::new();
    };
    let kind = all.get("type").and_then(Value::as_str).unwrap_or("");
    let hosts = rows(kind).filter(|row| matches!(row.means, Means::Host(_)));
    hosts
        .filter_map(|row| all.get(row.property)?.as_str())
        .filter_map(bare)
        .map(str::to_owned)
        .collect()
}

/// The port changed, of a host that did not.
fn ports(look: &Look<'_>, hits: &mut Hits) {
    if look.is_new() {
        return;
    }
    for row in rows(look.kind()) {
        let Means::Host(port) = row.means else {
            continue;
        };
        let (was, is) = (look.old_words(port), look.words(port));
        let host = look.text(row.property);
        if was != is && !is.is_empty() && bare(host).is_some() {
            let message = format!(
                "Connects to port {} of {} instead of {}: another program answers there.",
                quote(&is),
                quote(host),
                quote(&was)
            );
            hits.add(&NEW_PORT, message).at(port).about(host);
        }
    }
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

fn hosts(text: &Text, is_id: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let value = text.value.as_str();
    for (at, _) in value.match_indices("://") {
        let is_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
        let scheme = value[..at]
            .rsplit(|c: char| !is_scheme(c))
            .next()
            .unwrap_or("");
        let rest = &value[at + 3..];
        // To a browser and to Node.js `http:///host` is `http://host`.
        let host = if scheme == "file" {
            ""
        } else {
            authority(rest.trim_start_matches(['/', '\\']))
        };
        // Names of XML vocabularies are no addresses, and a template's gaps are filled later.
        if !scheme.is_empty() && !matches!(host, "" | "www.w3.org") && !host.contains("{{") {
            found.push(host.to_owned());
        }
    }
    // Whatever address stands further on, as in `host/?from=https://other`.
    if ADDRESS.contains(&text.key.to_ascii_lowercase().as_str()) {
        let host = bare(value).filter(|host| !is_id(host));
        found.extend(host.map(str::to_owned));
    }
    found
}

/// `host:port` at the start of what follows `://`, without user and password.
fn authority(rest: &str) -> &str {
    let end = |c: char| c.is_whitespace() || c.is_control() || "/?#\"'`<>\\),;".contains(c);
    let authority = rest.split(end).next().unwrap_or("");
    authority.rsplit('@').next().unwrap_or("")
}

/// Schemes of addresses. What stands before another `:` is a host: `evil.example:/x` is an address
/// to who puts `http://` before it.
const SCHEMES: [&str; 30] = [
    "http",
    "https",
    "ws",
    "wss",
    "mqtt",
    "mqtts",
    "tcp",
    "tls",
    "ssl",
    "udp",
    "opc.tcp",
    "amqp",
    "amqps",
    "redis",
    "rediss",
    "mongodb",
    "mongodb+srv",
    "postgres",
    "postgresql",
    "mysql",
    "ftp",
    "ftps",
    "sftp",
    "ssh",
    "coap",
    "coaps",
    "kafka",
    "nats",
    "ldap",
    "file",
];

/// The host of an address that may have no scheme. Words such as `client` (of a TCP node), which
/// stand under the same keys, are none.
fn bare(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_scheme = |scheme: &str| SCHEMES.iter().any(|it| it.eq_ignore_ascii_case(scheme));
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        _ => ("", text),
    };
    let address = if scheme.is_empty() && !text.starts_with("//") {
        text
    } else {
        rest.trim_start_matches(['/', '\\'])
    };
    let host = authority(address);
    let is_host = |c: char| c.is_alphanumeric() || ".-_:[]${}%".contains(c);
    // A gap is filled by the message.
    let is_word = matches!(host, "server" | "client" | "localhost" | "127.0.0.1" | "")
        || host.contains("{{")
        || scheme.eq_ignore_ascii_case("file");
    (!is_word && !address.starts_with('/') && host.chars().all(is_host)).then_some(host)
}

/// Whether it may be an id that Node-RED makes: 16 hexadecimal digits, or a number with a fraction.
fn looks_like_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let dots = text.bytes().filter(|byte| *byte == b'.').count();
    // `feedfacecafe.de` is a host: no domain at the top holds a digit, and `.cafe` is the longest
    // of these letters.
    let is_domain = |end: &str| end.len() < 5 && end.bytes().all(|it| it.is_ascii_alphabetic());
    let end = text.split_once('.').map(|(_, end)| end);
    text.len() >= 12 && dots <= 1 && digits + dots == text.len() && !end.is_some_and(is_domain)
}

fn from_message(look: &Look<'_>, hits: &mut Hits) {
    let key = match look.kind() {
        "http request" => "url",
        "tcp request" => "server",
        "udp out" => "addr",
        _ => return,
    };
    let text = words(look.value(key));
    let host = text
        .split_once("://")
        .map_or(text.as_str(), |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or("");
    if look.differs(key) && (text.trim().is_empty() || host.contains("{{")) {
        let message = "The message decides where it connects to: whoever can send it a message \
                       can send data anywhere.";
        hits.add(&HOST_FROM_MESSAGE, message).at(key);
    }
}
