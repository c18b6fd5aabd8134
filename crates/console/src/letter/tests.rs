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
