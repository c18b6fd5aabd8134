//! Answers the gate changes on their way, asked for a second time (RFC 9110, section 13).
//!
//! Node-RED's own tags are of Node-RED's bytes. What is changed here gets a tag of what is sent, so
//! it differs where two people are shown different things, and a browser that has it is told so in
//! a few bytes.

use http::{HeaderMap, HeaderValue, StatusCode, header, response::Parts};
use model::id::Hash;

/// Tags the answer, and makes it a 304 if the client says it has it; true: it has no body then.
pub(crate) fn tag(asked: &HeaderMap, parts: &mut Parts, body: &[u8]) -> bool {
    // Weak: the same text may go out compressed or not.
    let tag = format!("W/\"{}\"", Hash::of(body));
    // Kept by this browser alone, and asked for each time: who one is and what one may change.
    let kept = HeaderValue::from_static("private, no-cache");
    parts.headers.insert(header::CACHE_CONTROL, kept);
    let is_had = has(asked, &tag);
    let tag = HeaderValue::try_from(tag).expect("a digest is a header's text");
    parts.headers.insert(header::ETAG, tag);
    if is_had {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
    }
    is_had
}

/// Whether the client says it has what this tag is of.
pub(crate) fn has(asked: &HeaderMap, tag: &str) -> bool {
    let mut lists = asked.get_all(header::IF_NONE_MATCH).iter();
    lists.any(|list| names(list.as_bytes(), tag.as_bytes()))
}

/// Whether a list of tags has this one, or is `*`. Compared weakly: `W/` makes no difference.
fn names(list: &[u8], tag: &[u8]) -> bool {
    let opaque = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    let tag = opaque(tag);
    // Our tags hold no comma; of others it makes no difference where they are cut.
    let mut listed = list.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    list.trim_ascii() == b"*" || listed.any(|it| opaque(it) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_whole() {
        for list in ["W/\"a\"", "\"a\"", "\"x\", W/\"a\"", " * ", "\"x,y\",\"a\""] {
            assert!(names(list.as_bytes(), b"W/\"a\""), "{list}");
        }
        for list in ["", "a", "\"A\"", "W/\"ab\"", "w/\"a\"", "\"x\"*"] {
            assert!(!names(list.as_bytes(), b"W/\"a\""), "{list}");
        }
    }
}
