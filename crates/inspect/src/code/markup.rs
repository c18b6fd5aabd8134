//! Script in markup: `<script>` elements, event handlers, script addresses. One pass over the text,
//! whatever it holds.

/// The code of `<script>` elements, with where it begins.
///
/// What stands between a start and the next end is one. Where another start lies within (a browser
/// may take the first for text, as in a comment), what follows that one is told as well: each byte
/// is told twice at most.
pub(super) fn scripts(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    if !text.contains('<') {
        return found;
    }
    let lower = text.to_ascii_lowercase();
    let mut ends = lower.match_indices("</script").map(|(at, _)| at).peekable();
    let starts = starts(&lower);
    let mut told = 0;
    for (place, (at, begin)) in starts.iter().enumerate() {
        let Some(begin) = *begin else {
            // A tag that is not closed: a browser runs nothing of it, yet it may be filled in later.
            found.push((*at, ""));
            break;
        };
        while ends.next_if(|end| *end < begin).is_some() {}
        let mut end = ends.peek().copied().unwrap_or(text.len());
        if begin >= told {
            told = end;
        } else if let Some((next, _)) = starts.get(place + 1) {
            end = end.min(*next);
        }
        found.push((begin, text.get(begin..end).unwrap_or_default()));
    }
    found
}

/// Where `<script` stands, and where the code after it begins; none where its tag does not end.
fn starts(lower: &str) -> Vec<(usize, Option<usize>)> {
    let mut found = Vec::new();
    let mut from = 0;
    for (at, _) in lower.match_indices("<script") {
        if at < from {
            continue;
        }
        let begin = lower.get(at..).and_then(|rest| rest.find('>'));
        let begin = begin.map(|it| at + it + 1);
        found.push((at, begin));
        from = begin.unwrap_or(lower.len());
    }
    found
}

/// Characters of a handler that are told.
const PART: usize = 120;

/// What HTML lets stand between attributes; `<svg/onload=…>` has one as well.
const SEPARATES: [u8; 8] = *b" \t\n\r\x0c/\"'";

/// Event handlers and script addresses in markup: where, and the first part of each.
pub(super) fn handlers(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    if !text.contains('<') && !text.contains(':') {
        return found;
    }
    let lower = text.to_ascii_lowercase();
    let part = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        let end = rest
            .char_indices()
            .nth(PART)
            .map_or(rest.len(), |(end, _)| end);
        rest.get(..end).unwrap_or_default()
    };
    let addresses = lower.match_indices("javascript:");
    found.extend(addresses.map(|(at, _)| (at, part(at))));
    let mut in_tag = false;
    let mut last = b' ';
    for (at, byte) in lower.bytes().enumerate() {
        match byte {
            b'<' => in_tag = true,
            b'>' => in_tag = false,
            b'o' if in_tag
                && SEPARATES.contains(&last)
                && lower.get(at..).is_some_and(is_handler) =>
            {
                found.push((at, part(at)));
            }
            _ => {}
        }
        last = byte;
    }
    found
}

/// Whether an attribute begins here whose name begins with `on` and which is given something.
fn is_handler(rest: &str) -> bool {
    let Some(name) = rest.strip_prefix("on") else {
        return false;
    };
    // The longest that browsers know has fewer letters.
    let end = name
        .bytes()
        .take(40)
        .position(|it| !it.is_ascii_alphabetic());
    let Some(end) = end.filter(|end| *end > 2) else {
        return false;
    };
    let after = name.get(end..).unwrap_or_default();
    let gap = after.bytes().position(|it| !it.is_ascii_whitespace());
    gap.is_some_and(|gap| after.as_bytes().get(gap) == Some(&b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<&str> {
        scripts(text).into_iter().map(|(_, it)| it).collect()
    }

    #[test]
    fn scripts_are_found_wherever_a_browser_may_see_one() {
        assert_eq!(
            all("<b>x</b><SCRIPT src=a>one()</Script><script>two()"),
            ["one()", "two()"]
        );
        // The first may be text in a comment, or the second a text in the first.
        assert_eq!(
            all("<!-- <script> --> <script>evil()</script>"),
            [" --> <script>evil()", "evil()"]
        );
        assert_eq!(scripts("a <script src"), [(2, "")]);
        assert!(all("a < b").is_empty());
    }

    /// Starts without ends, each of which would reach to the end of the text.
    #[test]
    fn no_byte_is_told_more_than_twice() {
        for text in [
            "<script>".repeat(20_000),
            "<script".repeat(20_000) + ">",
            "<script></script>".repeat(20_000),
            "<script><script></script>".repeat(20_000),
        ] {
            let told: usize = all(&text).iter().map(|it| it.len()).sum();
            assert!(told <= 2 * text.len(), "{told} of {}", text.len());
        }
    }

    #[test]
    fn handlers_are_found_after_all_that_may_stand_before_one() {
        for text in [
            "<b onclick=x>",
            "<svg/onload=x>",
            "<b\nonclick\n=x>",
            "<b a=\"\"onclick=x>",
            "<b\tONCLICK = x>",
            "<a href=javascript:x>",
            "JavaScript:x",
        ] {
            assert_eq!(handlers(text).len(), 1, "{text:?}");
        }
        for text in [
            "a > b on click = 1",
            "<b one=1>",
            "<b> only = 1",
            "x: on fire",
        ] {
            assert!(handlers(text).is_empty(), "{text:?}");
        }
        // An attribute of two letters is no event, and a tag that ended holds none.
        assert!(handlers("<b on=1></b> onclick=1").is_empty());
    }
}
