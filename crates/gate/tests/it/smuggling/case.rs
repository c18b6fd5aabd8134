//! A case: what is sent, and what must come of it. `tests/smuggling/README.md` tells the form.

use std::path::Path;

use crate::{house::House, recorder::Heard};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) protocol: Protocol,
    /// What the client is answered, in order: statuses, or `reset N`, `closed N`.
    pub(super) answers: Vec<String>,
    /// Whether a request behind it on the same connection is answered, as itself.
    pub(super) is_served: bool,
    /// The client says no more after it.
    pub(super) is_last: bool,
    /// The lines of what is sent.
    pub(super) sent: Vec<String>,
    upstream: Vec<String>,
}

/// Every case of a protocol.
pub(super) fn all(protocol: Protocol) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smuggling");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "case"))
        .collect();
    files.sort();
    let cases = files.iter().map(|path| read(path));
    cases.filter(|case| case.protocol == protocol).collect()
}

fn read(path: &Path) -> Case {
    let file = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let mut sections = text.split("\n--- ");
    let head = sections.next().unwrap();
    let value = |key: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(found, _)| *found == key);
        found.unwrap_or_else(|| panic!("{file} has no {key}")).1
    };
    assert!(!value("source").is_empty());
    let mut case = Case {
        name: format!("{file} ({})", value("name")),
        protocol: match value("protocol") {
            "http/1.1" => Protocol::Http1,
            "h2" => Protocol::Http2,
            other => panic!("{file}: {other}"),
        },
        answers: value("answers").split(", ").map(str::to_owned).collect(),
        is_served: value("then") == "served",
        is_last: value("then") == "nothing",
        sent: Vec::new(),
        upstream: Vec::new(),
    };
    for section in sections {
        let (title, lines) = section.split_once('\n').unwrap();
        match title {
            "sent" => case.sent = lines.lines().map(str::to_owned).collect(),
            "upstream" | "upstream, cut off" => case.upstream.push(section.to_owned()),
            other => panic!("{file}: {other}"),
        }
    }
    assert!(!case.sent.is_empty(), "{file} sends nothing");
    case
}

impl Case {
    /// What the upstream must have received: exactly this, and nothing else.
    pub(super) fn expected(&self, house: &House) -> Vec<Heard> {
        let requests = self.upstream.iter().map(|section| {
            let (title, lines) = section.split_once('\n').unwrap();
            let bytes = lines.lines().flat_map(|line| bytes(line, house, ""));
            let text = String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            Heard {
                head: format!("{head}\r\n\r\n"),
                body: body.to_owned(),
                fault: (title == "upstream, cut off").then_some("cut off"),
            }
        });
        requests.collect()
    }
}

/// A line's bytes: escapes, and what only the run knows.
pub(super) fn bytes(line: &str, house: &House, login: &str) -> Vec<u8> {
    let host = &house.origin["https://".len()..];
    let line = line
        .replace("{host}", host)
        .replace("{origin}", &house.origin)
        .replace("{cookie}", login);
    let mut bytes = Vec::new();
    let mut rest = line.chars();
    while let Some(next) = rest.next() {
        match next {
            '\\' => bytes.push(escape(&mut rest)),
            // `{a*1000}`: a thousand times a.
            '{' => {
                let inner: String = rest.by_ref().take_while(|c| *c != '}').collect();
                let (what, times) = inner.split_once('*').unwrap();
                bytes.extend(what.repeat(times.parse().unwrap()).bytes());
            }
            other => bytes.extend(other.to_string().bytes()),
        }
    }
    bytes
}

fn escape(rest: &mut std::str::Chars<'_>) -> u8 {
    match rest.next().unwrap() {
        'r' => b'\r',
        'n' => b'\n',
        't' => b'\t',
        's' => b' ',
        '\\' => b'\\',
        'x' => {
            let digits: String = rest.by_ref().take(2).collect();
            u8::from_str_radix(&digits, 16).unwrap()
        }
        other => panic!("no such escape: {other}"),
    }
}
