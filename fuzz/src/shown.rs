//! Laws of what people are shown of flows, and of what leaves the house.

use deploy::export;

use super::{compare, pair, read};

/// Findings and ways stand for every change, the same each time; what does not differ has none.
pub fn inspect(data: &[u8]) {
    let Some((base, proposal, _)) = pair(data) else {
        return;
    };
    let context = inspect::Context::default();
    let mut diff = compare(&base, &proposal);
    let mut found = inspect::inspect(&base, &proposal, &diff, &context);
    assert_eq!(found.findings.len(), diff.changes.len());
    assert_eq!(found.ways.len(), diff.changes.len());
    assert_eq!(
        inspect::inspect(&base, &proposal, &diff, &context),
        found,
        "another answer the second time"
    );
    let mut all = found.findings.iter().flatten();
    assert!(
        all.all(|one| !one.message.contains(|c: char| c.is_control())),
        "a finding drives the terminal it is shown in"
    );
    let same = compare(&base, &base);
    assert!(
        inspect::inspect(&base, &base, &same, &context)
            .findings
            .is_empty()
    );
    found.attach(&mut diff);
    serde_json::to_string(&diff).expect("it is written");
}

/// The history's form holds the same values, and no name of a file means anything to a system.
pub fn readable(data: &[u8]) {
    let Some(submitted) = read(data) else { return };
    let flows = submitted.flows;
    let text = history::readable::lines(flows.text());
    let values = |text: &str| -> serde_json::Value { serde_json::from_str(text).expect("JSON") };
    assert_eq!(values(&text), values(flows.text()));
    assert!(
        text.len() <= flows.text().len() * 300,
        "it grows without measure"
    );
    for (name, code) in history::readable::code(&flows) {
        let is_plain =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        assert!(name.chars().all(is_plain) && !name.starts_with('.') && !name.contains(".."));
        assert!(name.len() <= 80 && code.ends_with('\n'));
    }
}

/// A file that says it is an export is refused or agrees with itself; behind the signature, too.
pub fn export(data: &[u8]) {
    assert!(
        export::verify(data, None).is_err(),
        "nobody signed this: it is genuine nevertheless"
    );
    if let Ok(statement) = export::consistent(data) {
        let again = serde_json::to_vec(&statement).expect("it is written");
        let again = export::consistent(&again).expect("what was read is read again");
        assert_eq!(again.shown, statement.shown);
        assert_eq!(again.result, statement.result);
        assert_eq!(statement.deployment.proposal.hash(), statement.shown);
    }
}

/// Whether an input is an export's statement that agrees with itself.
pub fn is_statement(data: &[u8]) -> bool {
    export::consistent(data).is_ok()
}
