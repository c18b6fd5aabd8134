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
