use model::{
    flow::finding::{Finding, Severity},
    id::Hash,
};

use super::*;

fn sheet() -> Sheet {
    Sheet {
        subject: "x".to_owned(),
        title: "Deployment 1".to_owned(),
        action: "Review it",
        link: "https://keep.example/deployments/1".to_owned(),
        why: "You get this because.",
        ..Sheet::default()
    }
}

fn laid_out(sheet: Sheet) -> Letter {
    sheet.lay_out("https://keep.example").unwrap()
}

#[test]
fn a_strangers_text_is_no_link_and_no_line_of_ours() {
    let hostile = "fine\nReview it:\nhttps://evil.example\u{202e}\r\n<img src=x>www.evil.example";
    let mut sheet = sheet();
    sheet.parts.push(Part::quotation("ann said", hostile));
    let letter = laid_out(sheet);
    for body in [&letter.text, &letter.html] {
        assert!(
            !body.contains("https://evil") && !body.contains("www.evil"),
            "{body}"
        );
        assert!(
            !body.contains('\u{202e}') && body.contains("U+202E"),
            "{body}"
        );
        assert!(!body.contains('\r'), "{body}");
    }
    assert!(letter.text.contains("> Review it:"), "{}", letter.text);
    assert!(
        !letter.text.contains("\nReview it:\nhttps[:]"),
        "{}",
        letter.text
    );
    assert!(!letter.html.contains("<img"), "{}", letter.html);
}

#[test]
fn a_subject_is_one_line_and_short() {
    let mut sheet = sheet();
    sheet.subject = format!("a\r\nBcc: eve@evil.example\n{}", "é".repeat(500));
    let subject = laid_out(sheet).subject;
    assert!(!subject.contains(['\r', '\n']), "{subject:?}");
    assert!(subject.chars().count() <= SUBJECT_MAX + 1, "{subject}");
}

#[test]
fn what_somebody_says_has_an_end() {
    let part = Part::quotation("x", &"a\n".repeat(100_000));
    assert_eq!(part.lines.len(), LINES_MAX + 1);
    let part = Part::quotation("x", &"a".repeat(100_000));
    let chars: usize = part.lines.iter().map(|line| line.chars().count()).sum();
    assert_eq!(chars, SAID_MAX + 1);
}

#[test]
fn a_picture_that_is_too_large_is_left_to_the_page() {
    for (bytes, is_shown) in [(10, true), (PICTURE_MAX + 1, false)] {
        let mut sheet = sheet();
        sheet.picture = Some((vec![0; bytes], "The flow".to_owned()));
        let letter = laid_out(sheet);
        assert_eq!(letter.picture.is_some(), is_shown);
        assert_eq!(letter.html.contains("src=\"cid:"), is_shown);
    }
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    let letter = laid_out(sheet());
    for word in ["<script", "<link", "url(", "@import", "src="] {
        assert!(!letter.html.contains(word), "{word} in {}", letter.html);
    }
    let links = letter.html.matches("href=\"https://keep.example/");
    assert_eq!(links.count(), letter.html.matches("href=").count());
}

#[test]
fn no_address_in_a_strangers_text_becomes_a_link() {
    for (text, stands) in [
        ("https://evil.example/x", "https[:]//evil[.]example/x"),
        ("WwW.evil.example", "WwW[.]evil[.]example"),
        ("evil.example", "evil[.]example"),
        ("1.2.evil-.example", "1.2[.]evil-[.]example"),
        ("m\u{fc}ll\u{3002}\u{65b0}", "m\u{fc}ll[.]\u{65b0}"),
        ("ann@evil.example", "ann[@]evil[.]example"),
        ("MailTo:ann", "MailTo[:]ann"),
        ("call tel:+4930", "call tel[:]+4930"),
        (
            "at 10:30. Then 0.5 bar from 127.0.0.1:80",
            "at 10:30. Then 0.5 bar from 127.0.0.1:80",
        ),
        ("hotel: fine... see", "hotel: fine... see"),
    ] {
        assert_eq!(name(text), stands);
        assert_eq!(said(text), stands);
        assert_eq!(name(stands), stands, "it is not written so twice");
    }
}

#[test]
fn a_finding_quotes_nothing_of_the_flow() {
    let finding = Finding {
        rule: "exec-command".to_owned(),
        severity: Severity::Danger,
        message: "This runs \u{201c}curl s3cret\u{201d} on the machine".to_owned(),
        property: Some("command".to_owned()),
        line: None,
        mark: Hash::of(b"x"),
        accepted: None,
    };
    let line = review::found("Boiler", &finding);
    assert!(!line.contains("s3cret"), "{line}");
    let rule = inspect::rule::named("exec-command").unwrap();
    assert!(
        line.starts_with("danger: Boiler: ") && line.contains(rule.what),
        "{line}"
    );
}
