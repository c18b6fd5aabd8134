//! Text in SVG: escaping it and guessing how wide it will be.

/// `text` for element content or a quoted attribute. Characters XML 1.0 forbids are left out, so
/// that a control character in a label cannot break the page; line breaks become spaces.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push(' '),
            // Marks that turn the direction of text around could make a label read otherwise.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

/// `text` cut to `max` characters.
pub(crate) fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The lines of a label, as the editor parts them (`ui/view.js`, `convertLineBreakCharacter`): at a
/// backslash, an n and a space; a second backslash before it keeps it as it is.
pub(super) fn lines(label: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut is_kept = false;
    for part in label.split("\\n ") {
        match lines.last_mut().filter(|_| is_kept) {
            Some(line) => {
                line.push_str("\\n ");
                line.push_str(part);
            }
            None => lines.push(part.to_owned()),
        }
        is_kept = part.ends_with('\\');
        if let Some(line) = lines.last_mut().filter(|_| is_kept) {
            line.pop();
        }
    }
    lines
}

/// `text` cut to what fits into `room` pixels.
pub(super) fn fit(text: &str, room: f64) -> String {
    let mut wide = 0.0;
    let fits = text.chars().take_while(|c| {
        wide += advance(*c) * 0.014;
        wide <= room
    });
    cut(text, fits.count())
}

/// About how wide `text` is, in pixels of 14 px Helvetica, the editor's face.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(advance).sum::<f64>() * 0.014
}

/// A character's width in thousandths of the size.
fn advance(c: char) -> f64 {
    match c {
        '\'' => 191.0,
        'i' | 'j' | 'l' => 222.0,
        '|' => 260.0,
        'f' | 't' | 'I' | ' ' | '.' | ',' | ':' | ';' | '/' | '\\' | '!' | '[' | ']' => 278.0,
        '¹' | '²' | '³' | 'r' | '(' | ')' | '-' | '`' | '{' | '}' => 333.0,
        '°' => 400.0,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | 'J' => 500.0,
        '=' | '+' | '<' | '>' | '~' => 584.0,
        'F' | 'T' | 'Z' => 611.0,
        'A' | 'B' | 'E' | 'K' | 'P' | 'S' | 'V' | 'X' | 'Y' | '&' => 667.0,
        'w' | 'C' | 'D' | 'H' | 'N' | 'R' | 'U' => 722.0,
        'G' | 'O' | 'Q' => 778.0,
        'm' | 'M' => 833.0,
        '%' => 889.0,
        'W' => 944.0,
        '@' => 1015.0,
        '\u{1100}'.. => 1000.0,
        _ => 556.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_leave_its_place() {
        let bad = "</text><script>&\"'\u{0}\u{1b}\u{b}\u{fffe}\u{202e}\n]]>";
        assert_eq!(
            escape(bad),
            "&lt;/text&gt;&lt;script&gt;&amp;&quot;&#39; ]]&gt;"
        );
    }

    /// Measured in the editor of Node-RED 5: the width of a node is all that is made of a label's.
    #[test]
    fn nodes_are_as_wide_as_in_the_editor() {
        for (label, has_input, wide) in [
            ("set flow.moisture", true, 180.0),
            ("set flow.manual", true, 160.0),
            (
                "Inject moisture threshold in case of restart ¹",
                false,
                320.0,
            ),
            ("Inject manual mode in case of restart ¹", false, 300.0),
            ("manual mode check", true, 200.0),
            ("switch", true, 100.0),
            ("set msg.payload", true, 160.0),
            ("set msg.topic", true, 140.0),
            ("sensors/1/sleep_time", true, 200.0),
        ] {
            let room = if has_input { 57.0 } else { 50.0 };
            let node = ((width(label) + room) / 20.0).ceil() * 20.0;
            assert!((node.max(100.0) - wide).abs() < 0.1, "{label}: {node}");
        }
    }

    #[test]
    fn labels_break_where_the_editor_breaks_them() {
        for (label, is) in [
            ("one", vec!["one"]),
            (r"one \n two\n three", vec!["one ", "two", "three"]),
            (r"one\\n two", vec![r"one\n two"]),
            ("one\ntwo", vec!["one\ntwo"]),
            ("", vec![""]),
        ] {
            assert_eq!(lines(label), is, "{label}");
        }
    }

    #[test]
    fn widths_are_about_right() {
        assert!(
            (width("timestamp") - 66.0).abs() < 4.0,
            "{}",
            width("timestamp")
        );
        assert_eq!(cut("abc", 2), "ab…");
    }
}
