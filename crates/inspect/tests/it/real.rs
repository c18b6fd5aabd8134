//! What fires on real flows: the first version of each as a whole, and each step after it.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use inspect::{Context, inspect};
use model::flow::{
    Flows, Limits,
    credentials::CredentialChanges,
    diff::{CredentialNames, diff},
};

fn versions() -> Vec<(String, Vec<Flows>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/flows");
    let sorted = |folder: &Path| {
        let mut paths: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|it| it.unwrap().path())
            .collect();
        paths.sort();
        paths
    };
    let folders = sorted(&folder).into_iter().filter(|it| it.is_dir());
    folders
        .map(|folder| {
            let read = |path| {
                Flows::submitted(&fs::read(path).unwrap(), &Limits::default())
                    .unwrap()
                    .flows
            };
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            (name, sorted(&folder).into_iter().map(read).collect())
        })
        .collect()
}

/// Every finding about secrets on the real flows, each by name: a false alarm added here is a
/// decision, not an accident.
#[test]
fn secrets_on_real_flows_are_these() {
    let mut told = String::new();
    each_step(|name, finding, label| {
        if finding.rule.starts_with("secret") {
            let property = finding.property.as_deref().unwrap_or("");
            writeln!(told, "{name} {label} {property}: {}", finding.rule).unwrap();
        }
    });
    insta::assert_snapshot!(told);
}

/// How often each rule fires over all versions.
#[test]
fn rules_fire_on_real_flows_this_often() {
    let mut counts = BTreeMap::<String, usize>::new();
    each_step(|_, finding, _| *counts.entry(finding.rule.clone()).or_default() += 1);
    let mut told = String::new();
    for (rule, count) in counts {
        writeln!(told, "{count:>4} {rule}").unwrap();
    }
    insta::assert_snapshot!(told);
}

fn each_step(mut with: impl FnMut(&str, &model::flow::finding::Finding, &str)) {
    let all = versions();
    assert_eq!(all.len(), 9, "the real flows are not all there");
    for (name, versions) in all {
        let mut before = Flows::from_canonical("[]".into()).unwrap();
        for (number, after) in (1..).zip(versions) {
            let diff = diff(
                &before,
                &after,
                &CredentialChanges::default(),
                &CredentialNames::new(),
            );
            let found = inspect(&before, &after, &diff, &Context::default());
            for (change, findings) in diff.changes.iter().zip(&found.findings) {
                for finding in findings {
                    with(&format!("{name}/{number}"), finding, &change.label);
                }
            }
            before = after;
        }
    }
}
