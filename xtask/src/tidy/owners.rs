//! One owner per outside thing.

use super::{Problem, TextFile};

/// What only its owner may write, and who the owner is (a prefix of the path).
const OWNED: [(&str, &[&str], &str); 7] = [
    ("sqlx::", &["crates/store/"], "SQL stands only in store"),
    (
        "unsafe {",
        &["crates/sandbox/"],
        "unsafe code stands only in sandbox",
    ),
    (
        "libc::",
        &["crates/sandbox/"],
        "kernel calls stand only in sandbox",
    ),
    (
        "rustix::",
        &["crates/sandbox/"],
        "kernel calls stand only in sandbox",
    ),
    (
        "Command::new(",
        &[
            "crates/runtime/",
            "crates/sandbox/",
            "crates/redkeep/src/config/",
            "crates/redkeep/src/up/certificates/hook",
        ],
        "child processes are started only in runtime, the jailer and the hook for DNS records",
    ),
    ("<html", &["crates/console/"], "HTML stands only in console"),
    (
        "env::var",
        &["crates/redkeep/src/config"],
        "only redkeep::config reads the environment",
    ),
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "manager", "helper", "helpers"];

/// Lines of a file of product code, its inline tests left out.
const LINES_MAX: usize = 450;

pub(crate) fn check(files: &[TextFile]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.is_product_code()) {
        let (name, code) = (file.name(), file.without_tests());
        for (pattern, owners, rule) in OWNED {
            let owned = owners.iter().any(|owner| name.starts_with(owner));
            let line = code.lines().position(|line| {
                let line = line.trim_start();
                !line.starts_with("//") && line.contains(pattern)
            });
            if let (false, Some(line)) = (owned, line) {
                problems.push(Problem::new(format!("{name}:{}", line + 1), rule));
            }
        }
        let stem = file
            .path
            .file_stem()
            .map(|it| it.to_string_lossy().into_owned());
        if stem.is_some_and(|stem| EMPTY_NAMES.contains(&stem.as_str())) {
            problems.push(Problem::new(
                name.as_str(),
                "the name says nothing of what is inside",
            ));
        }
        if name.ends_with("/mod.rs") {
            problems.push(Problem::new(name.as_str(), "foo.rs and foo/, never mod.rs"));
        }
        let lines = code.lines().count();
        if lines > LINES_MAX {
            let what = format!("{lines} lines: a second subject may be hiding in it");
            problems.push(Problem::new(name.as_str(), what));
        }
        let is_root = name.ends_with("src/lib.rs") || name.ends_with("src/main.rs");
        if is_root && !code.starts_with("//!") {
            problems.push(Problem::new(
                name.as_str(),
                "begins by saying what the crate owns",
            ));
        }
        if is_root
            && !name.starts_with("crates/sandbox/")
            && !code.contains("#![forbid(unsafe_code)]")
        {
            problems.push(Problem::new(name.as_str(), "lacks #![forbid(unsafe_code)]"));
        }
    }
    problems
}
