//! The gate's few pages. Its origin has none of the console's assets, so these stand alone.

use askama::Template;

/// The stylesheet the gate serves at `/.redkeep/style.css`.
pub const GATE_STYLE: &str = include_str!("../assets/gate.css");

/// Draws the gate's pages.
#[derive(Debug, Clone, Copy, Default)]
pub struct GatePages;

#[derive(Template)]
#[template(path = "gate/message.html")]
struct Message<'a> {
    status: u16,
    title: &'a str,
    text: &'a str,
    links: &'a [(String, String)],
}

impl GatePages {
    /// One page: a status, a title, a sentence and ways on, as pairs of address and words.
    ///
    /// Everything is escaped; links other than `https:`, `http:` and local paths are left out.
    pub fn message(status: u16, title: &str, text: &str, links: &[(String, String)]) -> String {
        let links: Vec<_> = links
            .iter()
            .filter(|(to, _)| is_plain_link(to))
            .cloned()
            .collect();
        let page = Message {
            status,
            title,
            text,
            links: &links,
        };
        page.render().unwrap_or_else(|_| format!("{status}"))
    }
}

/// A `javascript:` link would run in the editor's origin.
fn is_plain_link(to: &str) -> bool {
    to.starts_with("https://") || to.starts_with("http://") || to.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_given_becomes_markup() {
        let links = [
            ("/x\"><script>".to_owned(), "<b>".to_owned()),
            ("javascript:alert(1)".to_owned(), "no".to_owned()),
        ];
        let page = GatePages::message(403, "<script>", "<img onerror=x>", &links);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>"));
        assert!(!page.contains("javascript:"), "{page}");
    }
}
