//! The scripts of an HTML text, as a browser would find them.

use std::cell::RefCell;

use lol_html::{HtmlRewriter, MemorySettings, Settings, element, text};

use super::EditorError;

/// The parser's own memory.
const MEMORY_MAX_BYTES: usize = 8 * 1024 * 1024;

/// The text of every script element that holds JavaScript. Templates (`type="text/html"`) and
/// scripts that lie elsewhere (`src`) are left out.
pub(super) fn read(html: &str) -> Result<Vec<String>, EditorError> {
    let scripts: RefCell<Vec<String>> = RefCell::default();
    let is_script: RefCell<bool> = RefCell::default();
    let settings = Settings::new()
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MEMORY_MAX_BYTES))
        .with_strict(false)
        .append_element_content_handler(element!("script", |script| {
            let kind = script.get_attribute("type").unwrap_or_default();
            let is_code = matches!(
                kind.trim().to_ascii_lowercase().as_str(),
                "" | "text/javascript" | "application/javascript" | "module"
            );
            *is_script.borrow_mut() = is_code;
            if is_code {
                scripts.borrow_mut().push(String::new());
            }
            Ok(())
        }))
        .append_element_content_handler(text!("script", |chunk| {
            if *is_script.borrow()
                && let Some(script) = scripts.borrow_mut().last_mut()
            {
                script.push_str(chunk.as_str());
            }
            Ok(())
        }));
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| ());
    rewriter
        .write(html.as_bytes())
        .map_err(|_| EditorError::NotHtml)?;
    rewriter.end().map_err(|_| EditorError::NotHtml)?;
    Ok(scripts.into_inner())
}
