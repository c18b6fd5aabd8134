use super::*;

fn read(text: &str) -> Result<Submitted, FlowError> {
    Flows::submitted(text.as_bytes(), &Limits::default())
}

fn refusal(text: &str) -> FlowError {
    read(text)
        .map(|read| read.flows.text().to_string())
        .expect_err(text)
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let key = |key: &str| FlowError::DuplicateKey {
        key: key.to_owned(),
    };
    assert_eq!(refusal(r#"[{"id":"a","type":"t","id":"b"}]"#), key("id"));
    assert_eq!(
        refusal(r#"[{"id":"a","type":"t","\u0069d":"b"}]"#),
        key("id")
    );
    assert_eq!(
        refusal(r#"[{"id":"a","type":"t","p":[{"k":1,"k":1}]}]"#),
        key("k")
    );
    assert_eq!(
        refusal(r#"[{"id":"a","type":"t","credentials":{"k":1,"k":2}}]"#),
        key("k")
    );
    assert_eq!(
        refusal(r#"[{"id":"a","type":"t","p":{"__proto__":{}}}]"#),
        FlowError::ProtoKey
    );
    assert_eq!(
        refusal(r#"[{"id":"a","type":"t","\u005f_proto__":1}]"#),
        FlowError::ProtoKey
    );
    let twin = r#"[{"id":"a","type":"t"},{"type":"u","id":"\u0061"}]"#;
    assert_eq!(refusal(twin), FlowError::DuplicateId { id: "a".into() });
}

#[test]
fn what_is_no_text_is_refused() {
    let bytes = |bytes: &[u8]| Flows::submitted(bytes, &Limits::default()).unwrap_err();
    assert_eq!(bytes(b"\xef\xbb\xbf[]"), FlowError::ByteOrderMark);
    assert_eq!(bytes(b"[{\"id\":\"\xff\"}]"), FlowError::NotText);
    assert_eq!(bytes(&[0xfe, 0xff, 0, b'[', 0, b']']), FlowError::NotText);
    for bad in [
        r#"["\ud800"]"#,
        r#"["\udc00"]"#,
        r#"["\ud800\u0041"]"#,
        "[1e400]",
        "[-1e999]",
    ] {
        assert!(
            matches!(
                refusal(bad),
                FlowError::Syntax { .. } | FlowError::NotAnObject { .. }
            ),
            "{bad}"
        );
    }
    let node = |value: &str| format!("[{{\"id\":\"a\",\"type\":\"t\",\"p\":{value}}}]");
    for bad in [r#""\ud800""#, r#""\udc00""#, "1e400", "-1e999", "Infinity"] {
        assert!(
            matches!(refusal(&node(bad)), FlowError::Syntax { .. }),
            "{bad}"
        );
    }
}

#[test]
fn what_is_no_array_of_nodes_is_refused() {
    for bad in ["{}", "1", "null", "\"[]\"", r#"{"flows":[]}"#] {
        assert_eq!(refusal(bad), FlowError::NotAnArray, "{bad}");
    }
    for bad in ["[1]", "[[]]", "[null]", "[\"a\"]"] {
        assert_eq!(refusal(bad), FlowError::NotAnObject { index: 0 }, "{bad}");
    }
    let long = format!("[{{\"id\":\"{}\",\"type\":\"t\"}}]", "a".repeat(129));
    for bad in [
        "[{}]",
        r#"[{"type":"t"}]"#,
        r#"[{"id":"","type":"t"}]"#,
        r#"[{"id":1,"type":"t"}]"#,
        r#"[{"id":"a\nb","type":"t"}]"#,
        r#"[{"id":"__proto__","type":"t"}]"#,
        &long,
    ] {
        assert_eq!(refusal(bad), FlowError::BadId { index: 0 }, "{bad}");
    }
    for bad in [
        r#"[{"id":"a"}]"#,
        r#"[{"id":"a","type":null}]"#,
        r#"[{"id":"a","type":"\u0000"}]"#,
    ] {
        assert_eq!(refusal(bad), FlowError::BadType { id: "a".into() }, "{bad}");
    }
}

#[test]
fn limits_hold() {
    let limits = Limits {
        bytes_max: 60,
        nodes_max: 1,
        depth_max: 4,
    };
    let read = |text: &str| Flows::submitted(text.as_bytes(), &limits).map(|_| ());
    assert_eq!(read(r#"[{"id":"a","type":"t","p":[[]]}]"#), Ok(()));
    assert_eq!(
        read(r#"[{"id":"a","type":"t","p":[[[]]]}]"#),
        Err(FlowError::TooDeep { max: 4 })
    );
    assert_eq!(
        read(r#"[{"id":"a","type":"t"},{"id":"b","type":"t"}]"#),
        Err(FlowError::TooMany { max: 1 })
    );
    assert_eq!(
        read(&" ".repeat(61)),
        Err(FlowError::TooLarge { size: 61, max: 60 })
    );
    let deep = format!(
        "[{{\"id\":\"a\",\"type\":\"t\",\"p\":{}",
        "[".repeat(1_000_000)
    );
    assert_eq!(refusal(&deep), FlowError::TooDeep { max: 100 });
    let wide = Limits {
        depth_max: 10_000,
        ..Limits::default()
    };
    let error = Flows::submitted(deep.as_bytes(), &wide).unwrap_err();
    assert_eq!(error, FlowError::TooDeep { max: 127 });
}

#[test]
fn a_node_gives_what_is_asked_most() {
    let text = r#"[{"id":"a\"b","type":"t","z":"z1","x":1,"y":2,"label":"L"},{"id":"c","type":"u","z":5}]"#;
    let flows = read(text).unwrap().flows;
    let node = flows.get("a\"b").unwrap();
    assert_eq!(
        (node.id(), node.kind(), node.tab()),
        ("a\"b", "t", Some("z1"))
    );
    assert!(node.is_placed());
    assert_eq!((node.label().as_str(), node.properties().len()), ("L", 6));
    let config = flows.get("c").unwrap();
    assert_eq!(
        (config.tab(), config.is_placed(), config.label().as_str()),
        (None, false, "u")
    );
    assert!(flows.get("b").is_none());
    assert_eq!((flows.len(), &**flows.text()), (2, text));
}

#[test]
fn credentials_are_taken_off_and_understood() {
    let text = r#"[{"id":"a","type":"mqtt-broker","credentials":{"user":"u","password":"__PWRD__","has_password":true,"old":" "},"p":1},
        {"id":"s","type":"subflow:x","credentials":{"A":"__PWRD__","has_A":true,"B":"b"}},
        {"id":"g","type":"global-config","credentials":{"map":{"K":"v","has_K":true,"L":"__PWRD__"}}}]"#;
    let read = read(text).unwrap();
    assert!(!read.flows.text().contains("credentials"));
    assert_eq!(
        serde_json::to_string(&read.credentials).unwrap(),
        r#"{"a":{"old":"remove","user":{"set":"u"}},"g":{"map.K":{"set":"v"}},"s":{"B":{"set":"b"}}}"#
    );
    let pair = |node: &str, field: &str| (node.to_owned(), field.to_owned());
    let known = [
        pair("s", "A"),
        pair("s", "C"),
        pair("g", "map.M"),
        pair("a", "kept"),
    ]
    .into();
    let changes = read.credential_changes(&known);
    assert_eq!(
        changes.0["s"]["C"],
        CredentialChange::Remove,
        "left out of a subflow's list"
    );
    assert_eq!(changes.0["g"]["map.M"], CredentialChange::Remove);
    assert!(!changes.0["s"].contains_key("A") && !changes.0["a"].contains_key("kept"));
    for bad in [
        "1",
        "null",
        "[]",
        "\"x\"",
        "{\"a\":null}",
        "{\"map.x\":\"y\"}",
    ] {
        let text = format!("[{{\"id\":\"a\",\"type\":\"t\",\"credentials\":{bad}}}]");
        assert_eq!(
            refusal(&text),
            FlowError::BadCredentials { id: "a".into() },
            "{bad}"
        );
    }
}

#[test]
fn neither_errors_nor_debug_show_what_was_read() {
    for bad in [
        "\"s3cret\"",
        "[{\"id\":\"a\",\"type\":\"t\",\"credentials\":\"s3cret\"}]",
        "[s3cret]",
        "[{\"id\":\"a\",\"type\":\"t\",\"credentials\":{\"p\":\"s3cret\" \"x\"}}]",
    ] {
        let error = refusal(bad);
        assert!(!format!("{error:?} {error}").contains("s3cret"), "{error}");
    }
    let read =
        read(r#"[{"id":"a","type":"t","func":"s3cret","credentials":{"p":"s3cret"}}]"#).unwrap();
    assert!(!format!("{read:?} {:?}", read.flows.get("a")).contains("s3cret"));
}

#[test]
fn only_canonical_text_comes_back() {
    let good = r#"[{"id":"a","type":"t"},{"id":"b","type":"t"}]"#;
    assert!(Flows::from_canonical(good.into()).is_ok());
    assert!(Flows::from_canonical("[]".into()).is_ok_and(|flows| flows.is_empty()));
    for bad in [
        "",
        "[ ]",
        "[] ",
        " []",
        "{}",
        r#"[{"id":"a","type":"t"}, {"id":"b","type":"t"}]"#,
        r#"[{"id": "a","type":"t"}]"#,
        r#"[{"id":"a","type":"t"} ]"#,
        "[1]",
    ] {
        assert_eq!(
            Flows::from_canonical(bad.into()).unwrap_err(),
            FlowError::NotCanonical,
            "{bad:?}"
        );
    }
    let twins = r#"[{"id":"a","type":"t"},{"id":"a","type":"t"}]"#;
    assert!(Flows::from_canonical(twins.into()).is_err());
}

/// Read by the writer alone, whatever the text.
fn rewritten(text: &str) -> Option<String> {
    // White space in front makes it no canonical text.
    let read = Flows::submitted(format!(" {text}").as_bytes(), &Limits::default());
    Some(read.ok()?.flows.text().to_string())
}

#[test]
fn what_is_taken_as_canonical_is_what_would_be_written() {
    let limits = Limits::default();
    for (text, expected) in [
        ("[]", true),
        (r#"[{"id":"a","type":"x"}]"#, true),
        (
            r#"[{"id":"a","type":"x","n":[1,-7,0.5,1e+21,1.5e-7,"\u0001\n\"é"]}]"#,
            true,
        ),
        (r#"[{"1":0,"10":0,"id":"a","type":"x"}]"#, true),
        (r#"[{"id":"a","type":"x","1":0}]"#, false),
        (r#"[{"10":0,"1":0,"id":"a","type":"x"}]"#, false),
        (r#"[{"id":"a","type":"x","n":1.0}]"#, false),
        (r#"[{"id":"a","type":"x","n":-0}]"#, false),
        (r#"[{"id":"a","type":"x","n":01}]"#, false),
        (r#"[{"id":"a","type":"x","n":1e21}]"#, false),
        (r#"[{"id":"a","type":"x","n":NaN}]"#, false),
        (r#"[{"id":"a","type":"x","n":inf}]"#, false),
        (r#"[{"id":"a","type":"x","n":12345678901234567890}]"#, false),
        (r#"[{"id":"a","type":"x","s":"\u000a"}]"#, false),
        (r#"[{"id":"a","type":"x","s":"\u00e9"}]"#, false),
        (r#"[{"id":"a","type":"x","s":"\/"}]"#, false),
        (r#"[{"id":"a","type":"x","s":"\u001F"}]"#, false),
        (r#"[{"id":"a","type":"x","a":1,"a":1}]"#, false),
        (r#"[{"id":"a","type":"x","o":{"a":1,"a":1}}]"#, false),
        (r#"[{"id":"a","type":"x","__proto__":1}]"#, false),
        (r#"[{"id":"a","type":"x","credentials":{}}]"#, false),
        (r#"[{"id":"a","type":"x","o":{"credentials":{}}}]"#, true),
        (r#"[{"id":"a", "type":"x"}]"#, false),
        (r#"[{"id":"a","type":"x"}] "#, false),
        (r#"[{"id":"a","type":"x"},]"#, false),
        (r#"[{"id":"a","type":"x"}"#, false),
        ("[1]", false),
        ("{}", false),
        ("", false),
    ] {
        assert_eq!(already(text, &limits).is_some(), expected, "{text}");
        if expected {
            assert_eq!(rewritten(text).as_deref(), Some(text), "{text}");
        }
    }
    let deep = format!(
        r#"[{{"id":"a","type":"x","d":{}1{}}}]"#,
        "[".repeat(99),
        "]".repeat(99)
    );
    assert!(
        already(&deep, &limits).is_none(),
        "the limits hold here too"
    );
    let few = Limits {
        nodes_max: 1,
        ..limits
    };
    let two = r#"[{"id":"a","type":"x"},{"id":"b","type":"x"}]"#;
    assert!(already(two, &few).is_none() && already(two, &limits).is_some());
}
