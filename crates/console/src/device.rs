//! A browser and its system in words, out of what it says of itself: a hostile text of which nothing but
//! known words is taken.

use crate::wording::name_of;

/// Characters of an introduction that are looked at.
const LOOKED_AT: usize = 200;
/// Characters shown of one that is not known.
const SHOWN: usize = 40;

/// Browsers, those that name others after themselves first.
const BROWSERS: [(&str, &str); 9] = [
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Systems, the special ones first.
const SYSTEMS: [(&str, &str); 8] = [
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows NT", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
    ("X11", "Unix"),
];

/// "Firefox on Windows".
pub(crate) fn device(agent: &str) -> String {
    let agent: String = agent.chars().take(LOOKED_AT).collect();
    let find = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, word)| *word)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("a program on {system}"),
        (None, None) if agent.trim().is_empty() => {
            "a program that does not say its name".to_owned()
        }
        (None, None) => {
            let named = name_of(&agent.chars().take(SHOWN).collect::<String>());
            format!("a program that calls itself “{named}”")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_and_systems_are_known_by_their_marks() {
        let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                      Gecko) Chrome/131.0.0.0 Safari/537.36";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 \
                     (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
        assert_eq!(device(chrome), "Chrome on Windows");
        assert_eq!(device(&format!("{chrome} Edg/131.0")), "Edge on Windows");
        assert_eq!(device(phone), "Safari on an iPhone");
        assert_eq!(device(firefox), "Firefox on Linux");
    }

    #[test]
    fn a_hostile_introduction_neither_lies_about_the_line_nor_fills_the_page() {
        assert_eq!(device(""), "a program that does not say its name");
        let long = device(&"x".repeat(10_000));
        assert!(long.chars().count() < 80, "{long}");
        // A right-to-left override would turn the rest of the line round.
        let turned = device("curl\u{202e}evil\nline");
        assert!(
            !turned.contains('\u{202e}') && !turned.contains('\n'),
            "{turned}"
        );
        // What stands beyond what is kept of it does not count.
        assert!(!device(&format!("{}Firefox/1", " ".repeat(300))).contains("Firefox"));
    }
}
