//! Real code: every function node of the real flows is read to its end.

use std::collections::BTreeMap;
use std::path::Path;

use script::{How, Lib, Parsed, Part};
use serde_json::Value;

/// All function nodes' codes, with how they run.
fn functions() -> Vec<(String, String, How)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/flows");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(root)
        .unwrap()
        .map(Result::unwrap)
        .filter(|one| one.path().is_dir())
    {
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            let flows: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            for node in flows
                .as_array()
                .unwrap()
                .iter()
                .filter(|node| node["type"] == "function")
            {
                let libs: Vec<_> = node["libs"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|lib| Lib {
                        name: lib["var"].as_str().unwrap_or_default().to_owned(),
                        module: lib["module"].as_str().unwrap_or_default().to_owned(),
                    })
                    .collect();
                for (key, part) in [
                    ("func", Part::Message),
                    ("initialize", Part::Setup),
                    ("finalize", Part::Close),
                ] {
                    let code = node[key].as_str().unwrap_or_default();
                    let name = format!("{} {} {key}", path.display(), node["id"]);
                    found.push((
                        name,
                        code.to_owned(),
                        How {
                            part,
                            libs: libs.clone(),
                        },
                    ));
                }
            }
        }
    }
    found
}

#[test]
fn every_function_node_is_read_to_its_end() {
    let functions = functions();
    assert!(functions.len() > 500, "{} found", functions.len());
    let mut counts = BTreeMap::<String, usize>::new();
    for (name, code, how) in &functions {
        let facts = script::function(code, how);
        assert_eq!(facts.parsed, Parsed::Ok, "{name}\n{code}");
        assert!(facts.is_complete(), "{name}");
        for one in facts.uses {
            let fact = format!("{:?}", one.fact);
            let kind = fact.split([' ', '{']).next().unwrap().to_owned();
            *counts.entry(kind).or_default() += 1;
        }
    }
    let counts: Vec<_> = counts
        .into_iter()
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    assert_eq!(
        counts.join(", "),
        "Context 57, Environment 6, Global 15, Report 6, Send 362"
    );
}

/// FNV-1a, whose answer is the same on every machine.
fn digest(mut before: u64, bytes: &[u8]) -> u64 {
    for byte in bytes {
        before = (before ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    before
}

/// Whoever makes reading faster changes nothing of what is read: every fact, place and text is in this number.
/// A change that is meant to tell more changes it, and says so.
#[test]
fn every_fact_of_the_real_flows_is_what_it_was() {
    let mut functions = functions();
    functions.sort_by(|one, other| one.0.cmp(&other.0));
    let start = 0xcbf2_9ce4_8422_2325;
    let whole = functions.iter().fold(start, |before, (_, code, how)| {
        let facts = script::function(code, how);
        digest(before, &serde_json::to_vec(&facts).unwrap())
    });
    assert_eq!(format!("{whole:016x}"), "921882317dc99c85");
}

/// Looked at twice, each link would double the steps, and the steps of a source are counted: what calls in
/// chains would be called too much to be read.
#[test]
fn links_of_a_chain_are_looked_at_once() {
    let chain = format!("g(){}, ", ".then(f)".repeat(20));
    let facts = script::file(&format!("x = [{}]", chain.repeat(50)));
    assert!(facts.is_complete());
}
