//! A package's texts in English, by key.

use serde_json::Value;

/// What `locales/en-US/*.json` holds.
#[derive(Debug, Default)]
pub(super) struct Catalogue(Value);

impl Catalogue {
    pub(super) fn read(text: &str) -> Self {
        Self(serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default())
    }

    /// The text of a key such as `inject.none`.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        let found = key.split('.').try_fold(&self.0, |at, part| at.get(part))?;
        found.as_str().map(str::to_owned)
    }
}
