//! Every target over its corpus, the real flows and mutations of both: so many, the same in every
//! run, whatever the time of day.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{fs, path::Path};

/// Mutations of each target.
const COUNT: usize = 1_500;
/// Of those that look at whole flows in several ways: a few seconds each.
const FEW: usize = 300;
/// Real flows longer than this are left to the tests of `model`.
const REAL_BYTES_MAX: usize = 12_000;

/// A small generator of numbers (xorshift), the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }
}

/// Pieces that mean something to a reader of flows.
const TOKENS: [&str; 24] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "1e999",
    "-0",
    "\"id\":\"a\"",
    "\"z\":\"t\"",
    "\"wires\":[[\"a\"]]",
    "\"type\":\"tab\"",
    "\\u0000",
    "\\ud800",
    "\u{202e}",
    "\"__proto__\":1",
    "\"credentials\":{\"p\":\"s3cret-s3cret\"}",
    "\"1\":0",
    "\n--\n",
    " ",
    "\"g\":\"g\"",
];

fn mutated(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut data = seed.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(data.len() + 1);
        let end = (at + dice.roll(24)).min(data.len());
        match dice.roll(6) {
            0 => data.insert(at, u8::try_from(dice.roll(256)).unwrap()),
            1 => drop(data.drain(at..end)),
            2 => drop(data.splice(at..at, TOKENS[dice.roll(TOKENS.len())].bytes())),
            3 => {
                let again = data[at..end].to_vec();
                data.splice(at..at, again);
            }
            4 => {
                let from = dice.roll(other.len() + 1);
                let to = (from + dice.roll(120)).min(other.len());
                data.splice(at..end, other[from..to].iter().copied());
            }
            _ => {
                // One letter for another keeps the text readable: it reaches deepest.
                let letters: Vec<usize> = (0..data.len())
                    .filter(|at| data[*at].is_ascii_alphanumeric())
                    .collect();
                if !letters.is_empty() {
                    data[letters[dice.roll(letters.len())]] = b"abt019"[dice.roll(6)];
                }
            }
        }
    }
    data
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| fs::read(path).unwrap())
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each project's flows, oldest first.
fn real() -> Vec<Vec<Vec<u8>>> {
    let mut folders: Vec<_> = fs::read_dir(root().join("../tests/data/flows"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    let short = |file: &Vec<u8>| file.len() <= REAL_BYTES_MAX;
    let histories: Vec<Vec<Vec<u8>>> = folders
        .iter()
        .map(|folder| files(folder).into_iter().filter(short).collect())
        .collect();
    assert!(
        histories.iter().flatten().count() > 5,
        "the real flows are not there"
    );
    histories
}

fn run(name: &str, seeds: &[Vec<u8>], target: fn(&[u8])) {
    run_so_often(COUNT, name, seeds, target);
}

fn run_so_often(times: usize, name: &str, seeds: &[Vec<u8>], target: fn(&[u8])) {
    assert!(!seeds.is_empty());
    for seed in seeds {
        target(seed);
    }
    let mut dice = Dice(20_261_120);
    for count in 0..times {
        let (seed, other) = (
            &seeds[dice.roll(seeds.len())],
            &seeds[dice.roll(seeds.len())],
        );
        let data = mutated(seed, other, &mut dice);
        if std::panic::catch_unwind(|| target(&data)).is_err() {
            let text = String::from_utf8_lossy(&data);
            panic!("{name}: mutation {count} breaks a law; make it a file of the corpus:\n{text}");
        }
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    files(&root().join("corpus").join(name))
}

fn alone(name: &str) -> Vec<Vec<u8>> {
    let mut seeds = corpus(name);
    seeds.extend(real().into_iter().flatten());
    seeds
}

fn in_pairs(name: &str) -> Vec<Vec<u8>> {
    let mut seeds = corpus(name);
    for history in real() {
        let pairs = history.windows(2);
        seeds
            .extend(pairs.map(|pair| [&pair[0][..], b"\n--\n", &pair[1], b"\n--\n10110"].concat()));
    }
    seeds
}

#[test]
fn parse() {
    run("parse", &alone("parse"), house_fuzz::parse);
}

#[test]
fn diff() {
    run("diff", &in_pairs("diff"), house_fuzz::diff);
}

#[test]
fn compose() {
    run("compose", &in_pairs("compose"), house_fuzz::compose);
}

#[test]
fn credentials() {
    run(
        "credentials",
        &alone("credentials"),
        house_fuzz::credentials,
    );
}

#[test]
fn inspect() {
    run_so_often(FEW, "inspect", &in_pairs("inspect"), house_fuzz::inspect);
}

#[test]
fn readable() {
    run("readable", &alone("readable"), house_fuzz::readable);
}

#[test]
fn export() {
    run("export", &corpus("export"), house_fuzz::export);
}

#[test]
fn target() {
    run("target", &corpus("target"), house_fuzz::target);
}

#[test]
fn head() {
    run("head", &corpus("head"), house_fuzz::head);
}

#[test]
fn framing() {
    run("framing", &corpus("framing"), house_fuzz::framing);
}

#[test]
fn comms() {
    run("comms", &corpus("comms"), house_fuzz::comms);
}

#[test]
fn proxies() {
    run("proxies", &corpus("proxies"), house_fuzz::proxies);
}

type Reaches = fn(&[u8]) -> bool;

/// A target that turns back at its first line keeps every law. So many of the inputs must come through.
#[test]
fn the_inputs_reach_what_they_are_for() {
    let pairs = in_pairs("inspect");
    let through = pairs.iter().filter(|pair| house_fuzz::has_changes(pair));
    assert!(through.count() * 2 > pairs.len());
    let statements = corpus("export");
    let through = statements.iter().filter(|it| house_fuzz::is_statement(it));
    assert!(through.count() >= 2);
    let reaches: [(&str, Reaches, usize); 5] = [
        ("target", house_fuzz::is_target, 8),
        ("head", house_fuzz::is_mixed, 3),
        ("framing", house_fuzz::is_plain_head, 3),
        ("comms", house_fuzz::is_comms, 4),
        ("proxies", house_fuzz::is_proxied, 5),
    ];
    for (name, reaches, least) in reaches {
        let inputs = corpus(name);
        let through = inputs.iter().filter(|input| reaches(input)).count();
        assert!(through >= least, "{name}: {through}");
    }
}
