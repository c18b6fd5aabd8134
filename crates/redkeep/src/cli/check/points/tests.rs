use super::{certificates::covers, *};

const DAY: i64 = 24 * 3600;

fn listener(address: &str, user: u32) -> Listener {
    let address = address.parse().unwrap();
    Listener { address, user }
}

fn door(what: &str, origin: &str) -> Door {
    let mut door = Door::of(what.to_owned(), origin).unwrap();
    door.certificate = Some(Ok(Shown {
        facts: acme::Facts {
            names: vec!["pump.example".to_owned(), "*.pump.example".to_owned()],
            issuer: "Authority".to_owned(),
            not_before: Timestamp(0),
            not_after: Timestamp(0).plus_seconds(90 * DAY),
        },
        trust: Trust::Machine,
    }));
    door
}

fn person(name: &str, has_second_factor: bool) -> Person {
    Person {
        name: name.to_owned(),
        role: Role::Reviewer,
        has_second_factor,
        has_passkey: false,
    }
}

/// An installation with nothing to mend.
fn good() -> Seen {
    Seen {
        is_running: true,
        doors: vec![
            door("gate of main", "https://pump.example"),
            door(CONSOLE, "https://keep.pump.example:8444"),
        ],
        open: Vec::new(),
        console_rules: Vec::new(),
        listeners: vec![listener("0.0.0.0:443", 0), listener("10.0.0.2:8444", 0)],
        node_users: vec![65_520],
        own_user: 0,
        renewals: Vec::new(),
        strict: Strict {
            setting: Wish::Auto,
            max_age_seconds: Some(365 * 86_400),
            is_trial: true,
        },
        has_own_files: false,
        has_authority: true,
        believed: Vec::new(),
        people: vec![person("ann", true)],
        passkey_required: Vec::new(),
        unknown_roles: Vec::new(),
        now: Timestamp(0).plus_seconds(30 * DAY),
    }
}

fn texts(seen: &Seen, level: Level) -> Vec<String> {
    let points = points(seen).into_iter();
    points
        .filter(|it| it.level == level)
        .inspect(|it| {
            assert!(
                level != Level::Mend || it.way.is_some(),
                "{it:?}: no way out"
            );
        })
        .map(|it| it.text)
        .collect()
}

/// Exactly one thing is to be mended, said with these words.
#[track_caller]
fn one(seen: &Seen, words: &str) {
    let found = texts(seen, Level::Mend);
    assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
}

#[track_caller]
fn look(seen: &Seen, words: &str) {
    let found = texts(seen, Level::Look);
    assert!(found.iter().any(|it| it.contains(words)), "{found:?}");
    assert_eq!(texts(seen, Level::Mend), Vec::<String>::new());
}

fn with_certificates(change: fn(&mut Shown)) -> Seen {
    let mut seen = good();
    for door in &mut seen.doors {
        change(door.certificate.as_mut().unwrap().as_mut().unwrap());
    }
    seen
}

#[test]
fn a_good_installation_has_nothing_to_mend() {
    let seen = good();
    assert_eq!(texts(&seen, Level::Mend), Vec::<String>::new());
    assert_eq!(texts(&seen, Level::Look), Vec::<String>::new());
    let all = texts(&seen, Level::Good).join("\n");
    for words in [
        "gate of main: 0.0.0.0:443 can be reached from every network",
        "console: 10.0.0.2:8444 can be reached from the local network",
        "good until 1970-04-01",
        "no Node-RED listens past the gate",
        "every address asks for a login",
        "nobody comes in with a password alone",
    ] {
        assert!(all.contains(words), "{words:?} is not said:\n{all}");
    }
    let same = all.matches("the certificate for").count();
    assert_eq!(same, 1, "one certificate on two doors is told once");
}

#[test]
fn another_way_to_a_node_red_is_to_be_mended() {
    for (address, user, words) in [
        ("127.0.0.1:1880", 0, "a Node-RED usually listens here"),
        ("[::]:1880", 1000, "a Node-RED usually listens here"),
        ("127.0.0.1:9999", 65_520, "Node-RED's user 65520 listens"),
        // The gate's own port at another address, held by Node-RED's user.
        ("127.0.0.2:443", 65_520, "Node-RED's user 65520 listens"),
    ] {
        let mut seen = good();
        seen.listeners.push(listener(address, user));
        one(&seen, words);
        let all = texts(&seen, Level::Good).join("\n");
        assert!(!all.contains("no Node-RED listens"), "{all}");
    }
    // Somebody else's program is told, and no fault of this installation; what only this machine
    // reaches is not even told.
    let mut seen = good();
    seen.listeners.push(listener("0.0.0.0:22", 0));
    seen.listeners.push(listener("127.0.0.1:5432", 100));
    look(&seen, "0.0.0.0:22 (user 0): another program");
    assert_eq!(texts(&seen, Level::Look).len(), 1);
}

#[test]
fn a_certificate_that_does_not_serve_is_to_be_mended() {
    let mut seen = good();
    seen.now = Timestamp(0).plus_seconds(90 * DAY);
    one(&seen, "ran out on 1970-04-01");
    seen.now = Timestamp(0).plus_seconds(76 * DAY);
    one(&seen, "should have been renewed");
    // A life of six days is not over at every look.
    let mut short = with_certificates(|it| {
        it.facts.not_after = it.facts.not_before.plus_seconds(6 * DAY);
    });
    short.now = Timestamp(0).plus_seconds(4 * DAY);
    assert_eq!(texts(&short, Level::Mend), Vec::<String>::new());
    one(
        &with_certificates(|it| drop(it.facts.names.pop())),
        "console: the certificate is not for keep.pump.example, only for pump.example",
    );
    let mut seen = good();
    seen.doors[0].certificate = Some(Err("connection refused".to_owned()));
    one(
        &seen,
        "gate of main: it showed no certificate: connection refused",
    );
    let mut seen = good();
    let renewal = (
        "pump.example".to_owned(),
        "the name does not resolve".to_owned(),
    );
    seen.renewals.push(renewal);
    one(&seen, "the authority gave no certificate for pump.example");
}

#[test]
fn who_vouches_for_it_is_told() {
    look(
        &with_certificates(|it| it.trust = Trust::Own),
        "Redkeep's own authority",
    );
    look(
        &with_certificates(|it| it.trust = Trust::Nobody),
        "this machine does not trust",
    );
}

#[test]
fn a_wildcard_stands_for_one_label() {
    assert!(covers("*.example", "A.example") && covers("a.example", "A.Example"));
    assert!(!covers("*.example", "a.b.example") && !covers("*.example", "example"));
}

#[test]
fn what_is_open_and_whose_word_is_taken_is_told() {
    let mut seen = good();
    seen.open.push(Open {
        what: "endpoints below /hook".to_owned(),
        from: "anywhere".to_owned(),
        by: "access rule 1".to_owned(),
    });
    look(
        &seen,
        "from anywhere: endpoints below /hook (access rule 1)",
    );
    let mut seen = good();
    seen.believed.push("10.0.0.7/32".parse().unwrap());
    look(&seen, "is believed: 10.0.0.7/32");
    seen.believed.push("::/0".parse().unwrap());
    one(&seen, "anybody may say where they come from");
}

#[test]
fn who_comes_in_how_is_told() {
    let mut seen = good();
    seen.people.push(person("bob", false));
    one(&seen, "a password alone lets in: bob");
    // Where the role needs a passkey the password lets nobody in, and bob is shut out.
    seen.passkey_required.push(Role::Reviewer);
    look(&seen, "they have none: ann, bob");
    seen.people.clear();
    look(&seen, "nobody can log in yet");
    // A typing error is told before anybody comes, too.
    seen.unknown_roles.push("reviever".to_owned());
    one(&seen, "names a role that there is none of: reviever");
    seen.people = good().people;
    one(&seen, "names a role that there is none of: reviever");
}

#[test]
fn a_console_for_everybody_is_told_unless_a_rule_says_who_comes() {
    let mut seen = good();
    seen.listeners[1].address.set_ip("0.0.0.0".parse().unwrap());
    look(
        &seen,
        "console: 0.0.0.0:8444 can be reached from every network",
    );
    seen.console_rules
        .push("rule 1: from office, whoever is logged in".to_owned());
    assert_eq!(texts(&seen, Level::Look), Vec::<String>::new());
    let all = texts(&seen, Level::Good).join("\n");
    assert!(all.contains("who is let in: rule 1: from office"), "{all}");
}

#[test]
fn a_door_nobody_opened_and_a_redkeep_that_is_not_running_are_told() {
    let mut seen = good();
    seen.is_running = false;
    seen.listeners.clear();
    look(&seen, "Redkeep is not running");
    look(&seen, "gate of main: nothing listens on port 443");
}

#[test]
fn whether_browsers_come_by_https_alone_is_told_with_what_to_do() {
    let said = |setting, max_age_seconds, is_trial| {
        let mut seen = good();
        seen.strict = Strict {
            setting,
            max_age_seconds,
            is_trial,
        };
        let said = points(&seen).into_iter();
        let said = said.filter(|it| it.text.contains("by HTTPS alone"));
        let said: Vec<_> = said.map(|it| (it.level, it.text, it.way)).collect();
        assert_eq!(said.len(), 1, "{said:?}");
        said.into_iter().next().unwrap()
    };
    let (level, text, _) = said(Wish::Auto, Some(30 * 86_400), true);
    assert!(level == Level::Good && text.contains("days: 30"), "{text}");
    let (level, text, _) = said(Wish::Auto, None, true);
    assert!(
        level == Level::Good && text.contains("after a day"),
        "{text}"
    );
    for (setting, seconds, word) in [
        (Wish::Auto, None, "own-too"),
        (Wish::Off, Some(0), "until everybody"),
        (Wish::Off, None, "leave `hsts` out"),
    ] {
        let (level, text, way) = said(setting, seconds, false);
        assert_eq!(level, Level::Look, "{text}");
        assert!(way.as_ref().unwrap().contains(word), "{way:?}");
    }
}
