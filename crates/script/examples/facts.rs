//! Reads every JavaScript file under a folder and says how long it took, and a digest of all facts: `cargo
//! run --release -p script --example facts -- FOLDER`.
#![expect(clippy::print_stdout, reason = "a program to be run by hand")]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::Instant;

fn gather(folder: &Path, into: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            gather(&entry.path(), into)?;
        } else if kind.is_file()
            && entry
                .path()
                .extension()
                .is_some_and(|one| one == "js" || one == "cjs" || one == "mjs")
        {
            into.push(entry.path());
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for folder in std::env::args().skip(1) {
        gather(Path::new(&folder), &mut files)?;
    }
    files.sort();
    let sources: Vec<_> = files
        .iter()
        .filter_map(|file| {
            std::fs::read_to_string(file)
                .ok()
                .map(|source| (file, source))
        })
        .collect();
    let bytes: usize = sources.iter().map(|(_, source)| source.len()).sum();
    let begin = Instant::now();
    let mut digest = DefaultHasher::new();
    let mut counts = BTreeMap::<String, usize>::new();
    for (file, source) in &sources {
        let facts = script::file(source);
        match &facts.parsed {
            script::Parsed::Ok => {}
            other => println!("{}: {other:?}", file.display()),
        }
        if facts.is_cut {
            println!(
                "{}: cut ({} bytes, {} uses, {} texts)",
                file.display(),
                source.len(),
                facts.uses.len(),
                facts.strings.len()
            );
        }
        digest.write(&serde_json::to_vec(&facts)?);
        for one in facts.uses {
            let name = format!("{:?}", one.fact);
            let name = name.split([' ', '{']).next().unwrap_or_default().to_owned();
            *counts.entry(name).or_default() += 1;
        }
    }
    let took = begin.elapsed();
    println!("{} files, {bytes} bytes, {took:?}", sources.len());
    println!("{counts:?}");
    println!("facts {:016x}", digest.finish());
    Ok(())
}
