//! An instance's flows as files people read: the flows with a property a line, and each node's code
//! in a file of its own.

use std::collections::BTreeMap;

use model::flow::Flows;
use serde_json::Value;

/// Properties that hold whole programs or texts, with the ending of their file.
const CODE: [(&str, &str, &str); 5] = [
    ("function", "func", "js"),
    ("function", "initialize", "setup.js"),
    ("function", "finalize", "close.js"),
    ("template", "template", "html"),
    ("ui_template", "format", "html"),
];

/// The files of a commit below `code/`: name and content.
pub fn code(flows: &Flows) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for node in flows.nodes() {
        let kind = node.kind();
        if !CODE.iter().any(|(of, _, _)| *of == kind) {
            continue;
        }
        let properties = node.properties();
        for (_, key, ending) in CODE.iter().filter(|(of, _, _)| *of == kind) {
            let text = properties.get(*key).and_then(Value::as_str).unwrap_or("");
            if !text.is_empty() {
                let mut text = text.to_owned();
                if !text.ends_with('\n') {
                    text.push('\n');
                }
                files.insert(format!("{}.{ending}", file_name(node.id())), text);
            }
        }
    }
    files
}

/// A node's id as the name of a file. Ids are chosen by whoever sends flows: what is not plain is
/// written by its digits, so that no name leaves the folder or means something to Git.
fn file_name(id: &str) -> String {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    // A clone on Windows must not open a device: there `con.js` is the console.
    if !id.is_empty() && id.len() <= 64 && id.chars().all(is_plain) && !is_device(id) {
        return id.to_owned();
    }
    let digest = model::id::Hash::of(id.as_bytes()).to_string();
    format!("id-{}", digest.chars().take(32).collect::<String>())
}

/// Names that Windows gives devices, with any ending
/// (<https://learn.microsoft.com/windows/win32/fileio/naming-a-file>).
fn is_device(id: &str) -> bool {
    let numbered = |name: &str| {
        id.strip_prefix(name)
            .is_some_and(|it| it.len() == 1 && it.starts_with(|c: char| c.is_ascii_digit()))
    };
    matches!(id, "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// JSON text with a value a line, as Node-RED's own `flowFilePretty` writes it, but that values nested
/// deeper than 8 levels are indented no further. Nothing but the space between the values is touched,
/// so that no number or text changes its form.
pub fn lines(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if in_text {
            out.push(character);
            in_text = escaped || character != '"';
            escaped = character == '\\' && !escaped;
            continue;
        }
        match character {
            '"' => {
                in_text = true;
                out.push(character);
            }
            '{' | '[' => {
                out.push(character);
                let close = if character == '{' { '}' } else { ']' };
                if characters.next_if_eq(&close).is_some() {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            character => out.push(character),
        }
    }
    out.push('\n');
    out
}

/// Levels that are indented. With more, two bytes of deeply nested JSON would become hundreds.
const INDENTED: usize = 8;

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth.min(INDENTED) {
        out.push_str("    ");
    }
}

#[cfg(test)]
mod tests {
    use model::flow::Limits;

    use super::*;

    #[test]
    fn json_is_laid_out_and_nothing_else() {
        let json = r#"[{"id":"a","n":1e21,"t":"x,{\"}:[\\","e":[],"o":{},"w":[["b"]]}]"#;
        let expected = "[\n    {\n        \"id\": \"a\",\n        \"n\": 1e21,\n        \"t\": \
                        \"x,{\\\"}:[\\\\\",\n        \"e\": [],\n        \"o\": {},\n        \"w\": [\n            \
                        [\n                \"b\"\n            ]\n        ]\n    }\n]\n";
        assert_eq!(lines(json), expected);
        let same: Value = serde_json::from_str(&lines(json)).unwrap();
        assert_eq!(same, serde_json::from_str::<Value>(json).unwrap());
    }

    #[test]
    fn deep_json_grows_by_a_bounded_factor() {
        let json = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
        let most = json.len() * (1 + 4 * INDENTED + 1);
        assert!(lines(&json).len() <= most, "{}", lines(&json).len());
    }

    #[test]
    fn code_lies_in_files_whose_names_mean_nothing() {
        let text = r#"[{"id":"a1","type":"function","func":"return msg;","initialize":"x","wires":[]},
            {"id":"../../.git/hooks/x","type":"template","template":"<b>\n","wires":[]},
            {"id":"b","type":"function","func":"","wires":[]},
            {"id":"com1","type":"function","func":"x","wires":[]}]"#;
        let flows = Flows::submitted(text.as_bytes(), &Limits::default())
            .unwrap()
            .flows;
        let files = code(&flows);
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names.len(), 4);
        assert!(names.contains(&"a1.js") && names.contains(&"a1.setup.js"));
        assert!(!names.contains(&"com1.js"), "{names:?}");
        assert!(
            names
                .iter()
                .all(|name| !name.contains('/') && !name.contains("..")),
            "{names:?}"
        );
        assert_eq!(files["a1.js"], "return msg;\n");
    }
}
