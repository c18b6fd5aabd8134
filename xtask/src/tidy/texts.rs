//! What must stand in no file: hosts of package registries, paths of somebody's machine.

use super::{Problem, TextFile};

/// Put together here so that this file is not its own finding.
fn forbidden() -> [(String, &'static str); 4] {
    [
        (
            ["registry", "npmjs"].join("."),
            "names the host of a package registry",
        ),
        (
            ["registry", "yarnpkg"].join("."),
            "names the host of a package registry",
        ),
        (
            ["", "root", ""].join("/"),
            "is a path of somebody's machine",
        ),
        (
            ["", "work", "main"].join("/"),
            "is a path of somebody's machine",
        ),
    ]
}

pub(crate) fn check(files: &[TextFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let forbidden = forbidden();
    for file in files {
        // Dependencies' lock file and other people's flows are not our words.
        let name = file.name();
        if name == "Cargo.lock" || name.starts_with("tests/data/") {
            continue;
        }
        for (number, line) in (1..).zip(file.text.lines()) {
            for (pattern, what) in &forbidden {
                if line.contains(pattern.as_str()) {
                    problems.push(Problem::new(format!("{name}:{number}"), *what));
                }
            }
        }
    }
    problems
}
