use std::{fs, path::Path};

use super::read;

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn registering(name: &str, rest: &str) -> String {
    format!("<script>RED.nodes.registerType('{name}', {{{rest}}})</script>")
}

#[test]
fn packages_with_nodes_are_read_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| put(dir.path(), path, text);
    put("@node-red/nodes/package.json", r#"{"version": "5.0.7"}"#);
    put(
        "@node-red/nodes/core/common/20-inject.html",
        &registering("inject", "inputs: 0"),
    );
    put(
        "@node-red/nodes/core/common/lib/debug.html",
        &registering("lib", ""),
    );
    put(
        "@site/pump/package.json",
        r#"{"version": "1.2.3", "node-red": {"nodes": {"pump": "nodes/pump.js"}}}"#,
    );
    put(
        "@site/pump/nodes/pump.html",
        &registering("pump", "label: function() { return this._('pump.name') }"),
    );
    put(
        "@site/pump/nodes/locales/en-US/pump.json",
        r#"{"pump": {"name": "Pump"}}"#,
    );
    put("other/package.json", r#"{"version": "1.0.0"}"#);
    put("other/x.html", &registering("other", ""));
    put(
        "thief/package.json",
        r#"{"node-red": {"nodes": {"a": "../other/x.js", "b": "inject.js"}}}"#,
    );
    put("thief/inject.html", &registering("inject", "inputs: 1"));
    let palette = read(dir.path());
    let names: Vec<_> = palette.types.keys().map(String::as_str).collect();
    assert_eq!(names, ["inject", "pump"]);
    let pump = palette.get("pump").unwrap();
    assert_eq!(pump.module, "@site/pump");
    assert_eq!(pump.version.as_deref(), Some("1.2.3"));
    let label = pump.label.as_ref().unwrap().of(&serde_json::Map::new());
    assert_eq!(label.as_deref(), Some("Pump"));
    let inject = palette.get("inject").unwrap();
    assert_eq!(
        (inject.module.as_str(), inject.inputs),
        ("node-red", 0),
        "not the thief's"
    );
}

#[test]
fn links_and_files_that_are_too_large_are_not_read() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "secret.html", &registering("secret", ""));
    let manifest = r#"{"node-red": {"nodes": {"a": "a.js", "b": "b.js"}}}"#;
    put(dir.path(), "modules/p/package.json", manifest);
    let package = dir.path().join("modules/p");
    std::os::unix::fs::symlink(dir.path().join("secret.html"), package.join("a.html")).unwrap();
    let large = registering("large", "") + &" ".repeat(script::editor::HTML_MAX_BYTES);
    fs::write(package.join("b.html"), large).unwrap();
    assert!(read(&dir.path().join("modules")).types.is_empty());
}

#[test]
fn icons_of_every_kind_are_read_and_none_of_another_package() {
    let dir = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| put(dir.path(), path, text);
    put(
        "pump/package.json",
        r#"{"node-red": {"nodes": {"pump": "pump.js"}}}"#,
    );
    let svg = "<svg viewBox='0 0 9 9'><path d='M0 0h9v9z'/></svg>";
    put("pump/icons/pump.svg", svg);
    put("pump/icons/pump.gif", "GIF89a");
    put("pump/icons/broken.png", "no image");
    put("other/icons/other.svg", svg);
    // One pixel, white.
    let png =
        b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x01\x00\x00\
        \x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\x0d\x49\x44\x41\x54\x78\x9c\x63\
        \xf8\xff\xff\xff\x7f\x00\x09\xfb\x03\xfd\x2a\x86\xe3\x8a\x00\x00\x00\x00\x49\x45\x4e\x44\
        \xae\x42\x60\x82";
    fs::write(dir.path().join("pump/icons/valve.png"), png).unwrap();
    let font = "@node-red/editor-client/public/vendor/font-awesome";
    put(
        &format!("{font}/fonts/fontawesome-webfont.svg"),
        "<svg><font><font-face units-per-em='1792'/><glyph unicode='&#xf0e7;' horiz-adv-x='896' d='M0 0h9z'/></font></svg>",
    );
    put(
        &format!("{font}/css/font-awesome.min.css"),
        ".fa-bolt:before{content:\"\\f0e7\"}",
    );
    let palette = read(dir.path());
    let names: Vec<_> = palette.icons.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["font-awesome/fa-bolt", "pump/pump.svg", "pump/valve.png"]
    );
    let (name, _) = palette.icon("pump", "valve.png").unwrap();
    assert_eq!(name, "pump/valve.png");
    let (name, _) = palette.icon("node-red", "font-awesome/fa-bolt").unwrap();
    assert_eq!(name, "font-awesome/fa-bolt");
}

#[test]
fn a_folder_that_is_not_there_is_an_empty_palette() {
    assert!(read(Path::new("/nowhere/at/all")).types.is_empty());
}
