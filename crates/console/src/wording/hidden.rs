//! Characters a reader cannot see or would take for others.

use model::letter::is_invisible;

/// The name of what stands in a text's place, for a title and for screen readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sign(pub(crate) String);

/// Whether `c` cannot be seen, or changes how what follows is drawn. `before` is what it follows:
/// the variation selector that makes an emoji colourful is harmless there and nowhere else.
pub(super) fn is_hidden(c: char, before: char) -> bool {
    match c {
        '\t' | '\n' => false,
        '\u{fe0f}' => before.is_ascii() || is_hidden(before, ' '),
        // Private characters show what the reader's fonts please; the rest has no glyph of its own.
        '\u{fe0e}' | '\u{fffc}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}' => true,
        c => c.is_control() || is_invisible(c) || is_other_space(c),
    }
}

/// Spaces that are not the space: they look like it and are another name to a machine.
fn is_other_space(c: char) -> bool {
    c.is_whitespace() && !matches!(c, ' ' | '\t' | '\n' | '\r')
}

fn name(c: char) -> &'static str {
    match c {
        '\r' => "carriage return",
        '\u{0}' => "null",
        '\u{1b}' => "escape",
        '\u{ad}' => "soft hyphen",
        '\u{a0}' => "no-break space",
        '\u{200b}' => "zero-width space",
        '\u{200c}' => "zero-width non-joiner",
        '\u{200d}' => "zero-width joiner",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{202a}' | '\u{2066}' => "text runs left to right from here",
        '\u{202b}' | '\u{2067}' => "text runs right to left from here",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override: what follows is drawn backwards",
        '\u{202c}' | '\u{2068}' | '\u{2069}' => "change of direction",
        '\u{2028}' | '\u{2029}' => "line separator, which ends a line in JavaScript",
        '\u{feff}' => "byte order mark",
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => "private character",
        '\u{e0000}'..='\u{e0fff}' => "invisible tag",
        c if is_other_space(c) => "unusual space",
        c if c.is_control() => "control character",
        _ => "invisible character",
    }
}

/// The Latin letter that `c`, of another alphabet, looks like.
fn twin(c: char) -> Option<char> {
    const TWINS: [(char, char); 40] = [
        ('а', 'a'),
        ('А', 'A'),
        ('В', 'B'),
        ('с', 'c'),
        ('С', 'C'),
        ('ԁ', 'd'),
        ('е', 'e'),
        ('Е', 'E'),
        ('һ', 'h'),
        ('Н', 'H'),
        ('і', 'i'),
        ('І', 'I'),
        ('ј', 'j'),
        ('Ј', 'J'),
        ('К', 'K'),
        ('ӏ', 'l'),
        ('М', 'M'),
        ('о', 'o'),
        ('О', 'O'),
        ('р', 'p'),
        ('Р', 'P'),
        ('ԛ', 'q'),
        ('ѕ', 's'),
        ('Ѕ', 'S'),
        ('Т', 'T'),
        ('ѵ', 'v'),
        ('ԝ', 'w'),
        ('х', 'x'),
        ('Х', 'X'),
        ('у', 'y'),
        ('Α', 'A'),
        ('Β', 'B'),
        ('Ε', 'E'),
        ('Η', 'H'),
        ('Ι', 'I'),
        ('Κ', 'K'),
        ('Μ', 'M'),
        ('ο', 'o'),
        ('Ο', 'O'),
        ('ν', 'v'),
    ];
    let found = TWINS.iter().find(|(other, _)| *other == c);
    found.map(|(_, latin)| *latin)
}

/// `text` in stretches: as it is, or a sign in the place of what cannot be seen (with
/// `shows_blanks`, spaces and tabs too) or is one letter of another alphabet in a Latin word.
pub(crate) fn signs(text: &str, shows_blanks: bool) -> Vec<(String, Option<Sign>)> {
    let mut stretches: Vec<(String, Option<Sign>)> = Vec::new();
    let mut plain = String::new();
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        let sign = if c == ' ' && shows_blanks {
            let count = 1 + std::iter::from_fn(|| chars.next_if_eq(&' ')).count();
            Some(("␣".repeat(count), super::counted(count, "space")))
        } else if c == '\t' && shows_blanks {
            Some(("⇥\t".to_owned(), "tab".to_owned()))
        } else if is_hidden(c, before) {
            let number = format!("U+{:04X}", u32::from(c));
            Some((format!("⟨{number}⟩"), format!("{number}, {}", name(c))))
        } else if before.is_ascii_alphabetic() || next.is_ascii_alphabetic() {
            twin(c).map(|latin| {
                let number = format!("U+{:04X}", u32::from(c));
                let alphabet = if ('\u{370}'..'\u{400}').contains(&c) {
                    "Greek"
                } else {
                    "Cyrillic"
                };
                (
                    c.to_string(),
                    format!("{number}, a {alphabet} letter that looks like {latin}"),
                )
            })
        } else {
            None
        };
        match sign {
            None => plain.push(c),
            Some((shown, name)) => {
                if !plain.is_empty() {
                    stretches.push((std::mem::take(&mut plain), None));
                }
                stretches.push((shown, Some(Sign(name))));
            }
        }
        before = c;
    }
    if !plain.is_empty() {
        stretches.push((plain, None));
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, shows_blanks: bool) -> Vec<String> {
        let signs = signs(text, shows_blanks).into_iter();
        signs
            .filter_map(|(_, sign)| sign.map(|sign| sign.0))
            .collect()
    }

    #[test]
    fn what_cannot_be_seen_has_a_sign_and_a_name() {
        assert_eq!(names("a\u{202e}b\u{a0}c\r", false).len(), 3);
        assert!(names("\u{202e}", false)[0].contains("right-to-left override"));
        assert_eq!(names("a b\t", false), Vec::<String>::new());
        assert_eq!(names("   \t", true), ["3 spaces", "tab"]);
        assert!(names("x\u{fe0f}", false).len() == 1 && names("⚠\u{fe0f}", false).is_empty());
        let all: String = signs("a\u{200b}b", false)
            .into_iter()
            .map(|(text, _)| text)
            .collect();
        assert_eq!(all, "a⟨U+200B⟩b");
    }

    #[test]
    fn a_letter_of_another_alphabet_in_a_latin_word_is_told() {
        assert!(names("pаyload", false)[0].contains("Cyrillic letter that looks like a"));
        assert!(names("насос", false).is_empty(), "a Russian word is a word");
    }
}
