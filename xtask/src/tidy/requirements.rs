//! `docs/requirements.md`: every promise with the tests that show it, and the tests exist.
//!
//! A row is `| S1 | promise | tests |`; tests are `path::function` in backticks, or the words
//! "not yet".

use std::fs;

use anyhow::{Context as _, Result};

use super::Problem;

const FILE: &str = "docs/requirements.md";

/// Each letter with how many promises it has.
const PROMISES: [(char, usize); 6] = [('S', 4), ('A', 8), ('C', 9), ('P', 8), ('W', 6), ('R', 3)];

pub(crate) fn check() -> Result<Vec<Problem>> {
    let text = fs::read_to_string(FILE).with_context(|| FILE.to_owned())?;
    let mut problems = Vec::new();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    for (letter, count) in PROMISES {
        for number in 1..=count {
            let id = format!("{letter}{number}");
            match rows.iter().find(|row| row.first() == Some(&id.as_str())) {
                Some(row) => check_row(&id, row, &mut problems),
                None => problems.push(Problem::new(FILE, format!("{id} is missing"))),
            }
        }
    }
    Ok(problems)
}

fn check_row(id: &str, row: &[&str], problems: &mut Vec<Problem>) {
    let shown = row.last().copied().unwrap_or_default();
    let tests: Vec<&str> = shown.split('`').skip(1).step_by(2).collect();
    if tests.is_empty() && !shown.contains("not yet") {
        problems.push(Problem::new(
            FILE,
            format!("{id} names no test and does not say \"not yet\""),
        ));
    }
    for test in tests {
        let found = test.rsplit_once("::").is_some_and(|(path, function)| {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.contains(&format!("fn {function}("))
        });
        if !found {
            problems.push(Problem::new(FILE, format!("{id}: there is no test {test}")));
        }
    }
}
