//! Letters that cannot be seen.

/// Whether a character shows nothing, ends a line without looking so, or changes the direction of
/// what follows (CVE-2021-42574): Unicode's default ignorable code points, separators and
/// directions. Variation selectors 15 and 16 are left out: emoji have them.
///
/// Control characters are not among them; [`char::is_control`] tells those.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_is_not_invisible() {
        for c in "a ä温°·…\u{a0}\u{fe0f}\u{e0a0}😀\n\t".chars() {
            assert!(!is_invisible(c), "{c:?}");
        }
        for c in "\u{200b}\u{202e}\u{2028}\u{2029}\u{e0100}\u{fe01}".chars() {
            assert!(is_invisible(c), "{c:?}");
        }
    }
}
