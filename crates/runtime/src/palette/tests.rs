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
fn a_folder_that_is_not_there_is_an_empty_palette() {
    assert!(read(Path::new("/nowhere/at/all")).types.is_empty());
}

#[tokio::test]
async fn the_palettes_last_asked_for_are_kept_and_no_more() {
    use super::{Arc, KEPT_MAX, Palettes, PathBuf};

    let palettes = Palettes::default();
    let tree = |number: usize| PathBuf::from(format!("/nowhere/{number}"));
    let first = palettes.of(tree(0)).await.unwrap();
    for number in 1..=2 * KEPT_MAX {
        palettes.of(tree(number)).await.unwrap();
        let again = palettes.of(tree(0)).await.unwrap();
        assert!(Arc::ptr_eq(&first, &again), "one in use was read anew");
    }
    assert_eq!(palettes.0.lock().unwrap().len(), KEPT_MAX);
}
