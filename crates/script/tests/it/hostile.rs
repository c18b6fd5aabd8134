//! Whatever comes in, an answer comes out: no crash, no end of time, nothing hidden by breaking off.

use proptest::prelude::*;
use script::{Facts, How, Parsed, Refused};

fn all(source: &str) -> [Facts; 4] {
    [
        script::function(source, &How::default()),
        script::file(source),
        script::page(source),
        script::handler(source),
    ]
}

/// Everything said of a source can be shown: places lie in it, in order, on character boundaries.
fn sound(source: &str, facts: &Facts) {
    let places = facts
        .uses
        .iter()
        .map(|one| one.place)
        .chain(facts.strings.iter().map(|one| one.place))
        .chain(facts.comments.iter().map(|one| one.place));
    for place in places {
        assert!(
            source.get(place.start..place.end).is_some(),
            "{place:?} in {source:?}"
        );
        assert!(place.line >= 1 && place.column >= 1);
    }
    assert!(
        facts
            .uses
            .iter()
            .all(|one| one.snippet.chars().count() <= 161)
    );
}

#[test]
fn broken_and_odd_sources_are_answered() {
    let sources = [
        "",
        " ",
        "\u{feff}",
        "\0",
        "\u{2028}",
        "'",
        "\"",
        "`",
        "`${",
        "`${`${",
        "/*",
        "//",
        "/",
        "/[",
        "/(",
        "(",
        ")",
        "}",
        "{",
        "\\",
        "\\u",
        "\\u{",
        "\\u{110000}",
        "'\\u{d800}'",
        "'\\ud800'",
        "`\\u{zz}`",
        "x`\\u{zz}`",
        "0x",
        "1e",
        "1_",
        "08",
        "#!",
        "#!/usr/bin/env node\nrequire('fs')",
        "<!-- x\nrequire('fs')\n--> y",
        "return 1",
        "await x",
        "yield",
        "import x from 'y'; return",
        "with (a) b",
        "let let = 1",
        "class A { #a; static { await } }",
        "async () => { for await (const x of y) {} }",
        "a?.b?.[c]?.()",
        "label: for (;;) continue label",
        "export default function (RED) {}",
        "import.meta.url",
        "new.target",
        "super.x",
        "%x(y)",
        "<a/>",
        "@x class A {}",
        "enum A {}",
        "type A = 1",
        "var a: string",
        "'\r'",
        "a\u{a0}b",
        "🦀",
        "'🦀'",
        "/[/]/",
        "/a/gggg",
        "({__proto__: 1, __proto__: 2})",
    ];
    for source in sources {
        for facts in all(source) {
            sound(source, &facts);
        }
    }
}

#[test]
fn what_node_js_would_run_is_read() {
    for source in [
        "#!/usr/bin/env node\nrequire('fs')",
        "<!-- x\nrequire('fs')",
        "return require('fs')",
        "await import('fs')",
        "import 'fs'; await 1",
        "with (a) require('fs')",
    ] {
        let facts = script::file(source);
        assert!(facts.is_complete(), "{source}: {:?}", facts.parsed);
        assert!(
            facts
                .find(|fact| format!("{fact:?}").starts_with("Load"))
                .is_some(),
            "{source}"
        );
    }
}

#[test]
fn a_code_that_is_none_says_where_it_breaks() {
    let facts = script::function("let x = 1;\nlet y = ;", &How::default());
    let Parsed::Error { message, place } = facts.parsed else {
        panic!("{:?}", facts.parsed)
    };
    assert_eq!((place.line, place.column), (2, 9), "{message}");
}

#[test]
fn depth_is_refused_with_its_line() {
    let source = format!("\n\n{}", "(".repeat(100_000));
    let facts = script::file(&source);
    assert_eq!(
        facts.parsed,
        Parsed::Refused(Refused::Nesting {
            max: 1_000,
            line: 3
        })
    );
    assert!(!facts.is_complete());
}

#[test]
fn what_is_too_long_is_refused() {
    let facts = script::file(&" ".repeat(17 * 1024 * 1024));
    assert!(matches!(
        facts.parsed,
        Parsed::Refused(Refused::Size { .. })
    ));
}

#[test]
fn long_lines_are_read() {
    for piece in [
        "a.b;",
        "x=[1,2];",
        "f('y');",
        "}/[",
        "/*",
        "'",
        "`",
        "a+",
        "}/'/.x;",
        "\\u0061=1;",
        "é;",
    ] {
        let source = piece.repeat(100_000 / piece.len());
        for facts in [
            script::file(&source),
            script::function(&source, &How::default()),
        ] {
            sound(&source, &facts);
        }
    }
    let long = "a=1;".repeat(3 * 1024 * 1024 / 4);
    let facts = script::file(&long);
    assert_eq!(facts.parsed, Parsed::Ok);
    assert!(facts.is_cut, "so many uses are not written down");
}

/// Values that double with each step, name each other in circles, or hang in long chains.
#[test]
fn values_that_grow_do_not() {
    let mut doubling = String::from("var a0='xxxxxxxxxxxxxxxx';");
    let mut lists = String::from("var a0=['x','y','z','w'];");
    let mut chain = String::from("var a0=require;");
    for at in 1..3_000 {
        let before = at - 1;
        doubling.push_str(&format!("var a{at}=a{before}+a{before};"));
        lists.push_str(&format!(
            "var a{at}=[a{before},a{before},a{before},a{before}];"
        ));
        chain.push_str(&format!("var a{at}=a{before};"));
    }
    let circle = "var a=b,b=c,c=a;a.x;b.y;c();".to_owned();
    for source in [doubling, lists, circle, format!("{chain}a2999('fs')")] {
        let facts = script::file(&format!("{source};x[a2999]"));
        assert_eq!(facts.parsed, Parsed::Ok);
    }
    // Followed from its beginning, an alias is found however long the chain is.
    let facts = script::file(&format!("{chain}a20('fs')"));
    assert!(
        facts
            .find(|fact| format!("{fact:?}").contains("Some(\"fs\")"))
            .is_some()
    );
}

/// A name of 20 kB that is written once and read often would be told as often.
#[test]
fn long_names_are_cut() {
    let name = "n".repeat(20_000);
    let source = format!("const n = '{name}';{}", "process.env[n];".repeat(200));
    let facts = script::file(&source);
    assert!(facts.uses.len() >= 200);
    let told = serde_json::to_vec(&facts.uses).unwrap().len();
    assert!(told < 1_000_000, "{told}");
}

/// What would hide from a reader who guesses wrong what `/` means.
#[test]
fn depth_does_not_hide_in_what_is_no_string() {
    let deep = "(".repeat(5_000);
    for open in [
        "}/'/;",
        "{}/`/;",
        "if(a)/'/;",
        "a++/'/;",
        "yield\n/'/;",
        "a=b\n/'/g;",
        "x=>{}/'/;",
        "<!-- '\n",
        "x\n--> `\n",
        "1./'/;",
        "a.if(b)/'/;",
        "\\u0069f(a)/'/;",
    ] {
        let facts = script::file(&format!("{open}{deep}"));
        let is_safe = !matches!(&facts.parsed, Parsed::Refused(Refused::Ended { .. }))
            && !facts.is_complete();
        assert!(is_safe, "{open}: {:?}", facts.parsed);
    }
}

const TOKENS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "`",
    "${",
    "'",
    "\"",
    "/",
    "//",
    "/*",
    "*/",
    "\n",
    " ",
    ";",
    ",",
    ".",
    "?.",
    "?",
    ":",
    "=",
    "=>",
    "==",
    "+",
    "++",
    "-",
    "--",
    "-->",
    "<!--",
    "!",
    "~",
    "*",
    "**",
    "&&",
    "??",
    "...",
    "a",
    "b",
    "1",
    "1.",
    ".5",
    "0x1",
    "'x'",
    "`y`",
    "/r/",
    "/[/]/g",
    "if",
    "else",
    "for",
    "while",
    "do",
    "with",
    "switch",
    "case",
    "default",
    "function",
    "class",
    "extends",
    "static",
    "get",
    "async",
    "await",
    "yield",
    "of",
    "in",
    "new",
    "typeof",
    "void",
    "delete",
    "return",
    "throw",
    "var",
    "let",
    "const",
    "import",
    "export",
    "try",
    "catch",
    "finally",
    "break",
    "continue",
    "label:",
    "require",
    "eval",
    "process",
    "constructor",
    "__proto__",
    "this",
    "\\u0061",
    "\\u{61}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "#x",
    "@",
    "\\",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn any_soup_of_tokens_is_answered(picks in prop::collection::vec((0..TOKENS.len(), 0..4_usize), 0..120)) {
        let source: String = picks.iter().map(|(at, space)| format!("{}{}", TOKENS[*at], if *space == 0 { "" } else { " " })).collect();
        for facts in all(&source) {
            sound(&source, &facts);
        }
    }

    #[test]
    fn any_short_pattern_repeated_without_end_is_answered(picks in prop::collection::vec(0..TOKENS.len(), 1..5), middle in 0..TOKENS.len()) {
        let pattern: String = picks.iter().map(|at| format!("{} ", TOKENS[*at])).collect();
        for times in [450, 4_000] {
            let source = format!("{}{}", pattern.repeat(times), TOKENS[middle]);
            for facts in [script::file(&source), script::function(&source, &How::default())] {
                sound(&source, &facts);
            }
        }
    }

    #[test]
    fn any_text_is_answered(source in ".{0,200}") {
        for facts in all(&source) {
            sound(&source, &facts);
        }
    }
}
