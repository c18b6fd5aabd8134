//! What the benchmarks share: medians, and tables for people.
//!
//! Nothing here is run by `cargo test`: a timing says something only beside its peer's, in the same
//! run, on a machine whose other work is known. See docs/benchmarks.md.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what they measure is their output")]

pub mod generate;

use std::hint::black_box;

use rustix::time::{ClockId, clock_gettime};

/// The middle value; of an even number, the upper of the two. Not a number if there is none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of `runs` runs in milliseconds of this process's CPU time, which other work on the
/// machine disturbs less than the wall clock; and what the last run gave. Threads count: code is read
/// on one of its own. Giving back what the run before gave counts too, as a collector's work counts
/// for a peer.
pub fn time<T>(runs: usize, mut run: impl FnMut() -> T) -> (f64, T) {
    let mut last = black_box(run());
    let mut times = Vec::with_capacity(runs);
    while times.len() < runs.max(1) {
        let start = cpu_milliseconds();
        last = black_box(run());
        times.push(cpu_milliseconds() - start);
    }
    (median(times), last)
}

fn cpu_milliseconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 nanoseconds")]
    let nanoseconds = (now.tv_sec * 1_000_000_000 + now.tv_nsec) as f64;
    nanoseconds / 1e6
}

/// A table in Markdown, printed row by row so that a long run shows how far it is.
#[derive(Debug)]
pub struct Table {
    widths: Vec<usize>,
}

impl Table {
    /// Prints the head; a column is as wide as its title, the first at least 44.
    pub fn begin(titles: &[&str]) -> Self {
        let first = |column: usize, title: &str| if column == 0 { 44 } else { title.len() };
        let widths = titles.iter().enumerate();
        let widths = widths.map(|(column, title)| first(column, title).max(title.len()));
        let table = Self {
            widths: widths.collect(),
        };
        let titles: Vec<_> = titles.iter().map(|title| (*title).to_owned()).collect();
        println!();
        table.row(&titles);
        let rule: Vec<_> = table
            .widths
            .iter()
            .map(|width| "-".repeat(*width))
            .collect();
        table.row(&rule);
        table
    }

    /// Prints one row.
    pub fn row(&self, cells: &[String]) {
        let cells = cells.iter().zip(&self.widths).enumerate();
        let cells: Vec<_> = cells
            .map(|(column, (cell, width))| {
                if column == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            })
            .collect();
        println!("| {} |", cells.join(" | "));
    }
}

/// A number with as many decimals as help: 123, 12.3, 1.23.
pub fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
