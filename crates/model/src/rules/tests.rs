use std::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::{
    id::{SessionId, TokenId, UserId},
    principal::{Principal, Via},
};

fn principal(role: Role, via: Via) -> Principal {
    Principal {
        user: UserId(1),
        name: "ann".parse().unwrap(),
        role,
        via,
    }
}

fn session(role: Role) -> Principal {
    let session = SessionId(1);
    principal(role, Via::GateSession { session })
}

fn token(role: Role) -> Principal {
    let (token, scopes) = (TokenId(1), vec![crate::access::Scope::Admin]);
    principal(role, Via::Token { token, scopes })
}

fn rules(text: &str) -> AccessRules {
    let rules: AccessRules = serde_json::from_str(text).expect("rules");
    rules.check().expect("rules that can be kept");
    rules
}

/// A request, said shortly.
#[derive(Debug)]
struct Asked {
    instance: Option<InstanceId>,
    from: IpAddr,
    area: Area,
    segments: Vec<String>,
    method: &'static str,
    who: Option<Principal>,
}

impl Asked {
    fn new(from: &str, area: Area, path: &str, who: Option<Principal>) -> Self {
        let segments = path.split('/').filter(|it| !it.is_empty());
        Self {
            instance: Some("main".parse().unwrap()),
            from: from.parse().unwrap(),
            area,
            segments: segments.map(str::to_owned).collect(),
            method: "GET",
            who,
        }
    }

    fn of(&self, rules: &AccessRules) -> Decision {
        let facts = Facts {
            instance: self.instance.as_ref(),
            address: self.from,
            area: self.area,
            segments: &self.segments,
            method: self.method,
            principal: self.who.as_ref(),
            shown: &[],
        };
        rules.decide(&facts, &["/open".to_owned()])
    }
}

const PLANT: &str = r#"{
    "networks": {"office": ["10.1.0.0/16", "2001:db8:1::/48"], "panel": ["10.9.0.7/32"]},
    "rules": [
        {"from": ["panel"], "areas": ["dashboard-2"], "who": "public"},
        {"areas": ["endpoints"], "paths": ["/hook"], "methods": ["POST"], "who": "public",
         "bounds": {"requests_a_minute": 60}},
        {"areas": ["endpoints"], "paths": ["/machine"], "who": "token"},
        {"from": ["office"], "who": "login"},
        {"areas": ["dashboard-1", "dashboard-2", "sign-in"], "who": "login"},
        {"from": ["198.51.100.7"], "areas": ["editor"], "who": {"roles": ["administrator"]}},
        {"who": "nobody"}
    ]}"#;

#[test]
fn the_first_rule_that_covers_a_request_decides() {
    use Verdict::{Known, LogIn, Open, Refused};
    let rules = rules(PLANT);
    let (viewer, admin) = (session(Role::Viewer), session(Role::Administrator));
    let rows = [
        ("10.9.0.7", Area::Dashboard2, "/dashboard", None, Open, 1),
        ("10.9.0.8", Area::Dashboard2, "/dashboard", None, LogIn, 5),
        ("10.9.0.8", Area::Editor, "/", Some(&admin), Refused, 7),
        ("10.1.2.3", Area::Editor, "/", Some(&viewer), Known, 4),
        ("10.1.2.3", Area::Editor, "/", None, LogIn, 4),
        (
            "2001:db8:1::5",
            Area::AdminApi,
            "/flows",
            Some(&viewer),
            Known,
            4,
        ),
        (
            "2001:db8:2::5",
            Area::AdminApi,
            "/flows",
            Some(&viewer),
            Refused,
            7,
        ),
        ("198.51.100.7", Area::Editor, "/", Some(&viewer), Refused, 6),
        ("198.51.100.7", Area::Editor, "/", Some(&admin), Known, 6),
        ("198.51.100.7", Area::Editor, "/", None, LogIn, 6),
        (
            "198.51.100.8",
            Area::Endpoints,
            "/machine/x",
            Some(&admin),
            Refused,
            3,
        ),
        (
            "198.51.100.8",
            Area::Endpoints,
            "/machine/x",
            None,
            LogIn,
            3,
        ),
        // A GET is not the POST that rule 2 is for.
        ("198.51.100.8", Area::Endpoints, "/hook", None, Refused, 7),
    ];
    for (from, area, path, who, verdict, place) in rows {
        let decided = Asked::new(from, area, path, who.cloned()).of(&rules);
        let expected = (verdict, By::Rule(place));
        assert_eq!((decided.verdict, decided.by), expected, "{from} {path}");
    }
    let mut hook = Asked::new("198.51.100.8", Area::Endpoints, "/HOOK/a", None);
    hook.method = "POST";
    let decided = hook.of(&rules);
    assert_eq!(decided.verdict, Open);
    assert_eq!(
        decided.bounds.requests_a_minute.map(NonZeroU32::get),
        Some(60)
    );
    let by_token = Asked::new(
        "198.51.100.8",
        Area::Endpoints,
        "/machine",
        Some(token(Role::Viewer)),
    );
    assert_eq!(by_token.of(&rules).verdict, Known);
}

#[test]
fn without_rules_it_is_as_ever() {
    let rules = AccessRules::default();
    for area in Area::ALL {
        for (path, is_listed) in [("/open/x", true), ("/opening", false), ("/", false)] {
            let nobody = Asked::new("192.0.2.1", area, path, None).of(&rules);
            let is_open = is_listed && area.can_be_public();
            let expected = if is_open {
                Verdict::Open
            } else {
                Verdict::LogIn
            };
            assert_eq!(nobody.verdict, expected, "{area:?} {path}");
            let known = Asked::new("192.0.2.1", area, path, Some(session(Role::Viewer)));
            let expected = if is_open {
                Verdict::Open
            } else {
                Verdict::Known
            };
            assert_eq!(known.of(&rules).verdict, expected, "{area:?} {path}");
        }
    }
}

#[test]
fn rules_for_everything_leave_the_console_open() {
    let rules = rules(r#"{"rules": [{"who": "nobody"}]}"#);
    let admin = Some(session(Role::Administrator));
    let console = Asked::new("192.0.2.1", Area::Console, "/", admin.clone());
    assert_eq!(console.of(&rules).by, By::Default);
    let named = self::rules(
        r#"{"rules": [{"areas": ["console"], "from": ["10.0.0.0/8"], "who": "login"},
                      {"areas": ["console"], "who": "nobody"}]}"#,
    );
    assert_eq!(console.of(&named).verdict, Verdict::Refused);
    let inside = Asked::new("10.2.3.4", Area::Console, "/", admin);
    assert_eq!(inside.of(&named).verdict, Verdict::Known);
}

#[test]
fn get_covers_head_and_a_path_has_no_twin() {
    let rules =
        rules(r#"{"rules": [{"paths": ["/Hook!/x"], "methods": ["GET"], "who": "nobody"}]}"#);
    for (method, path, verdict) in [
        ("GET", "/hook!/x", Verdict::Refused),
        ("HEAD", "/HOOK!/X/y", Verdict::Refused),
        ("POST", "/hook!/x", Verdict::LogIn),
        ("GET", "/hook!/xy", Verdict::LogIn),
        ("GET", "/hook!", Verdict::LogIn),
    ] {
        let mut asked = Asked::new("192.0.2.1", Area::Endpoints, path, None);
        asked.method = method;
        assert_eq!(asked.of(&rules).verdict, verdict, "{method} {path}");
    }
}

#[test]
fn rules_that_say_nothing_clear_are_not_kept() {
    for (text, expected) in [
        (
            r#"{"rules": [{"from": ["office"], "who": "login"}]}"#,
            "office",
        ),
        (r#"{"rules": [{"who": "public"}]}"#, "everything"),
        (
            r#"{"rules": [{"areas": ["endpoints", "editor"], "who": "public"}]}"#,
            "editor",
        ),
        (
            r#"{"rules": [{"areas": ["admin-api"], "who": "public"}]}"#,
            "admin-api",
        ),
        (
            r#"{"rules": [{"areas": ["console"], "who": "public"}]}"#,
            "console",
        ),
        (
            r#"{"rules": [{"areas": ["console", "editor"], "who": "login"}]}"#,
            "console",
        ),
        (
            r#"{"rules": [{"areas": ["console"], "paths": ["/x"], "who": "login"}]}"#,
            "console",
        ),
        (r#"{"rules": [{"who": {"roles": []}}]}"#, "names none"),
        (r#"{"networks": {"office": []}}"#, "no addresses"),
    ] {
        let rules: AccessRules = serde_json::from_str(text).unwrap();
        let error = rules.check().expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    for text in [
        r#"{"rules": [{"who": "login", "from": ["Office!"]}]}"#,
        r#"{"rules": [{"who": "login", "paths": ["/a/../b"]}]}"#,
        r#"{"rules": [{"who": "login", "paths": ["/a%2fb"]}]}"#,
        r#"{"rules": [{"who": "login", "bounds": {"at_once": 0}}]}"#,
        r#"{"rules": [{"who": "login", "form": ["10.0.0.0/8"]}]}"#,
    ] {
        assert!(serde_json::from_str::<AccessRules>(text).is_err(), "{text}");
    }
}

#[test]
fn a_network_is_read_in_one_way() {
    let one = |text: &str| read_network(text).map(|net| net.to_string());
    assert_eq!(one("10.1.2.3/8").unwrap(), "10.0.0.0/8");
    assert_eq!(one(" 192.0.2.1 ").unwrap(), "192.0.2.1/32");
    assert_eq!(one("::ffff:10.0.0.0/104").unwrap(), "10.0.0.0/8");
    assert_eq!(one("::ffff:192.0.2.1").unwrap(), "192.0.2.1/32");
    assert_eq!(one("2001:db8::1/32").unwrap(), "2001:db8::/32");
    for bad in [
        "",
        "10",
        "10.0.0.0/33",
        "::ffff:0.0.0.0/90",
        "10.0.0.0/8,x",
        "a.b",
    ] {
        assert!(one(bad).is_err(), "{bad}");
    }
}

#[test]
fn rules_that_shut_out_their_author_are_known_before() {
    let here: IpAddr = "10.1.2.3".parse().unwrap();
    let console = Via::ConsoleSession {
        session: SessionId(1),
    };
    let admin = principal(Role::Administrator, console);
    let main = ["main".parse().unwrap()];
    let none = AccessRules::default();
    let lost = |after: &str| none.shuts_out(&rules(after), &main, &admin, here);
    for (after, expected) in [
        (
            r#"{"rules": [{"who": "nobody"}]}"#,
            vec!["the editor of main"],
        ),
        (
            r#"{"rules": [{"from": ["10.2.0.0/16"], "areas": ["console"], "who": "login"},
                {"areas": ["console"], "who": "nobody"}]}"#,
            vec!["the console"],
        ),
        (
            r#"{"rules": [{"areas": ["sign-in"], "who": "nobody"}]}"#,
            vec!["the editor of main"],
        ),
        (
            r#"{"rules": [{"areas": ["editor"], "who": "token"}]}"#,
            vec!["the editor of main"],
        ),
        (
            r#"{"rules": [{"areas": ["console"], "who": {"roles": ["auditor"]}}]}"#,
            vec!["the console"],
        ),
        (
            r#"{"rules": [{"from": ["10.2.0.0/16"], "who": "nobody"}]}"#,
            vec![],
        ),
        (
            r#"{"rules": [{"areas": ["endpoints"], "who": "nobody"}]}"#,
            vec![],
        ),
        (
            r#"{"rules": [{"instance": "other", "who": "nobody"}]}"#,
            vec![],
        ),
    ] {
        assert_eq!(lost(after), expected, "{after}");
    }
    // What they could not reach before they do not lose.
    let shut = rules(r#"{"rules": [{"who": "nobody"}]}"#);
    assert!(shut.shuts_out(&shut, &main, &admin, here).is_empty());
}

/// How far a verdict lets somebody in.
fn width(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Refused | Verdict::NoCertificate => 0,
        Verdict::LogIn | Verdict::Known => 1,
        Verdict::Open => 2,
    }
}

fn any_area() -> impl Strategy<Value = Area> {
    proptest::sample::select(Area::ALL.to_vec())
}

fn any_address() -> impl Strategy<Value = IpAddr> {
    // Few, so that rules and requests meet.
    let four = (0..4u8, 0..4u8).prop_map(|(a, b)| IpAddr::from([10, a, 0, b]));
    let six = (0..4u16).prop_map(|a| IpAddr::from([0x2001, 0xdb8, a, 0, 0, 0, 0, 1]));
    prop_oneof![four, six]
}

fn any_who() -> impl Strategy<Value = Who> {
    let roles = proptest::sample::subsequence(Role::ALL.to_vec(), 1..3);
    prop_oneof![
        Just(Who::Nobody),
        Just(Who::Login),
        Just(Who::Token),
        Just(Who::Public),
        roles.prop_map(|roles| Who::Roles(roles.into_iter().collect())),
    ]
}

fn any_segments() -> impl Strategy<Value = Vec<String>> {
    let word = proptest::sample::select(vec!["a", "B", "open", "flows"]);
    proptest::collection::vec(word.prop_map(str::to_owned), 0..3)
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let from = (any_address(), 0..=32u8).prop_map(|(address, prefix)| {
        let block = IpNet::new(address, prefix).expect("a short prefix");
        Source::Block(block.trunc())
    });
    let path = any_segments().prop_map(|it| format!("/{}", it.join("/")).parse().unwrap());
    (
        proptest::collection::vec(from, 0..2),
        proptest::collection::btree_set(any_area(), 0..3),
        proptest::collection::vec(path, 0..2),
        proptest::collection::btree_set(proptest::sample::select(Method::ALL.to_vec()), 0..2),
        any_who(),
    )
        .prop_map(|(from, areas, paths, methods, who)| Rule {
            signed_by: None,
            note: String::new(),
            instance: None,
            from,
            areas,
            paths,
            methods,
            who,
            bounds: Bounds::default(),
        })
}

fn any_asked() -> impl Strategy<Value = Asked> {
    let who = prop_oneof![
        Just(None),
        proptest::sample::select(Role::ALL.to_vec()).prop_map(|role| Some(session(role))),
        proptest::sample::select(Role::ALL.to_vec()).prop_map(|role| Some(token(role))),
    ];
    let method = proptest::sample::select(vec!["GET", "HEAD", "POST", "DELETE", "PROPFIND"]);
    (any_address(), any_area(), any_segments(), method, who).prop_map(
        |(from, area, segments, method, who)| Asked {
            instance: Some("main".parse().unwrap()),
            from,
            area,
            segments,
            method,
            who,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_denial_more_never_widens(
        some in proptest::collection::vec(any_rule(), 0..5),
        denial in any_rule(),
        place in 0..5usize,
        asked in any_asked(),
    ) {
        let before = AccessRules { rules: some, ..AccessRules::default() };
        let mut after = before.clone();
        let place = place.min(after.rules.len());
        after.rules.insert(place, Rule { who: Who::Nobody, ..denial });
        let (before, after) = (asked.of(&before), asked.of(&after));
        prop_assert!(width(after.verdict) <= width(before.verdict));
    }

    #[test]
    fn nothing_that_changes_or_shows_flows_is_ever_open(
        some in proptest::collection::vec(any_rule(), 0..5),
        asked in any_asked(),
    ) {
        let decided = asked.of(&AccessRules { rules: some, ..AccessRules::default() });
        prop_assert!(decided.verdict != Verdict::Open || asked.area.can_be_public());
        prop_assert!(decided.verdict != Verdict::Known || asked.who.is_some());
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address(
        some in proptest::collection::vec(any_rule(), 0..5),
        asked in any_asked(),
    ) {
        let rules = AccessRules { rules: some, ..AccessRules::default() };
        let mut twin = Asked { who: asked.who.clone(), segments: asked.segments.clone(),
            instance: asked.instance.clone(), ..asked };
        if let IpAddr::V4(four) = asked.from {
            twin.from = IpAddr::V6(four.to_ipv6_mapped());
        }
        prop_assert_eq!(asked.of(&rules), twin.of(&rules));
    }

    #[test]
    fn rules_are_kept_as_they_were_written(some in proptest::collection::vec(any_rule(), 0..5)) {
        let rules = AccessRules { rules: some, ..AccessRules::default() };
        let text = serde_json::to_string(&rules).unwrap();
        prop_assert_eq!(serde_json::from_str::<AccessRules>(&text).unwrap(), rules);
    }
}

#[test]
fn a_device_comes_in_by_its_certificate_and_nobody_else_does() {
    let rules: AccessRules = serde_json::from_str(
        r#"{"rules": [
            {"areas": ["endpoints"], "paths": ["/pump"],
             "who": {"certificate": {"authority": "plant", "name": "pump-3"}}},
            {"areas": ["endpoints"], "who": {"certificate": {"authority": "plant"}}}]}"#,
    )
    .unwrap();
    rules.check().unwrap();
    let shown = |authority: &str, names: &[&str]| Shown {
        authority: authority.to_owned(),
        names: names.iter().map(|it| (*it).to_owned()).collect(),
    };
    let verdict = |path: &str, area, shown: &[Shown]| {
        let facts = Facts {
            instance: None,
            address: "10.0.0.1".parse().unwrap(),
            area,
            segments: &[path.to_owned()],
            method: "GET",
            principal: None,
            shown,
        };
        rules.decide(&facts, &[]).verdict
    };
    let pump = [shown("plant", &["Pump 3", "pump-3"])];
    assert_eq!(verdict("pump", Area::Endpoints, &pump), Verdict::Open);
    assert_eq!(verdict("valve", Area::Endpoints, &pump), Verdict::Open);
    for other in [
        vec![],
        vec![shown("plant", &["pump-33"])],
        vec![shown("office", &["pump-3"])],
    ] {
        assert_eq!(
            verdict("pump", Area::Endpoints, &other),
            Verdict::NoCertificate
        );
    }
    // It opens nothing by which flows are read or changed.
    assert_eq!(verdict("pump", Area::AdminApi, &pump), Verdict::LogIn);
    let refused = |text: &str| {
        let rule: Rule = serde_json::from_str(text).unwrap();
        let rules = AccessRules {
            rules: vec![rule],
            ..AccessRules::default()
        };
        rules.check().unwrap_err()
    };
    let wrong = r#"{"areas": ["editor"], "who": {"certificate": {"authority": "plant"}}}"#;
    assert!(matches!(refused(wrong), RulesError::NotPublic { .. }));
    let wrong = r#"{"areas": ["endpoints"], "who": {"certificate": {"authority": "Plant 1"}}}"#;
    assert_eq!(refused(wrong), RulesError::Certificate(1));
}

#[test]
fn a_signature_is_asked_of_endpoints_alone_and_comes_with_the_decision() {
    let check = |text: &str| {
        let rule: Rule = serde_json::from_str(text).unwrap();
        let rules = AccessRules {
            rules: vec![rule],
            ..AccessRules::default()
        };
        rules.check().map(|()| rules)
    };
    let good = r#"{"areas": ["endpoints"], "who": "public",
                   "signed_by": {"header": "x-signature", "secret": "shop"}}"#;
    let rules = check(good).unwrap();
    let decided = Asked::new("10.0.0.1", Area::Endpoints, "/hook", None).of(&rules);
    assert_eq!(decided.verdict, Verdict::Open);
    assert_eq!(decided.signed_by, rules.rules[0].signed_by);
    for wrong in [
        good.replace("endpoints", "dashboard-1"),
        good.replace(r#"["endpoints"]"#, r#"["endpoints", "dashboard-1"]"#),
        good.replace("x-signature", "X Signature"),
        good.replace("shop", "Shop"),
    ] {
        assert_eq!(
            check(&wrong).unwrap_err(),
            RulesError::Signature(1),
            "{wrong}"
        );
    }
}
