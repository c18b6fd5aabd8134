//! Each attack is an archive built byte by byte, because well-meaning tools refuse to build them.

use std::{io::Write as _, os::unix::fs::PermissionsExt as _};

use flate2::{Compression, write::GzEncoder};
use tar::Header;

use super::*;
use crate::integrity::Integrity;

/// A tar archive under construction.
#[derive(Default)]
struct Tar(Vec<u8>);

impl Tar {
    fn raw(mut self, kind: u8, name: &[u8], mode: u32, size: u64, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_mode(mode);
        header.set_size(size);
        header.set_entry_type(EntryType::new(kind));
        header.set_link_name("/etc/passwd").unwrap();
        header.set_cksum();
        self.0.extend_from_slice(header.as_bytes());
        self.0.extend_from_slice(content);
        let padding = content.len().next_multiple_of(512) - content.len();
        self.0.extend(std::iter::repeat_n(0, padding));
        self
    }

    fn entry(self, kind: u8, name: &str, content: &[u8]) -> Self {
        self.raw(kind, name.as_bytes(), 0o644, content.len() as u64, content)
    }

    fn file(self, name: &str) -> Self {
        self.entry(b'0', name, b"content")
    }

    fn pax(self, kind: u8, key: &str, value: &str) -> Self {
        let payload = format!(" {key}={value}\n");
        let mut length = payload.len();
        while length.to_string().len() + payload.len() != length {
            length = length.to_string().len() + payload.len();
        }
        self.entry(kind, "pax", format!("{length}{payload}").as_bytes())
    }

    fn bytes(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn try_bytes(tarball: Vec<u8>, limits: &Limits) -> Result<Vec<Unpacked>, UnpackError> {
    let integrity = Integrity::of(&tarball);
    let verified = Verified::check(tarball, &integrity).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let answer = unpack(&verified, &folder.path().join("x"), limits);
    let beside: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(
        beside.len(),
        1,
        "something was written beside the folder: {beside:?}"
    );
    answer
}

fn try_tar(tar: Tar) -> Result<Vec<Unpacked>, UnpackError> {
    try_bytes(gzip(&tar.bytes()), &Limits::default())
}

fn refused(tar: Tar) -> UnpackError {
    try_tar(tar).expect_err("an attack was unpacked")
}

#[test]
fn an_ordinary_package_is_unpacked_with_normal_modes() {
    let tar = Tar::default()
        .entry(b'5', "package/", b"")
        .raw(b'0', b"package/bin/run", 0o4775, 2, b"#!")
        .entry(b'5', "package/lib/", b"")
        .raw(b'0', b"package/lib/a.js", 0o666, 1, b"a")
        .raw(b'0', b"other-root/lib/b.js", 0o000, 0, b"")
        .pax(
            b'x',
            "path",
            &format!("package/{}/c", "d/".repeat(90).trim_end_matches('/')),
        )
        .file("package/cut")
        .pax(b'g', "comment", "0123");
    let tarball = gzip(&tar.bytes());
    let verified = Verified::check(tarball.clone(), &Integrity::of(&tarball)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("x");
    let files = unpack(&verified, &folder, &Limits::default()).unwrap();

    let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let long = format!("{}c", "d/".repeat(90));
    assert_eq!(names, ["bin/run", "lib/a.js", "lib/b.js", &long]);
    let mode = |path: &str| {
        fs::metadata(folder.join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    assert_eq!(mode("bin/run"), 0o555, "the set-user-id bit is gone");
    assert_eq!((mode("lib/a.js"), mode("lib/b.js")), (0o444, 0o444));
    assert_eq!(fs::read(folder.join("lib/a.js")).unwrap(), b"a");
    assert_eq!(files[1].blake3, blake3::hash(b"a"));
    assert_eq!(
        (files[0].executable, files[1].executable, files[1].size),
        (true, false, 1)
    );
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for name in [
        "/etc/cron.d/x",
        "../x",
        "package/../../x",
        "package/..",
        "package/a/../../../x",
        "package//x",
        "package/./x",
        "package/x/",
        "package/a\\..\\x",
        "package/a\u{1b}[2J",
        "package/a\nb",
        "x",
        "",
    ] {
        let answer = refused(Tar::default().file(name));
        assert!(
            matches!(answer, UnpackError::Path { .. }),
            "{name:?}: {answer}"
        );
        if !name.is_empty() {
            let answer = refused(Tar::default().pax(b'x', "path", name).file("package/ok"));
            let is_refused = matches!(
                answer,
                UnpackError::Path { .. } | UnpackError::Extension(_) | UnpackError::Broken(_)
            );
            assert!(is_refused, "pax {name:?}: {answer}");
            let long = Tar::default().entry(b'L', "././@LongLink", name.as_bytes());
            let answer = refused(long.file("package/ok"));
            assert!(
                matches!(answer, UnpackError::Path { .. }),
                "GNU {name:?}: {answer}"
            );
        }
    }
    let answer = refused(Tar::default().raw(b'0', b"package/\xff\xfe", 0o644, 0, b""));
    assert!(matches!(answer, UnpackError::Path { .. }), "{answer}");
    let answer = refused(Tar::default().entry(b'5', "package/../../x/", b""));
    assert!(matches!(answer, UnpackError::Path { .. }), "{answer}");
}

#[test]
fn long_paths_are_refused() {
    let long = format!("package/{}c", "d/".repeat(250));
    let answer = refused(Tar::default().pax(b'x', "path", &long).file("package/cut"));
    assert!(matches!(answer, UnpackError::Path { .. }), "{answer}");
    let long = format!("package/{}", "d".repeat(256));
    let answer = refused(Tar::default().pax(b'x', "path", &long).file("package/cut"));
    assert!(matches!(answer, UnpackError::Path { .. }), "{answer}");
    let endless = "d/".repeat(20_000);
    let answer = refused(
        Tar::default()
            .pax(b'x', "path", &endless)
            .file("package/cut"),
    );
    assert!(matches!(answer, UnpackError::Extension(_)), "{answer}");
}

#[test]
fn links_and_devices_are_refused() {
    // '1' hard link, '2' symbolic link, '3' '4' devices, '6' pipe, '7' contiguous, 'S' sparse,
    // 'K' GNU long link name, 'D' GNU directory dump, 'V' volume label.
    for kind in *b"123467SKDV" {
        let answer = refused(Tar::default().entry(kind, "package/x", b""));
        assert!(
            matches!(answer, UnpackError::Type { .. }),
            "{:?}: {answer}",
            char::from(kind)
        );
    }
    // A folder whose header says that content follows: some readers skip it, some do not.
    let answer = refused(Tar::default().entry(b'5', "package/x", &[b'x'; 512]));
    assert!(matches!(answer, UnpackError::Type { .. }), "{answer}");
}

#[test]
fn a_name_can_be_taken_once() {
    for second in [
        "package/a/b",
        "package/A/b",
        "package/a/B",
        "other/a/b",
        "package/a/b/c",
    ] {
        let answer = refused(Tar::default().file("package/a/b").file(second));
        assert!(
            matches!(answer, UnpackError::Clash { .. }),
            "{second}: {answer}"
        );
    }
    for second in ["package/a", "package/A"] {
        let answer = refused(Tar::default().file("package/a/b").file(second));
        assert!(
            matches!(answer, UnpackError::Clash { .. }),
            "{second}: {answer}"
        );
    }
    let answer = refused(
        Tar::default()
            .file("package/a")
            .entry(b'5', "package/a/", b""),
    );
    assert!(matches!(answer, UnpackError::Clash { .. }), "{answer}");
}

#[test]
fn headers_that_make_readers_disagree_are_refused() {
    for (key, value) in [
        ("size", "0"),
        ("size", "x"),
        ("linkpath", "/etc/passwd"),
        ("GNU.sparse.name", "package/y"),
        ("SCHILY.realsize", "1"),
        ("SCHILY.filetype", "symlink"),
    ] {
        let answer = refused(Tar::default().pax(b'x', key, value).file("package/a"));
        assert!(
            matches!(answer, UnpackError::Extension(_)),
            "{key}={value}: {answer}"
        );
    }
    let global = Tar::default()
        .pax(b'g', "path", "package/y")
        .file("package/a");
    assert!(matches!(refused(global), UnpackError::Extension(_)));
    let twice = Tar::default()
        .pax(b'x', "path", "p/a")
        .pax(b'x', "path", "p/b")
        .file("package/a");
    assert!(matches!(refused(twice), UnpackError::Extension(_)));
    let orphan = Tar::default().file("package/a").pax(b'x', "path", "p/b");
    assert!(matches!(refused(orphan), UnpackError::Extension(_)));
    let hidden = b"15 comment=abc\n\n21 path=package/hidden\n";
    let hidden = Tar::default().entry(b'x', "pax", hidden).file("package/a");
    assert!(matches!(refused(hidden), UnpackError::Extension(_)));
}

#[test]
fn bombs_stop_while_they_swell() {
    let zeros = vec![0; 8 * 1024 * 1024];
    let bomb = Tar::default().entry(b'0', "package/zeros", &zeros);
    assert!(matches!(refused(bomb), UnpackError::Ratio(100)));
    // The same hidden in the padding after the archive's end.
    let mut padded = Tar::default().file("package/a").bytes();
    padded.extend(&zeros);
    let answer = try_bytes(gzip(&padded), &Limits::default());
    assert!(matches!(answer, Err(UnpackError::Ratio(100))), "{answer:?}");
}

#[test]
fn counts_and_sizes_have_limits() {
    let limits = Limits {
        entries_max: 3,
        bytes_max: 10_000,
        file_bytes_max: 2_000,
        ..Limits::default()
    };
    let files = |count: usize| {
        let names = (0..count).map(|number| format!("package/{number}"));
        gzip(
            &names
                .fold(Tar::default(), |tar, name| tar.file(&name))
                .bytes(),
        )
    };
    assert_eq!(try_bytes(files(3), &limits).unwrap().len(), 3);
    let answer = try_bytes(files(4), &limits);
    assert!(
        matches!(answer, Err(UnpackError::TooManyEntries(3))),
        "{answer:?}"
    );

    let file = |size: usize| Tar::default().entry(b'0', "package/a", &vec![b'x'; size]);
    assert!(try_bytes(gzip(&file(2_000).bytes()), &limits).is_ok());
    let answer = try_bytes(gzip(&file(2_001).bytes()), &limits);
    assert!(
        matches!(answer, Err(UnpackError::FileTooLarge { .. })),
        "{answer:?}"
    );

    let headers = (0..9).fold(Tar::default(), |tar, _| tar.pax(b'g', "comment", "x"));
    let unlimited = Limits {
        entries_max: 100,
        ..limits
    };
    let answer = try_bytes(gzip(&headers.bytes()), &unlimited);
    assert!(
        matches!(answer, Err(UnpackError::TooLarge(10_000))),
        "{answer:?}"
    );
}

#[test]
fn archives_that_are_cut_or_continued_are_refused() {
    let whole = gzip(&Tar::default().file("package/a").file("package/b").bytes());
    for length in 0..whole.len() {
        let answer = try_bytes(whole[..length].to_vec(), &Limits::default());
        assert!(
            matches!(answer, Err(UnpackError::Broken(_))),
            "cut at {length}: {answer:?}"
        );
    }
    let mut wrong_checksum = whole.clone();
    let at = wrong_checksum.len() - 8;
    wrong_checksum[at] ^= 1;
    let answer = try_bytes(wrong_checksum, &Limits::default());
    assert!(matches!(answer, Err(UnpackError::Broken(_))), "{answer:?}");

    let second_member = [whole.clone(), whole.clone()].concat();
    let garbage = [whole.as_slice(), b"x"].concat();
    let mut hidden = Tar::default().file("package/a").bytes();
    hidden.extend(Tar::default().file("package/hidden").bytes());
    for tarball in [second_member, garbage, gzip(&hidden)] {
        let answer = try_bytes(tarball, &Limits::default());
        assert!(matches!(answer, Err(UnpackError::Trailing)), "{answer:?}");
    }

    // A file that claims more bytes than there are.
    let mut short = Tar::default().raw(b'0', b"package/a", 0o644, 5_000, b"short");
    short.0.truncate(512 + 5);
    let answer = try_bytes(gzip(&short.0), &Limits::default());
    assert!(matches!(answer, Err(UnpackError::Broken(_))), "{answer:?}");

    let answer = try_bytes(b"not gzip at all".to_vec(), &Limits::default());
    assert!(matches!(answer, Err(UnpackError::Broken(_))), "{answer:?}");
}

#[test]
fn an_existing_folder_or_link_is_never_written_into() {
    let tarball = gzip(&Tar::default().file("package/a").bytes());
    let verified = Verified::check(tarball.clone(), &Integrity::of(&tarball)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (elsewhere, link) = (folder.path().join("elsewhere"), folder.path().join("link"));
    fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    for target in [&elsewhere, &link] {
        let answer = unpack(&verified, target, &Limits::default());
        assert!(matches!(answer, Err(UnpackError::Disk(_))), "{answer:?}");
    }
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn a_wrong_hash_gives_no_proof() {
    let found = Verified::check(b"x".to_vec(), &Integrity::of(b"y")).unwrap_err();
    assert_eq!(found, Integrity::of(b"x"));
}
