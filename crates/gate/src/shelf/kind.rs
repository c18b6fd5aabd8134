//! What a file is called in `Content-Type`: what Node-RED's Express says (`mime` 1.6), so that a
//! browser sees no difference. Of other kinds than these the editor has none.

/// A file's kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    /// The header's value.
    pub(super) name: &'static str,
    /// Whether it is text, which compresses.
    pub(super) is_text: bool,
}

impl Kind {
    /// By the end of its name; none for one we do not know.
    pub(super) fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let (name, is_text) = match name.rsplit_once('.').map(|(_, end)| end) {
            Some("js") => ("application/javascript; charset=UTF-8", true),
            Some("json") => ("application/json; charset=UTF-8", true),
            Some("css") => ("text/css; charset=UTF-8", true),
            Some("txt") => ("text/plain; charset=UTF-8", true),
            Some("svg") => ("image/svg+xml", true),
            // TypeScript's declarations, which `mime` takes for films.
            Some("ts") => ("video/mp2t", true),
            Some("png") => ("image/png", false),
            Some("gif") => ("image/gif", false),
            Some("ico") => ("image/x-icon", false),
            Some("woff") => ("font/woff", false),
            Some("woff2") => ("font/woff2", false),
            Some("ttf") => ("font/ttf", false),
            Some("otf") => ("font/otf", false),
            Some("eot") => ("application/vnd.ms-fontobject", false),
            None => ("application/octet-stream", false),
            Some(_) => return None,
        };
        Some(Self { name, is_text })
    }
}
