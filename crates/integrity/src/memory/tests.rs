use super::*;

const BASE: &str = r#"[{"id":"t1","type":"tab","label":"Pump"}]"#;

fn bent(label: &str) -> String {
    BASE.replace("Pump", label)
}

fn difference_in(looked: &Looked) -> &Difference {
    match looked {
        Looked::Different(difference) => difference,
        other => panic!("{other:?}"),
    }
}

/// Looks twice, as whoever is unsure does.
fn twice(watch: &mut MemoryWatch, running: &str) -> Looked {
    match watch.look(BASE, Ok(running.as_bytes())) {
        Looked::Unsure => watch.look(BASE, Ok(running.as_bytes())),
        looked => looked,
    }
}

#[test]
fn what_runs_is_equal_whatever_its_spaces_and_credentials() {
    let mut watch = MemoryWatch::default();
    let equal = Looked::Equal { again: false };
    assert_eq!(watch.look(BASE, Ok(BASE.as_bytes())), equal);
    let spaced = r#"[ {"id": "t1", "type":"tab", "label":"Pump", "credentials":{"p":"s3cret"}} ]"#;
    assert_eq!(watch.look(BASE, Ok(spaced.as_bytes())), equal);
}

#[test]
fn a_difference_is_told_once_it_is_seen_twice_and_recorded_once() {
    let mut watch = MemoryWatch::default();
    let other = bent("Smuggled");
    assert_eq!(watch.look(BASE, Ok(other.as_bytes())), Looked::Unsure);
    let looked = watch.look(BASE, Ok(other.as_bytes()));
    let found = difference_in(&looked);
    assert!(
        found.is_new && found.what.ends_with("changes the tab Smuggled"),
        "{found:?}"
    );
    assert_eq!(found.digest, Hash::of(other.as_bytes()));
    let looked = watch.look(BASE, Ok(other.as_bytes()));
    assert!(!difference_in(&looked).is_new);
    assert_eq!(
        watch.look(BASE, Ok(BASE.as_bytes())),
        Looked::Equal { again: true }
    );
    assert_eq!(
        watch.look(BASE, Ok(BASE.as_bytes())),
        Looked::Equal { again: false }
    );
    // Bent to the same once more: shown, and no second row.
    assert!(!difference_in(&twice(&mut watch, &other)).is_new);
}

#[test]
fn a_reload_under_way_is_no_difference() {
    let mut watch = MemoryWatch::default();
    assert_eq!(watch.look(BASE, Ok(b"[]")), Looked::Unsure);
    assert_eq!(
        watch.look(BASE, Ok(BASE.as_bytes())),
        Looked::Equal { again: false }
    );
    assert_eq!(watch.look(BASE, Ok(b"[]")), Looked::Unsure);
    watch.forget_suspicion();
    assert_eq!(watch.look(BASE, Ok(b"[]")), Looked::Unsure);
}

#[test]
fn a_moved_baseline_is_what_counts() {
    let mut watch = MemoryWatch::default();
    let next = bent("Next");
    twice(&mut watch, &next);
    assert_eq!(
        watch.look(&next, Ok(next.as_bytes())),
        Looked::Equal { again: true }
    );
}

#[test]
fn a_flow_that_differs_at_every_look_neither_hides_nor_fills_the_record() {
    let mut watch = MemoryWatch::default();
    // Never the same twice, from the first look on.
    assert_eq!(watch.look(BASE, Ok(bent("0").as_bytes())), Looked::Unsure);
    let told = (1..100)
        .filter(|turn| {
            let looked = watch.look(BASE, Ok(bent(&turn.to_string()).as_bytes()));
            difference_in(&looked).is_new
        })
        .count();
    assert_eq!(told, TOLD_MAX);
}

#[test]
fn silence_and_nonsense_are_differences() {
    let mut watch = MemoryWatch::default();
    assert_eq!(watch.look(BASE, Err("it hung up")), Looked::Unsure);
    assert_eq!(watch.look(BASE, Err("it hung up")), Looked::Unsure);
    let looked = watch.look(BASE, Err("it hung up"));
    assert!(difference_in(&looked).what.ends_with("it hung up"));
    let mut watch = MemoryWatch::default();
    let looked = twice(&mut watch, "{\"flows\":1}");
    assert!(difference_in(&looked).what.contains("cannot be read"));
}
