//! Prints `docs/findings.md`. `cargo xtask findings` puts it in its place.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", inspect::document());
}
