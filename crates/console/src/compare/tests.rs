use serde_json::json;

use super::{lines::Row, *};

fn property(before: &str, after: &str, language: Language) -> PropertyChange {
    PropertyChange {
        key: "func".into(),
        before: Some(before.into()),
        after: Some(after.into()),
        language,
    }
}

fn values(before: Value, after: Value) -> PropertyChange {
    PropertyChange {
        key: "rules".into(),
        before: Some(before),
        after: Some(after),
        language: Language::Json,
    }
}

fn shown(change: &PropertyChange) -> Comparison {
    compare(change, &Budget::new(false))
}

fn parts(change: &PropertyChange) -> Vec<Part> {
    match shown(change).body {
        Body::Lines { parts } | Body::Structure { parts, .. } => parts,
        other => panic!("{other:?}"),
    }
}

fn rows(parts: Vec<Part>) -> Vec<Row> {
    let rows = parts.into_iter().map(|part| match part {
        Part::Rows(rows) | Part::Same(rows) => rows,
        Part::Cut { .. } => Vec::new(),
    });
    rows.flatten().collect()
}

fn marked(side: Option<&Side>) -> String {
    side.map(|side| side.pieces.marked()).unwrap_or_default()
}

fn rows_of(before: &str, after: &str) -> Vec<Row> {
    rows(parts(&property(before, after, Language::JavaScript)))
}

fn numbered(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|line| format!("line {line}\n")).collect();
    lines.concat()
}

#[test]
fn the_word_that_differs_is_marked() {
    let change = property(
        "a\nlet x = 1;\nb\n",
        "a\nlet x = 2;\nb\n",
        Language::JavaScript,
    );
    let rows = rows(parts(&change));
    assert_eq!(rows.len(), 3);
    assert!(rows[1].is_changed);
    assert_eq!(marked(rows[1].left.as_ref()), "1;");
    assert_eq!(marked(rows[1].right.as_ref()), "2;");
}

#[test]
fn lines_stand_beside_the_lines_they_were() {
    let change = property(
        "const raw = msg.payload;\nmsg.payload = raw * 0.1;\n",
        "const raw = Number(msg.payload);\nif (Number.isNaN(raw)) return null;\nmsg.payload = raw * 0.01;\n",
        Language::Text,
    );
    let numbers: Vec<_> = rows(parts(&change))
        .iter()
        .map(|row| {
            (
                row.left.as_ref().map(|side| side.number),
                row.right.as_ref().map(|side| side.number),
            )
        })
        .collect();
    assert_eq!(
        numbers,
        [(Some(1), Some(1)), (None, Some(2)), (Some(2), Some(3))]
    );
}

#[test]
fn what_is_the_same_is_folded_and_all_there() {
    let long = numbered(100);
    let parts = parts(&property(&long, &format!("{long}end\n"), Language::Text));
    let folded = parts.iter().map(|part| match part {
        Part::Same(rows) => rows.len(),
        _ => 0,
    });
    assert_eq!(folded.sum::<usize>(), 97);
    assert_eq!(rows(parts).len(), 101);
}

#[test]
fn a_value_too_long_for_a_page_is_cut_and_says_so() {
    let before = numbered(20_000);
    let change = property(&before, &before.replace('7', "x"), Language::Text);
    let budget = Budget::new(false);
    let Body::Lines { parts } = compare(&change, &budget).body else {
        panic!("no lines")
    };
    let said = parts.iter().filter_map(|part| match part {
        Part::Cut { count, differs } => Some((*count, *differs)),
        _ => None,
    });
    let (count, differs) = said.fold((0, false), |(all, any), (count, differs)| {
        (all + count, any | differs)
    });
    let lines: usize = parts
        .iter()
        .map(|part| match part {
            Part::Rows(rows) | Part::Same(rows) => rows.len(),
            Part::Cut { .. } => 0,
        })
        .sum();
    assert_eq!(count + lines, 20_000);
    assert!(differs && lines < 2_000 && budget.has_room());
    let Body::Lines { parts } = compare(&change, &Budget::new(true)).body else {
        panic!("no lines")
    };
    assert_eq!(
        rows(parts).len(),
        20_000,
        "all of it, where it is asked for"
    );
    let added = PropertyChange {
        before: None,
        ..change
    };
    let Body::Whole {
        lines, folded, cut, ..
    } = shown(&added).body
    else {
        panic!("not whole")
    };
    assert_eq!(lines.len() + folded.len() + cut, 20_000);
    assert!(!folded.is_empty() && cut > 0);
}

#[test]
fn an_enormous_line_does_not_fill_the_page() {
    use askama::Template as _;
    let line = "x".repeat(3_000_000);
    let added = PropertyChange {
        before: None,
        ..property("", &line, Language::JavaScript)
    };
    let Body::Whole { lines, cut, .. } = shown(&added).body else {
        panic!("not whole")
    };
    let html = lines[0].pieces.render().unwrap();
    assert!(cut == 1 && html.len() < 10_000 && html.contains("2998000 characters more"));
    let changed = property(&line, &format!("{line}y"), Language::JavaScript);
    let parts = parts(&changed);
    assert!(
        matches!(
            parts[..],
            [Part::Cut {
                count: 1,
                differs: true
            }]
        ),
        "{}",
        parts.len()
    );
}

#[test]
fn a_page_is_full_after_a_while() {
    let budget = Budget::new(false);
    let text = numbered(3_000);
    let mut count = 0;
    while budget.has_room() {
        compare(&property(&text, "", Language::Text), &budget);
        count += 1;
        assert!(
            count < 20,
            "ten thousand such changes would stand on one page"
        );
    }
}

#[test]
fn a_long_line_is_folded_where_nothing_differs() {
    use askama::Template as _;
    let line = "Q".repeat(9_000);
    let rows = rows(parts(&property(
        &format!("{line} 1"),
        &format!("{line} 2"),
        Language::Text,
    )));
    let html = rows[0].right.as_ref().unwrap().pieces.render().unwrap();
    assert!(html.contains(" characters more</summary>"));
    assert_eq!(html.matches('Q').count(), 9_000, "folded, not lost");
}

#[test]
fn only_white_space_is_said_and_seen() {
    let comparison = shown(&property(
        "if (a) {\n  b\n}\n",
        "if (a) {\n\tb\n}\n",
        Language::JavaScript,
    ));
    assert_eq!(comparison.note, Some("only white space differs"));
    let Body::Lines { parts } = comparison.body else {
        panic!("no lines")
    };
    let rows = rows(parts);
    let row = rows.iter().find(|row| row.is_changed).unwrap();
    assert_eq!(
        (
            marked(row.left.as_ref()).as_str(),
            marked(row.right.as_ref()).as_str()
        ),
        ("␣␣", "⇥\t")
    );
    assert_eq!(
        shown(&property("a b\n\n", "a c\n\n", Language::Text)).note,
        None
    );
}

#[test]
fn white_space_within_what_differs_has_no_sign() {
    let rows = rows_of("return null;\n", "if (b) return null;\n");
    let right = marked(rows[0].right.as_ref());
    assert!(
        right.starts_with("if (b)") && !right.contains('␣'),
        "{right}"
    );
    let added = rows_of("a = 1;\n", "a = 1;\nif (b) return null;\n");
    assert!(!marked(added[1].right.as_ref()).contains('␣'));
}

#[test]
fn what_is_open_at_a_line_end_stays_open() {
    let text = "/* one\ntwo */ const three = 'four';\n";
    let budget = Budget::new(false);
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let coloured = colour::colours(&lines, Language::JavaScript, &budget);
    let line = Pieces::new(lines[1].trim_end(), &coloured[1], &[]);
    let classes = line.classes();
    assert!(classes.contains(&("two ", "c")), "{classes:?}");
    assert!(
        classes.contains(&("const", "k")) && classes.contains(&("four", "s")),
        "{classes:?}"
    );
}

#[test]
fn every_language_has_its_colours() {
    for (language, text) in [
        (Language::JavaScript, "return msg;"),
        (Language::Jsonata, "$sum(a.b) & 'x'"),
        (Language::Json, "{\"a\": 1}"),
        (Language::Html, "<b class=\"x\">"),
        (Language::Css, "a { color: red }"),
        (Language::Sql, "SELECT 1 FROM t"),
        (Language::Markdown, "# Head"),
        (Language::Yaml, "a: 1"),
    ] {
        let coloured = colour::colours(&[text], language, &Budget::new(false));
        assert!(!coloured[0].is_empty(), "{language:?}");
    }
}

#[test]
fn colours_end_where_they_would_cost_too_much() {
    let minified = format!("{};\n", "a(1),".repeat(1_000));
    let coloured = colour::colours(
        &["a();\n", &minified, "b();\n"],
        Language::JavaScript,
        &Budget::new(false),
    );
    assert_eq!(coloured.len(), 1);
}

fn told(before: Value, after: Value) -> Vec<String> {
    use askama::Template as _;
    let Body::Structure { paths, .. } = shown(&values(before, after)).body else {
        panic!("no structure")
    };
    let text = |pieces: &Option<Pieces>| {
        let html = pieces.as_ref().map(|pieces| pieces.render().unwrap());
        html.unwrap_or_else(|| "–".to_owned())
            .replace("<b>", "")
            .replace("</b>", "")
    };
    let line = |line: &PathLine| {
        let path = line.path.render().unwrap();
        match line.note {
            Some(note) => format!("{path}: {note}"),
            None => format!("{path}: {} → {}", text(&line.before), text(&line.after)),
        }
    };
    paths.iter().map(line).collect()
}

#[test]
fn structures_differ_by_path() {
    let rule = |v: i32| json!({"t": "gt", "v": v});
    assert_eq!(
        told(json!([rule(1), rule(5)]), json!([rule(1), rule(7)])),
        ["rules[1].v: 5 → 7"]
    );
    assert_eq!(
        told(
            json!([rule(1), rule(5)]),
            json!([rule(0), rule(1), rule(5)])
        )[0],
        "rules[0]: – → {&#34;t&#34;:&#34;gt&#34;,&#34;v&#34;:0}",
        "what was put in front does not make all the rest look changed"
    );
    assert_eq!(
        told(json!({"a": {"b c": 1, "d": 2}}), json!({"a": {"d": 2}})),
        ["rules.a[&#34;b c&#34;]: 1 → –"]
    );
    assert_eq!(
        told(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})),
        ["rules: its keys stand in another order"]
    );
    assert_eq!(
        told(json!([1, 2, 3]), json!([3, 1, 2])),
        ["rules: the same items in another order"]
    );
    let long = |end: &str| json!({"a": format!("{}{end}", "x".repeat(500))});
    assert_eq!(
        told(long("1"), long("2")),
        ["rules.a: a long value differs: see the text below"]
    );
}

#[test]
fn json_in_a_text_is_compared_as_json() {
    let laid_out = shown(&property("{\"a\":1}", "{\n  \"a\": 1\n}", Language::Json));
    assert!(laid_out.note.unwrap().contains("laid out"));
    let changed = shown(&property("{\"a\":1}", "{\"a\":2}", Language::Json));
    assert!(matches!(changed.body, Body::Structure { paths, .. } if paths.len() == 1));
}

#[test]
fn a_text_that_reads_as_a_number_keeps_its_quotes() {
    use askama::Template as _;
    let change = PropertyChange {
        key: "port".into(),
        before: Some(Value::from(1)),
        after: Some(Value::from("1")),
        language: Language::Plain,
    };
    let comparison = shown(&change);
    assert!(comparison.note.is_some());
    let Body::Plain { before, after } = comparison.body else {
        panic!("not plain")
    };
    let text = |pieces: Option<Pieces>| {
        pieces
            .unwrap()
            .render()
            .unwrap()
            .replace("<b>", "")
            .replace("</b>", "")
    };
    assert_eq!(
        (text(before), text(after)),
        ("1".to_owned(), "&#34;1&#34;".to_owned())
    );
}

#[test]
fn a_missing_line_end_is_seen() {
    let rows = rows(parts(&property("a\n", "a", Language::Text)));
    assert!(format!("{rows:?}").contains("no line end"), "{rows:?}");
}

/// Contrast as WCAG 2.2 reckons it.
fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5) + 0.05
    };
    let (one, other) = (light(one), light(other));
    one.max(other) / one.min(other)
}

#[test]
fn code_can_be_read_on_every_ground() {
    let style = include_str!("../../assets/console.css");
    // The first value of a name is the light one, the second the dark one.
    let value = |name: &str, nth: usize| {
        let found = style.split(&format!("--{name}: ")).nth(nth + 1).unwrap();
        found[..7].to_owned()
    };
    for nth in [0, 1] {
        for ground in ["card", "good-wash", "bad-wash", "good-mark", "bad-mark"] {
            for letter in ["c", "s", "n", "b", "k", "o", "f", "t", "a", "e"] {
                let ratio = contrast(&value(&format!("code-{letter}"), nth), &value(ground, nth));
                assert!(ratio >= 4.5, "{letter} on {ground} ({nth}): {ratio:.2}");
            }
        }
        assert!(contrast(&value("ink", nth), &value("warn-mark", nth)) >= 4.5);
    }
}

/// What a structure is compared as, told by its note.
fn note_of(before: Value, after: Value) -> (Option<&'static str>, bool) {
    let change = PropertyChange {
        key: "rules".to_owned(),
        before: Some(before),
        after: Some(after),
        language: Language::Json,
    };
    let compared = compare(&change, &Budget::new(false));
    let is_by_path = matches!(compared.body, Body::Structure { .. });
    (compared.note, is_by_path)
}

#[test]
fn a_structure_made_to_be_slow_is_compared_by_line_and_says_so() {
    let wide = |n: usize| Value::from((0..n).map(|i| json!({ "v": i * 7 })).collect::<Vec<_>>());
    assert_eq!(note_of(wide(500), wide(501)), (None, true));
    let long_key = |v: usize| {
        let members = (0..200).map(|i| (format!("k{i}"), json!(i + v)));
        json!({ "k".repeat(20_000): members.collect::<serde_json::Map<_, _>>() })
    };
    let deep = |v: usize| {
        // Each level would be written down once more.
        let mut value = json!([v, "x".repeat(40_000)]);
        for _ in 0..100 {
            value = json!([value]);
        }
        value
    };
    let large = |v: usize| json!([v, "x".repeat(3_000_000)]);
    for (before, after) in [
        (long_key(0), long_key(1)),
        (deep(0), deep(1)),
        (large(0), large(1)),
    ] {
        let (note, is_by_path) = note_of(before, after);
        assert!(!is_by_path && note.is_some_and(|note| note.contains("compared by line")));
    }
}

#[test]
fn a_cut_value_is_known_to_be_cut() {
    let compared = |lines: usize| {
        let change = PropertyChange {
            key: "func".to_owned(),
            before: None,
            after: Some(Value::from("let a = 1;\n".repeat(lines))),
            language: Language::JavaScript,
        };
        compare(&change, &Budget::new(false)).is_cut()
    };
    assert!(!compared(100) && compared(20_000));
}
