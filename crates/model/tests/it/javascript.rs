//! The canonical text is what Node.js writes, and its digest what Node-RED would call `rev`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdout, Command, Stdio},
};

use data_encoding::HEXLOWER;
use model::flow::{FlowError, Flows, Limits};
use proptest::prelude::*;

/// Reads texts as Node-RED does: parse, take `credentials` off, write, digest.
pub(crate) struct Judge {
    child: Child,
    answers: BufReader<ChildStdout>,
}

const PROGRAM: &str = r"
const crypto = require('crypto');
const lines = require('readline').createInterface({ input: process.stdin });
lines.on('line', line => {
    let answer;
    try {
        const flows = JSON.parse(Buffer.from(line, 'hex').toString());
        for (const node of flows) { if (node.credentials) { delete node.credentials; } }
        const text = JSON.stringify(flows);
        const digest = crypto.createHash('sha256').update(text).digest('hex');
        answer = digest + ' ' + Buffer.from(text).toString('hex');
    } catch (error) { answer = 'refused'; }
    process.stdout.write(answer + '\n');
});";

impl Judge {
    pub(crate) fn new() -> Self {
        let mut child = Command::new("node")
            .args(["-e", PROGRAM])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("these tests need Node.js on the PATH, as `node`");
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, answers }
    }

    /// The digest and the text; none when JavaScript refuses it.
    pub(crate) fn read(&mut self, text: &[u8]) -> Option<(String, String)> {
        let line = HEXLOWER.encode(text) + "\n";
        self.child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        let (digest, text) = answer.trim().split_once(' ')?;
        let text = String::from_utf8(HEXLOWER.decode(text.as_bytes()).unwrap()).unwrap();
        Some((digest.to_owned(), text))
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn odd_number() -> impl Strategy<Value = String> {
    let known = [
        "0",
        "-0",
        "0.0",
        "-0.0",
        "1.0",
        "1e21",
        "1E+20",
        "123456789012345678901",
        "1e-7",
        "0.000001",
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551616",
        "4.35",
        "5e-324",
        "1.7976931348623157e308",
        "0.1e1",
        "100e-2",
        "2.2250738585072014e-308",
        "9223372036854775808",
        "7.038531e-26",
        "1e23",
        "9.5e-3",
        "-1.5E-10",
    ];
    prop_oneof![
        proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has none", |n| n.is_finite())
            .prop_map(|n| format!("{n:e}")),
        "-?[1-9][0-9]{0,25}(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?",
    ]
}

fn odd_string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z0-9 ]{0,6}",
        proptest::sample::select(
            &[
                "\\u0000",
                "\\u001F",
                "\\b\\f\\n\\r\\t",
                "\\/",
                "\\\\",
                "\\\"",
                "\u{7f}",
                "\u{2028}",
                "é",
                "\\u00e9",
                "\\uD83D\\uDE00",
                "😀",
                "\\u2029",
                "\\u007f",
                "\\u003c",
                "__proto__x"
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn odd_key() -> impl Strategy<Value = String> {
    let known = [
        "\"0\"",
        "\"1\"",
        "\"10\"",
        "\"2\"",
        "\"01\"",
        "\"-1\"",
        "\"4294967294\"",
        "\"4294967295\"",
        "\"4294967296\"",
        "\"1.5\"",
        "\"\\u0031\\u0032\"",
        "\"\"",
        "\"99999999999\"",
        "\"constructor\"",
        "\"toString\"",
        "\"credentials\"",
    ];
    prop_oneof![
        proptest::sample::select(known.to_vec()).prop_map(str::to_owned),
        odd_string()
    ]
}

fn space() -> impl Strategy<Value = String> {
    "[ \n\r\t]{0,2}"
}

fn unique(members: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut seen = std::collections::HashSet::new();
    let name = |key: &str| serde_json::from_str::<String>(key).unwrap();
    members
        .into_iter()
        .filter(|(key, _)| seen.insert(name(key)))
        .collect()
}

fn write_object(members: Vec<(String, String)>, space: &str) -> String {
    let members = unique(members).into_iter();
    let members: Vec<String> = members
        .map(|(key, value)| format!("{space}{key}{space}:{space}{value}{space}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn odd_value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        odd_number(),
        odd_string(),
        proptest::sample::select(&["true", "false", "null"][..]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..5), space()).prop_map(
                |(items, space)| format!("[{}]", items.join(&format!("{space},{space}")))
            ),
            (proptest::collection::vec((odd_key(), inner), 0..5), space())
                .prop_map(|(members, space)| write_object(members, &space)),
        ]
    })
}

fn odd_flows() -> impl Strategy<Value = String> {
    let node = (
        proptest::collection::vec((odd_key(), odd_value()), 0..6),
        proptest::option::of(proptest::sample::select(
            &["{}", "{\"a\":\"b\",\"1\":\"c\"}"][..],
        )),
        any::<proptest::sample::Index>(),
    );
    (proptest::collection::vec(node, 0..5), space()).prop_map(|(nodes, space)| {
        let node =
            |(number, (mut members, credentials, place)): (usize, (Vec<_>, Option<&str>, _))| {
                // What every node has is put in below; a random key may spell the same.
                members.retain(|(key, _): &(String, String)| {
                    let name: String = serde_json::from_str(key).unwrap();
                    !["id", "type", "credentials"].contains(&name.as_str())
                });
                let place: proptest::sample::Index = place;
                let mut add = |key: &str, value: String| {
                    let at = place.index(members.len() + 1);
                    members.insert(at, (key.to_owned(), value));
                };
                add("\"type\"", "\"x\"".into());
                add("\"id\"", format!("\"n{number}\""));
                if let Some(credentials) = credentials {
                    add("\"credentials\"", credentials.to_owned());
                }
                write_object(members, &space)
            };
        let nodes: Vec<String> = nodes.into_iter().enumerate().map(node).collect();
        format!(
            "{space}[{}]{space}",
            nodes.join(&format!("{space},{space}"))
        )
    })
}

#[test]
fn the_text_is_what_javascript_writes() {
    let judge = std::cell::RefCell::new(Judge::new());
    let config = ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(text in odd_flows())| {
        let ours = Flows::submitted(text.as_bytes(), &Limits::default());
        let flows = ours.map_err(|error| TestCaseError::fail(format!("{error}: {text}")))?.flows;
        let (digest, theirs) = judge.borrow_mut().read(text.as_bytes()).expect("JavaScript reads it");
        prop_assert_eq!(&**flows.text(), theirs.as_str());
        prop_assert_eq!(flows.hash().to_string(), digest);
        let again = Flows::from_canonical(flows.text().clone()).expect("canonical");
        prop_assert_eq!(again.len(), flows.len());
        prop_assert!(again.nodes().map(|node| node.raw()).eq(flows.nodes().map(|node| node.raw())));
        prop_assert!(again.nodes().map(|node| node.id()).eq(flows.nodes().map(|node| node.id())));
    });
}

#[test]
fn what_javascript_refuses_is_refused() {
    let mut judge = Judge::new();
    for bad in [
        "",
        "[",
        "[}",
        "[{\"id\":\"a\",\"type\":\"t\",}]",
        "[{\"id\":\"a\",\"type\":\"t\"},]",
        "[{\"id\":'a'}]",
        "[01]",
        "[{\"id\":\"a\",\"type\":\"t\",\"n\":1.}]",
        "[]x",
        "[NaN]",
        "[{\"id\":\"a\",\"type\":\"t\",\"n\":+1}]",
        "[{\"id\":\"a\nb\",\"type\":\"t\"}]",
        "[\"\\x\"]",
        "\u{a0}[]",
        "[]\u{0}",
        "[{\"id\":\"a\",\"type\":\"t\",\"n\":.5}]",
        "// x\n[]",
    ] {
        assert!(
            judge.read(bad.as_bytes()).is_none(),
            "JavaScript accepts {bad:?}"
        );
        let ours = Flows::submitted(bad.as_bytes(), &Limits::default());
        assert!(
            matches!(
                ours,
                Err(FlowError::Syntax { .. } | FlowError::NotAnObject { .. })
            ),
            "{bad:?}"
        );
    }
}

/// A text damaged at random: whatever is still accepted, JavaScript reads in the same way.
#[test]
fn damaged_text_is_refused_or_read_alike() {
    const SEED: &str = r#"[{"id":"a","type":"t","p":[1.5e3,-0,"\u00e9\n",{"1":null,"k":true}],"credentials":{"u":"x"}},{"id":"b","type":"u","wires":[["a"]]}]"#;
    let judge = std::cell::RefCell::new(Judge::new());
    let accepted = std::cell::Cell::new(0);
    let bytes =
        proptest::sample::select(b"\"\\{}[],:0123456789.eE+-utn \t\n\x00\x7f\xc3\xa9".to_vec());
    let edit = (any::<proptest::sample::Index>(), 0..3_u8, bytes);
    let config = ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(edits in proptest::collection::vec(edit, 1..4))| {
        let mut text = SEED.as_bytes().to_vec();
        for (at, kind, byte) in edits {
            let at = at.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        let ours = Flows::submitted(&text, &Limits::default());
        let theirs = judge.borrow_mut().read(&text);
        if let Ok(read) = ours {
            accepted.set(accepted.get() + 1);
            let (digest, theirs) = theirs.expect("JavaScript reads it too");
            prop_assert_eq!(&**read.flows.text(), theirs.as_str());
            prop_assert_eq!(read.flows.hash().to_string(), digest);
        }
    });
    assert!(
        accepted.get() > 100,
        "only {} texts were accepted",
        accepted.get()
    );
}

#[test]
fn every_real_flow_has_the_digest_node_red_gives_it() {
    let mut judge = Judge::new();
    for (name, text) in crate::real::files() {
        let flows = Flows::submitted(&text, &Limits::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .flows;
        let (digest, _) = judge.read(&text).unwrap();
        assert_eq!(flows.hash().to_string(), digest, "{name}");
    }
}
