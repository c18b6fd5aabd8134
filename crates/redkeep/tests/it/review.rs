//! A review in the terminal: `redkeep deployments show` and what goes with it, on a ledger without a
//! running Node-RED.

mod house;

use house::{House, says};

#[test]
fn the_whole_review_stands_in_the_terminal() {
    let house = House::new();
    let text = house.ok(&["deployments", "show", "1"]);
    let hash = house.shown();
    // The summary; who, where, when, why; state and hash.
    says(&text, &["Adds ", " on Pumps"]);
    says(
        &text,
        &[
            "deployment 1 on main: waits for review",
            "who       ed through the editor (in the editor from 10.0.0.7)",
            "when      2023-11-14T22:13:20",
            "why       The second pump ⟨U+202E⟩is new",
            "» rita at ",
            ": Which pump?",
            &format!("hash      {hash}"),
        ],
    );
    // Findings by weight, with place and line; what was accepted comes last.
    says(
        &text,
        &[
            "What to know first: 3 danger, 3 warning, 5 note",
            "[code-process]",
            "Work (func, line 3)",
        ],
    );
    assert!(
        text.find("danger  ").unwrap() < text.find("warning  ").unwrap(),
        "the heaviest stand first"
    );
    // Steps: words, values, wires, credentials, users, consequence.
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    says(
        &one_line,
        &[
            "changed Clock (inject, node) on Pumps",
            "every 5 [-minutes-] → every 5 {+hours+}",
            "changed Work (function, node) on Pumps id f",
            "func (JavaScript)",
            "2 - msg.n = [-1;-]",
            "2 + msg.n = {+2;+}",
            "3 + {+process.exit(1);+}",
            "rules[0].v: \"[-80-]\" → \"{+90+}\"",
            "timeout: + null",
            "+ wire Work, output 1 → Pump 2",
            "credential password: set",
            "used by 2 nodes: Pump 1 on Pumps, Pump 2 on Pumps",
            "now feeds 1 output: Pump 2",
            "removed Old lamp",
            "moved Pump 1",
            "x: 300 → 500",
        ],
    );
    // A text that is only there once is folded, and says how much is left.
    says(&text, &["row 1\n", "170 lines more: --full shows all"]);
    assert!(!text.contains("row 99"));
    let full = house.ok(&["deployments", "show", "1", "--full"]);
    says(&full, &["row 99", "row 200"]);
    // What is left, and how to go on.
    says(
        &text,
        &[
            "11 of 11 changes not decided: 1.1, ",
            &format!("redkeep deployments decide 1 --hash {hash} --change 1.1 approve\n"),
            &format!("redkeep deployments approve 1 --hash {hash}\n"),
            "redkeep deployments picture 1\n",
        ],
    );
}

#[test]
fn the_rehearsal_tells_new_from_before() {
    let house = House::new();
    let text = house.ok(&["deployments", "show", "1"]);
    says(
        &text,
        &[
            "It ended Node-RED: it called process.exit⟨U+001B⟩[2J",
            "new       reach pump.example, TCP port 502",
            "as before reach broker.example, TCP port 1883",
            "no more   look up lamp.example",
            "memory    90 MB (before: 80 MB)",
        ],
    );
}

/// Names, ids, values and comments that carry escape sequences, in every output for people.
#[test]
fn nothing_in_a_deployment_drives_the_terminal() {
    let house = House::new();
    let file = house.file("it.json");
    house.ok(&["deployments", "export", "1", "--out", &file]);
    let outputs = [
        house.ok(&["deployments", "show", "1"]),
        house.ok(&["deployments", "show", "1", "--full"]),
        house.ok(&["verify", &file]),
    ];
    for text in outputs {
        let steers =
            |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(
            !text.contains(steers),
            "{:?}",
            text.lines().find(|it| it.contains(steers))
        );
        says(&text, &["⟨U+001B⟩]0;owned⟨U+0007⟩", "id b⟨U+202E⟩1"]);
    }
}

#[test]
fn a_decision_needs_a_reason_the_hash_and_a_change_that_is_there() {
    let house = House::new();
    let hash = house.shown();
    let number = house.number("changed Work");
    let decide = [
        "deployments",
        "decide",
        "1",
        "--hash",
        &hash,
        "--change",
        &number,
    ];
    // A rejection says why; another hash is refused.
    house.refused(&[&decide[..], &["reject"]].concat(), "reason");
    let other = "0".repeat(64);
    let wrong = [
        "deployments",
        "decide",
        "1",
        "--hash",
        &other,
        "--change",
        &number,
        "approve",
    ];
    house.refused(&wrong, "is another by now");
    house.refused(
        &["deployments", "decide", "1", "--change", "99.1", "approve"],
        "has no change 99.1",
    );
}

#[test]
fn changes_are_decided_and_talked_about_by_their_numbers() {
    let house = House::new();
    let hash = house.shown();
    let number = house.number("changed Work");
    let decide = [
        "deployments",
        "decide",
        "1",
        "--hash",
        &hash,
        "--change",
        &number,
    ];
    house.ok(&[&decide[..], &["reject", "--comment", "It ends Node-RED"]].concat());
    house.ok(&[
        "deployments",
        "decide",
        "1",
        "--change",
        "removed:old",
        "approve",
    ]);
    house.ok(&[
        "deployments",
        "comment",
        "1",
        "--change",
        &number,
        "Why exit?",
    ]);
    house.ok(&["deployments", "comment", "1", "Look at Work"]);
    let text = house.ok(&["deployments", "show", "1"]);
    says(
        &text,
        &[
            "REJECTED by local-administrator at ",
            ": It ends Node-RED",
            "APPROVED by local-administrator at ",
            ": Why exit?",
            ": Look at Work",
            "9 of 11 changes not decided",
        ],
    );
    // The comment stands with its change, the decision's mark lets it be replaced.
    let mark = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("to decide otherwise: --seen "));
    assert_eq!(mark.unwrap().len(), 64);
    let json: serde_json::Value =
        serde_json::from_str(&house.ok(&["deployments", "show", "1", "--json"])).unwrap();
    let decided = json["decisions"].as_array().unwrap();
    assert!(
        decided
            .iter()
            .any(|it| it["change"] == "changed:f" && it["verdict"] == "reject")
    );
    let about = json["comments"].as_array().unwrap();
    assert!(
        about
            .iter()
            .any(|it| it["change"] == "changed:f" && it["text"] == "Why exit?")
    );
}

#[test]
fn a_picture_is_written_once() {
    let house = House::new();
    let file = house.file("it.svg");
    house.ok(&["deployments", "picture", "1", "--tab", "t", "--out", &file]);
    let svg = std::fs::read_to_string(&file).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("Pump 2"));
    let again = house.run(&["deployments", "picture", "1", "--out", &file]);
    assert_eq!(again.status.code(), Some(1), "a file was written over");
    house.refused(
        &[
            "deployments",
            "picture",
            "1",
            "--tab",
            "no&such",
            "--out",
            &file,
        ],
        "no such tab",
    );
}

#[test]
fn an_exported_deployment_shows_the_same_changes() {
    let house = House::new();
    let file = house.file("it.json");
    house.ok(&["deployments", "export", "1", "--out", &file]);
    let steps = |text: &str| {
        let from = text.find("\nStep 1 of ").unwrap();
        let end = text.find("\nWhat is left").unwrap_or(text.len());
        text[from..end].trim_end().to_owned()
    };
    let shown = house.ok(&["deployments", "show", "1"]);
    let verified = house.ok(&["verify", &file]);
    says(
        &verified,
        &["genuine: signed with the key ", "waits for review"],
    );
    assert_eq!(steps(&verified), steps(&shown));
    assert!(!verified.contains("What is left"));
}
