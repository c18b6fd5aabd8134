//! As much HTML as a test needs to follow a form.

/// The hidden fields of a page's forms, in order.
pub fn hidden(page: &str) -> Vec<(String, String)> {
    tags(page, "input")
        .filter(|tag| attribute(tag, "type").as_deref() == Some("hidden"))
        .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
        .collect()
}

/// The value of the first hidden field of this name.
pub fn field(page: &str, name: &str) -> Option<String> {
    hidden(page)
        .into_iter()
        .find(|(found, _)| found == name)
        .map(|(_, value)| value)
}

/// Where `<meta http-equiv="refresh">` leads.
pub fn refresh(page: &str) -> Option<String> {
    let tag = tags(page, "meta")
        .find(|tag| attribute(tag, "http-equiv").as_deref() == Some("refresh"))?;
    let content = attribute(tag, "content")?;
    content.split_once("url=").map(|(_, url)| url.to_owned())
}

/// The whole tags of this name.
pub fn tags<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    page.split('<').filter_map(move |rest| {
        let tag = rest.strip_prefix(name)?;
        tag.starts_with([' ', '>', '/', '\n'])
            .then(|| tag.split('>').next().unwrap_or(tag))
    })
}

/// One attribute of a tag, its references resolved.
pub fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next().map(unescape)
}

fn unescape(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&quot;", "\"")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&lt;", "<")
        .replace("&#60;", "<")
        .replace("&gt;", ">")
        .replace("&#62;", ">")
        .replace("&amp;", "&")
}
