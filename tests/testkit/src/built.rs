//! What cargo built, and where.

use std::path::PathBuf;

/// The folder cargo builds into: the one this test runs from.
pub fn target_dir() -> PathBuf {
    profile_dir().parent().expect("target/<profile>").to_owned()
}

fn profile_dir() -> PathBuf {
    let here = std::env::current_exe().expect("the path of this test");
    // target/<profile>/deps/<test>
    here.ancestors()
        .nth(2)
        .expect("target/<profile>")
        .to_owned()
}

/// The binary under test.
pub fn binary() -> PathBuf {
    let path = profile_dir().join("redkeep");
    assert!(
        path.is_file(),
        "{} is not there: build it first with `cargo build -p redkeep`",
        path.display()
    );
    path
}
