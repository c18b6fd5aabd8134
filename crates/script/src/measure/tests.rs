use super::{READINGS_MAX, Scan, too_deep};

/// Bytes looked at twice, reading `source` once.
fn spent(source: &str) -> usize {
    let mut scan = Scan::new(source);
    let full = scan.fuel;
    while let Some(&byte) = scan.bytes.get(scan.at) {
        if scan.ahead(b"<!--") || scan.ahead(b"-->") {
            scan.page_comment();
        } else {
            scan.token(byte);
        }
    }
    full - scan.fuel
}

#[test]
fn a_line_full_of_comment_marks_costs_its_length() {
    for piece in ["a<!--b ", "a-->b ", "a<!--b\u{2028}", "a\n-->"] {
        let source = piece.repeat(50_000);
        let spent = spent(&source);
        assert!(spent > 0, "{piece:?} is not counted");
        assert!(spent <= 2 * source.len(), "{piece:?}: {spent}");
        assert_eq!(too_deep(&source), None, "{piece:?}");
    }
}

#[test]
fn what_matters_behind_a_comment_mark_is_read_both_ways() {
    let deep = "(".repeat(2_000);
    for source in [
        format!("a<!--b <!-- '\n{deep}"),
        format!("a<!-- <!-- b; <!-- `\n{deep}"),
        format!("<!-- x\n<!-- '\n{deep}"),
        format!("x\n--> `\n{deep}"),
    ] {
        assert!(too_deep(&source).is_some(), "{source:.30}");
    }
}

#[test]
fn a_source_with_too_many_readings_is_left_at_once() {
    let open = "[".repeat(900);
    let doubts = "}/'/;".repeat(READINGS_MAX + 1);
    let (mut waiting, mut seen) = (Vec::new(), std::collections::HashSet::new());
    let end = Scan::new(&format!("{open}{}", doubts.repeat(1_000))).run(&mut waiting, &mut seen);
    assert_eq!(end, Err(0));
    assert_eq!(seen.len(), READINGS_MAX + 1);
}
