//! `redkeep inspect`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

const OLD: &str = r#"[
 {"id": "t", "type": "tab", "label": "Pumps"},
 {"id": "f", "type": "function", "z": "t", "x": 100, "y": 100, "name": "Work", "func": "return msg;", "wires": [["o"]]},
 {"id": "o", "type": "mqtt out", "z": "t", "x": 300, "y": 100, "name": "Pump 1", "topic": "p", "wires": []}
]"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_redkeep"))
            .arg("inspect")
            .args(args)
            .current_dir(self.0.path())
            .env_clear()
            .output()
            .unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn new() -> String {
    OLD.replace(
        "return msg;",
        "msg.ok = 1;\\nprocess.exit(1);\\nreturn msg;",
    )
}

#[test]
fn it_tells_people_what_changes_and_ends_with_one() {
    let folder = Folder::new();
    folder.write("old.json", OLD);
    folder.write("new.json", &new());
    let out = folder.run(&["--base", "old.json", "new.json"]);
    assert_eq!(out.status.code(), Some(1), "{}", text(&out.stderr));
    let told = text(&out.stdout);
    for part in [
        "danger   ",
        "[code-process]",
        "changed Work (function, f) on Pumps: func, line 2",
        "feeds Pump 1",
        "1 change; findings: 1 danger, 1 warning, 0 note",
    ] {
        assert!(told.contains(part), "no {part:?} in\n{told}");
    }
    // Not a terminal: no colour.
    assert!(!told.contains('\u{1b}'));
}

#[test]
fn the_level_decides_the_exit_code() {
    let folder = Folder::new();
    folder.write("old.json", OLD);
    folder.write("same.json", OLD);
    folder.write(
        "warned.json",
        &OLD.replace("return msg;", "msg.a = 1; return msg;"),
    );
    let code = |args: &[&str]| folder.run(args).status.code();
    assert_eq!(code(&["--base", "old.json", "same.json"]), Some(0));
    assert_eq!(code(&["--base", "old.json", "warned.json"]), Some(1));
    assert_eq!(
        code(&["--base", "old.json", "--level", "danger", "warned.json"]),
        Some(0)
    );
    assert_eq!(
        code(&["--base", "old.json", "--level", "note", "same.json"]),
        Some(0)
    );
}

#[test]
fn what_is_no_flow_file_ends_with_two_and_says_why() {
    let folder = Folder::new();
    folder.write("old.json", OLD);
    folder.write(
        "twice.json",
        r#"[{"id": "a", "type": "debug"}, {"id": "a", "type": "exec"}]"#,
    );
    folder.write("object.json", "{}");
    for (args, why) in [
        (
            &["twice.json"][..],
            "twice.json is not a flow file: two nodes have the id \"a\"",
        ),
        (&["object.json"], "not an array of nodes"),
        (&["missing.json"], "missing.json could not be read"),
        (
            &["--base", "object.json", "old.json"],
            "object.json is not a flow file",
        ),
    ] {
        let out = folder.run(args);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        assert!(text(&out.stderr).contains(why), "{}", text(&out.stderr));
    }
}

#[test]
fn json_and_sarif_hold_the_findings_with_their_places() {
    let folder = Folder::new();
    folder.write("old.json", OLD);
    folder.write("new.json", &new());
    let json: Value = serde_json::from_slice(
        &folder
            .run(&["--json", "--base", "old.json", "new.json"])
            .stdout,
    )
    .unwrap();
    assert_eq!(json["changes"][0]["findings"][0]["rule"], "code-process");
    assert_eq!(json["changes"][0]["findings"][0]["line"], 2);
    assert_eq!(json["changes"][0]["ways"]["outputs"][0], "o");
    let sarif: Value = serde_json::from_slice(
        &folder
            .run(&["--sarif", "--base", "old.json", "new.json"])
            .stdout,
    )
    .unwrap();
    let run = &sarif["runs"][0];
    assert_eq!(sarif["version"], "2.1.0");
    let result = &run["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&"code-process".into(), &"error".into())
    );
    assert_eq!(
        result["locations"][0]["physicalLocation"]["region"]["startLine"],
        3
    );
    assert_eq!(
        result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
        "f.func"
    );
    let rules: Vec<_> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    assert!(rules.contains(&&"code-process".into()));
}

#[test]
fn the_picture_stands_alone() {
    let folder = Folder::new();
    folder.write("old.json", OLD);
    folder.write("new.json", &new());
    folder.run(&["--base", "old.json", "--svg", "picture.svg", "new.json"]);
    let svg = fs::read_to_string(folder.0.path().join(Path::new("picture.svg"))).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("<style>") && svg.contains("Pump 1"));
}

#[test]
fn the_picture_is_drawn_as_png_and_no_file_is_lost_by_it() {
    let folder = Folder::new();
    folder.write("old.json", OLD);
    folder.write("new.json", &new());
    let draw = |more: &[&str]| {
        let given = [
            "--base", "old.json", "--png", "p.png", "--svg", "p.svg", "new.json",
        ];
        folder.run(&[&given, more].concat())
    };
    draw(&[]);
    let path = folder.0.path().join("p.png");
    let drawn = fs::read(&path).unwrap();
    assert!(drawn.starts_with(b"\x89PNG\r\n\x1a\n"));
    for name in ["p.svg", "p.png"] {
        fs::write(folder.0.path().join(name), "precious").unwrap();
    }
    let refused = draw(&[]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(text(&refused.stderr).contains("--force"), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
    draw(&["--force"]);
    assert_eq!(fs::read(&path).unwrap(), drawn);
}

/// A name that would drive the terminal does not.
#[test]
fn control_characters_in_names_are_not_printed() {
    let folder = Folder::new();
    folder.write(
        "new.json",
        &OLD.replace("Work", "\\u001b[2Jx")
            .replace("return msg;", "process.exit();"),
    );
    let out = folder.run(&["new.json"]);
    assert!(text(&out.stdout).contains("⟨U+001B⟩[2Jx"));
    assert!(!text(&out.stdout).contains('\u{1b}'));
}
