//! Nodes that reach out: MQTT, HTTP, sockets, commands and files.

use super::{Properties, Told, cut, duration, is_set, number, quoted, text};

fn quality(node: &Properties) -> Option<String> {
    let words = match number(node, "qos")? {
        0.0 => "at most once (QoS 0)",
        1.0 => "at least once (QoS 1)",
        2.0 => "exactly once (QoS 2)",
        _ => return None,
    };
    Some(words.to_owned())
}

/// Topics, what delivery promises, and the broker.
pub(super) fn mqtt(kind: &str, node: &Properties, told: &mut Told) {
    match kind {
        "mqtt in" => {
            let topic = match (text(node, "topic"), number(node, "inputs")) {
                (_, Some(1.0)) => Some("the topics that messages name".to_owned()),
                (Some("#"), _) => Some("every topic (#)".to_owned()),
                (topic, _) => topic.map(cut),
            };
            told.add("Listens to", topic);
            told.add("Delivery", quality(node));
        }
        "mqtt out" => {
            let topic =
                text(node, "topic").map_or_else(|| "the topic msg.topic names".to_owned(), cut);
            told.add("Publishes to", topic);
            told.add("Delivery", quality(node));
            let retained = is_set(node, "retain")
                .then(|| "the last message for whoever comes later".to_owned());
            told.add("Broker keeps", retained);
        }
        _ => {
            let port = number(node, "port").map_or_else(String::new, |port| format!(":{port}"));
            told.add(
                "Connects to",
                text(node, "broker").map(|host| format!("{}{port}", cut(host))),
            );
            let tls = if is_set(node, "usetls") {
                "encrypted (TLS)"
            } else {
                "not encrypted"
            };
            told.add("Connection is", tls.to_owned());
            let alive = number(node, "keepalive").and_then(|span| duration::every(span, "s"));
            told.add("Sends a sign of life", alive);
            if node.contains_key("cleansession") {
                let words = if is_set(node, "cleansession") {
                    "missed while away is lost"
                } else {
                    "missed while away is delivered later"
                };
                told.add("What is", words.to_owned());
            }
        }
    }
}

/// What is answered, asked, or replied.
pub(super) fn http(kind: &str, node: &Properties, told: &mut Told) {
    let method = text(node, "method").map(str::to_uppercase);
    match kind {
        "http in" => {
            let method = method.unwrap_or_else(|| "GET".to_owned());
            told.add(
                "Answers",
                text(node, "url").map(|url| format!("{method} {}", cut(url))),
            );
        }
        "http request" => {
            let method = match method.as_deref() {
                None => "GET".to_owned(),
                Some("USE") => "the method msg.method names".to_owned(),
                Some(method) => method.to_owned(),
            };
            let url = text(node, "url").map_or_else(|| "the address msg.url names".to_owned(), cut);
            told.add("Requests", format!("{method} {url}"));
        }
        _ => {
            let code = text(node, "statusCode").map(|code| format!("status {}", cut(code)));
            told.add(
                "Replies",
                code.unwrap_or_else(|| "status 200, or msg.statusCode".to_owned()),
            );
        }
    }
}

/// Where a socket listens or connects to.
pub(super) fn socket(kind: &str, node: &Properties, told: &mut Told) {
    let port = text(node, "port").map(cut);
    let host = text(node, if kind == "udp out" { "addr" } else { "host" }).map(cut);
    let Some(port) = port else { return };
    let listens =
        text(node, "server") == Some("server") || text(node, "beserver") == Some("server");
    if kind == "udp in" || listens {
        told.add("Listens on", format!("port {port}"));
    } else if let Some(host) = host {
        told.add("Connects to", format!("{host}:{port}"));
    }
}

/// The command it runs, and for how long at most.
pub(super) fn exec(node: &Properties, told: &mut Told) {
    let extra = text(node, "append").map_or_else(String::new, |extra| format!(" {extra}"));
    let input = match node.get("addpay") {
        Some(value) if value == false || value == "" => String::new(),
        Some(value) if value == true => ", with msg.payload behind it".to_owned(),
        Some(serde_json::Value::String(property)) => {
            format!(", with msg.{} behind it", cut(property))
        }
        _ => String::new(),
    };
    let command = text(node, "command").map(|command| {
        let command = quoted(&format!("{command}{extra}"));
        format!("{command}{input}")
    });
    told.add("Runs the command", command);
    let timer = number(node, "timer").filter(|timer| *timer > 0.0);
    told.add(
        "Stops it after",
        timer.and_then(|timer| duration::words(timer, "s")),
    );
}

/// The file it reads or writes.
pub(super) fn file(kind: &str, node: &Properties, told: &mut Told) {
    let Some(name) = text(node, "filename") else {
        return;
    };
    let name = match text(node, "filenameType") {
        Some("msg") => format!("the file msg.{} names", cut(name)),
        Some("env") => format!("the file the environment variable {} names", cut(name)),
        _ => cut(name),
    };
    let verb = match (kind, text(node, "overwriteFile")) {
        ("file in", _) => "Reads",
        (_, Some("true")) => "Overwrites",
        (_, Some("delete")) => "Deletes",
        _ => "Appends to",
    };
    told.add(verb, name);
}
