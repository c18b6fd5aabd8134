use model::palette::{Align, CredentialKind, Label, NodeType};
use serde_json::json;

use super::{EditorError, HTML_MAX_BYTES, node_types};
use crate::Refused;

fn read(html: &str) -> Vec<(String, NodeType)> {
    node_types(html, &|key| {
        (key == "a.b").then(|| "from __n__ files".to_owned())
    })
    .unwrap()
}

fn only(script: &str) -> NodeType {
    let mut types = read(&format!("<script>{script}</script>"));
    assert_eq!(types.len(), 1, "{script}");
    types.remove(0).1
}

fn label_of(function: &str, node: &serde_json::Value) -> Option<String> {
    let node_type = only(&format!(
        "RED.nodes.registerType('x', {{label: {function}}})"
    ));
    node_type.label.unwrap().of(node.as_object().unwrap())
}

#[test]
fn a_node_as_most_packages_write_it() {
    let types = read(
        r#"<script type="text/html" data-template-name="pump"><script>no</script>
        <SCRIPT type="text/javascript">
          (function() {
            RED.nodes.registerType('pump', {
              category: 'site', color: '#FDD0A2', inputs: 1, outputs: 2, icon: 'pump.svg',
              align: 'right', button: {onclick: function() {}},
              defaults: {
                name: {value: ""},
                server: {type: "pump-server", required: true},
                list: {value: [1, -2, {a: null}], validate: RED.validators.number()},
                made: {value: compute()},
              },
              credentials: {user: {type: "text"}, key: {type: "password"}, other: {}},
              label: function() { return this.name || "pump"; },
            });
          })();
        </SCRIPT>"#,
    );
    let [(name, pump)] = types.as_slice() else {
        panic!("{types:?}");
    };
    assert_eq!(name, "pump");
    assert_eq!(pump.category, "site");
    assert_eq!(pump.colour.unwrap().to_string(), "#fdd0a2");
    assert_eq!((pump.inputs, pump.outputs), (1, 2));
    assert_eq!((pump.align, pump.has_button), (Align::Right, true));
    assert_eq!(pump.icon, Some(Label::Text("pump.svg".to_owned())));
    assert_eq!(pump.defaults["name"].value, Some(json!("")));
    assert!(pump.defaults["server"].is_required);
    assert_eq!(
        pump.defaults["server"].config.as_deref(),
        Some("pump-server")
    );
    assert_eq!(
        pump.defaults["list"].value,
        Some(json!([1, -2, {"a": null}]))
    );
    assert_eq!(pump.defaults["made"].value, None);
    assert_eq!(pump.credentials["user"], CredentialKind::Text);
    assert_eq!(pump.credentials["key"], CredentialKind::Password);
    assert_eq!(pump.credentials["other"], CredentialKind::Password);
}

#[test]
fn names_bound_once_are_followed_and_others_are_not() {
    let found = only(
        "const T = 'x', base = {inputs: 1}; let c = 'red'; c = 'blue';
         const def = {...base, outputs: 3, color: c};
         RED.nodes.registerType(T, def);",
    );
    assert_eq!((found.inputs, found.outputs), (1, 3));
    assert_eq!(found.colour, None, "it may be either");
}

#[test]
fn names_that_go_in_circles_end() {
    let found = read("<script>var a = b, b = a; RED.nodes.registerType(a, b);</script>");
    assert!(found.is_empty());
    only("var o = {...o, inputs: 1}; RED.nodes.registerType('x', o);");
}

#[test]
fn labels_are_translated() {
    for (function, node, label) in [
        (
            "function() { return this.name || this.topic || 'mqtt' }",
            json!({"topic": "t"}),
            "t",
        ),
        ("'fixed'", json!({}), "fixed"),
        ("() => 'arrow'", json!({}), "arrow"),
        (
            "function() { return `a${this.n}b` }",
            json!({"n": 5}),
            "a5b",
        ),
        (
            "function() { var n = this; return n.name + '!' }",
            json!({"name": "x"}),
            "x!",
        ),
        (
            "function() { return this._('a.b', {n: this.list.length}) }",
            json!({"list": [1, 2]}),
            "from 2 files",
        ),
        (
            "function() { let s = ''; if (this.on) { s += '+' } else if (this.n > 3) s = '>'; return (this.name || 'x') + s }",
            json!({"n": 4}),
            "x>",
        ),
        (
            "function() { if (this.name) return this.name; for (;;) {} }",
            json!({"name": "before the loop"}),
            "before the loop",
        ),
    ] {
        assert_eq!(
            label_of(function, &node).as_deref(),
            Some(label),
            "{function}"
        );
    }
}

#[test]
fn labels_that_do_more_are_unknown_rather_than_guessed() {
    for function in [
        "function() { for (;;) {} return 'x' }",
        "function() { return window.top.secret }",
        "function() { this.name = 'y'; return this.name }",
        "function() { return fetch('/') }",
        "function() { return this._('no.such.key') }",
        "window.label",
    ] {
        assert_eq!(label_of(function, &json!({})), None, "{function}");
    }
}

#[test]
fn a_label_that_doubles_with_each_line_stays_small() {
    let doubling = "s = s + s;".repeat(64);
    let function = format!("function() {{ var s = this.a; {doubling} return s }}");
    assert_eq!(label_of(&function, &json!({"a": "x"})), None);
    let branching = "if (this.a) { s += 'x' }".repeat(64);
    let function = format!("function() {{ var s = ''; {branching} return s }}");
    label_of(&function, &json!({}));
}

/// Ways to say much with little. Each ended in all memory there is, or in no time there is.
#[test]
fn what_grows_with_each_line_ends() {
    let chain = |of: &str| -> String {
        let lines = (1..24).map(|at| {
            of.replace('@', &format!("a{}", at - 1))
                .replace('#', &format!("a{at}"))
        });
        lines.collect()
    };
    let values = format!(
        "var a0 = ['x'];{}",
        chain("var # = [@, @, @, @, @, @, @, @];")
    );
    let spread = format!(
        "var a0 = {{}};{}",
        chain("var # = {...@, ...@, ...@, ...@, ...@, ...@, ...@, ...@};")
    );
    for (script, what) in [
        (
            format!("{values}RED.nodes.registerType('x', {{defaults: {{k: {{value: a18}}}}}})"),
            "values",
        ),
        (
            format!(
                "{values}{}",
                "RED.nodes.registerType('x', {defaults: {k: {value: a4}}});".repeat(2_000)
            ),
            "values, often",
        ),
        (format!("{spread}RED.nodes.registerType('x', a7)"), "spread"),
    ] {
        let types = read(&format!("<script>{script}</script>"));
        assert!(types.len() <= 500, "{what}");
        let size = types.iter().map(|(_, it)| {
            it.defaults
                .values()
                .map(|it| format!("{:?}", it.value).len())
                .sum::<usize>()
        });
        assert!(size.sum::<usize>() < 64 * 1024 * 1024, "{what}");
    }
    let doubling = format!("var a0 = this.a + this.b;{}", chain("var # = @ + @;"));
    let both = format!("return {}", vec!["this.a"; 50].join(" && "));
    for body in [format!("{doubling} return a23"), both] {
        assert_eq!(
            label_of(
                &format!("function() {{ {body} }}"),
                &json!({"a": "x", "b": "y"})
            ),
            None,
            "{body}"
        );
    }
    let many = "<script>RED.nodes.registerType('x', {})</script>".repeat(400);
    assert_eq!(read(&many).len(), 100);
}

#[test]
fn what_would_end_the_process_is_refused() {
    for nest in [
        format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000)),
        "[".repeat(100_000),
        "!".repeat(100_000),
        format!("1{}", "+1".repeat(100_000)),
        format!("a{}", ".a".repeat(100_000)),
        "a?b:".repeat(50_000),
        "a=>".repeat(50_000),
        "-\n".repeat(100_000),
    ] {
        let html = format!("<script>registerType;{nest}</script>");
        let read = node_types(&html, &|_| None);
        let is_refused = matches!(read, Err(EditorError::Refused(Refused::Nesting { .. })));
        assert!(is_refused, "{read:?}");
    }
    let long = " ".repeat(HTML_MAX_BYTES + 1);
    assert_eq!(
        node_types(&long, &|_| None),
        Err(EditorError::TooLong { bytes: long.len() })
    );
}

#[test]
fn what_is_deep_and_passes_is_read() {
    for nest in [
        format!("{}1{}", "(".repeat(400), ")".repeat(400)),
        format!("{}{}", "[".repeat(400), "]".repeat(400)),
        format!("1{}", "+1".repeat(2_000)),
        format!("a{}", ".a".repeat(2_000)),
    ] {
        let html = format!("<script>{nest};\nRED.nodes.registerType('x', {{inputs: 1}})</script>");
        assert_eq!(node_types(&html, &|_| None).unwrap().len(), 1);
        let html = format!(
            "<script>RED.nodes.registerType('x', {{label: {nest}, color: {nest}}})</script>"
        );
        assert_eq!(node_types(&html, &|_| None).unwrap().len(), 1);
        let html = format!(
            "<script>RED.nodes.registerType('x', {{label: function() {{ return {nest} }}}})</script>"
        );
        assert_eq!(node_types(&html, &|_| None).unwrap().len(), 1);
    }
}

#[test]
fn html_and_scripts_that_are_not_whole_give_what_they_give() {
    for html in [
        "",
        "<script>RED.nodes.registerType(",
        "<script>RED.nodes.registerType('x')</script>",
        "<script>RED.nodes.registerType({}, {})</script>",
        "<script>}{ registerType</script>",
        "<!-- <script>RED.nodes.registerType('x', {})</script> -->",
        "<script src='a.js'>registerType</script>",
        "\u{0}<scr\u{0}ipt>",
    ] {
        assert_eq!(node_types(html, &|_| None).unwrap(), [], "{html}");
    }
}
