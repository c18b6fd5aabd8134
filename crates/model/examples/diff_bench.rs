//! How long reading, comparing and composing take for flows of 1k, 10k and 100k nodes.
//!
//! Run by hand, in release: `cargo run --release -p model --example diff_bench`. The flows are made
//! by a seeded generator: tabs of 45 nodes of the usual types, about 400 bytes each; in the second
//! version 1 % of the nodes differ (edits, moves, additions, removals).
#![expect(clippy::print_stdout, reason = "what it measures is its output")]

use std::{collections::BTreeSet, fmt::Write as _, time::Instant};

use model::flow::{
    Flows, Limits,
    compose::compose,
    credentials::CredentialChanges,
    diff::{CredentialNames, diff},
};

/// A small generator of numbers (xorshift), the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

const TYPES: [&str; 6] = ["function", "change", "switch", "mqtt in", "debug", "inject"];

fn node(out: &mut String, number: u64, of: u64, edit: u64, shift: u64) {
    let kind = TYPES[usize::try_from(number % 6).unwrap_or(0)];
    let (tab, to) = (number / 45, (number + 1).min(of - 1));
    let body = match kind {
        "function" => format!(
            r#""func":"// step {number} of {edit}\nconst value = msg.payload.value * 2;\nif (value > {number}) {{\n    node.warn('high');\n}}\nmsg.payload = {{ value, at: Date.now() }};\nreturn msg;","outputs":1,"timeout":0,"noerr":0,"initialize":"","finalize":"","libs":[]"#
        ),
        "mqtt in" => format!(
            r#""topic":"plant/{edit}/line/{number}/state","qos":"2","datatype":"auto-detect","broker":"cafe0000000000{:02x}","nl":false,"rap":true,"rh":0,"inputs":0"#,
            number % 16
        ),
        _ => format!(
            r#""rules":[{{"t":"set","p":"payload.level","pt":"msg","to":"{edit}","tot":"num"}},{{"t":"set","p":"topic","pt":"msg","to":"line {number}","tot":"str"}}],"action":"","property":"payload","propertyType":"msg","repair":false,"checkall":"true""#
        ),
    };
    write!(out,
            r#"{{"id":"{number:016x}","type":"{kind}","z":"7ab{tab:013x}","name":"node {number}",{body},"x":{},"y":{},"wires":[["{to:016x}"]]}},"#,
        120 + 160 * (number % 9) + shift,
        80 + 60 * (number / 9 % 5),
    ).expect("a String takes everything");
}

fn generate(count: u64, is_second: bool) -> String {
    let mut dice = Dice(20_261_120);
    let mut out = String::from("[");
    for tab in 0..=count / 45 {
        write!(
            out,
            r#"{{"id":"7ab{tab:013x}","type":"tab","label":"Tab {tab}"}},"#
        )
        .expect("a String takes everything");
    }
    for broker in 0..16 {
        write!(out,
            r#"{{"id":"cafe0000000000{broker:02x}","type":"mqtt-broker","broker":"broker{broker}.example","port":"1883"}},"#
        ).expect("a String takes everything");
    }
    for number in 0..count {
        let fate = if is_second { dice.roll(10_000) } else { 10_000 };
        match fate {
            0..75 => node(&mut out, number, count, 1, 0),
            75..85 => node(&mut out, number, count, 0, 20),
            85..92 => {
                node(&mut out, number, count, 0, 0);
                node(&mut out, count + number, count, 0, 0);
            }
            92..100 => {}
            _ => node(&mut out, number, count, 0, 0),
        }
    }
    out.pop();
    out.push(']');
    out
}

/// The median of five runs, in milliseconds.
fn time<T>(mut run: impl FnMut() -> T) -> (f64, T) {
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let result = run();
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if times.len() == 5 {
            times.sort_by(f64::total_cmp);
            return (times[2], result);
        }
    }
}

fn main() {
    println!(
        "{:>8} {:>8} {:>9} {:>9} {:>8} {:>8} {:>8}",
        "nodes", "MB", "submitted", "canonical", "diff", "changes", "compose"
    );
    for count in [1_000, 10_000, 100_000] {
        let (before, after) = (generate(count, false), generate(count, true));
        let limits = Limits::default();
        let read = |text: &str| {
            Flows::submitted(text.as_bytes(), &limits)
                .expect("the generator writes flows")
                .flows
        };
        let base = read(&before);
        let (submitted, proposal) = time(|| read(&after));
        let (canonical, _) = time(|| Flows::from_canonical(base.text().clone()).is_ok());
        let (none, known) = (CredentialChanges::default(), CredentialNames::new());
        let (compared, changes) = time(|| diff(&base, &proposal, &none, &known));
        let approved: BTreeSet<_> = changes
            .changes
            .iter()
            .map(|change| change.id.clone())
            .collect();
        let (composed, whole) = time(|| compose(&base, &proposal, &changes, &approved));
        assert!(whole.is_ok_and(|flows| flows.text() == proposal.text()));
        #[expect(clippy::cast_precision_loss, reason = "megabytes, for people")]
        let size = after.len() as f64 / 1e6;
        println!(
            "{count:>8} {size:>8.2} {submitted:>9.2} {canonical:>9.2} {compared:>8.2} {:>8} {composed:>8.2}",
            changes.changes.len()
        );
    }
}
