//! Letters that cannot be seen, and letters that look like others.

use model::letter::is_invisible;

/// Letters of other scripts beside the Latin letter they look like.
const LOOKS: [(&str, &str); 4] = [
    (
        // Cyrillic
        "асеорхуѕіјԁһԛԝӏґАВСЕНІЈКМОРЅТХҮԌԚԜ",
        "aceopxysijdhqwlrABCEHIJKMOPSTXYGQW",
    ),
    // Greek
    ("αοιρυνκΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aoipuvkABEZHIKMNOPTYX"),
    // Armenian, Cherokee, others
    ("օսոհցᎪᎳᎢᏒꓐꓑꓓ", "ounhgAWTRBPD"),
    // Marks
    ("∕⁄‐‑", "//--"),
];

/// The text as it would read with the Latin letters its letters look like.
pub(super) fn skeleton(text: &str) -> String {
    let letters = text.chars().filter(|c| !is_invisible(*c));
    letters.map(latin).collect()
}

fn latin(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    // Full-width forms stand in the order of ASCII.
    if let '\u{ff01}'..='\u{ff5e}' = c {
        let ascii = u32::from(c) - 0xff01 + 0x21;
        return char::from_u32(ascii).unwrap_or(c);
    }
    let found = LOOKS.iter().find_map(|(theirs, ours)| {
        let place = theirs.chars().position(|it| it == c)?;
        ours.chars().nth(place)
    });
    found.unwrap_or(c)
}

/// Whether a word has Latin letters along with letters of another script that look Latin.
pub(super) fn is_mixed(word: &str) -> bool {
    let has_latin = word.chars().any(|c| c.is_ascii_alphabetic());
    let has_other = word
        .chars()
        .any(|c| !c.is_ascii() && c.is_alphanumeric() && latin(c) != c);
    has_latin && has_other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_look_alike_are_known_and_others_are_left_in_peace() {
        assert_eq!(skeleton("рumр１"), "pump1");
        assert!(is_mixed("рump") && is_mixed("ＡBC") && is_mixed("brοker"));
        for word in ["насос", "Größe", "αβγ", "温度C", "µm", "naïve", "pump"] {
            assert!(!is_mixed(word), "{word}");
        }
        for (theirs, ours) in LOOKS {
            assert_eq!(theirs.chars().count(), ours.chars().count());
        }
    }
}
