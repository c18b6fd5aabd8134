use proptest::prelude::*;

use super::*;
use crate::route::{Endpoints, classify};

fn class(method: &str, path: &str) -> Option<Class> {
    let target = Target::parse(&path.parse().ok()?).ok()?;
    let method: Method = method.parse().unwrap();
    Some(classify(
        &method,
        false,
        &target,
        &Endpoints::default(),
        |_, _| false,
    ))
}

#[test]
fn every_route_of_node_red_has_its_class() {
    use Class::{Asset, Comms, Effect as E, Login as L, Page, Read, Unknown, UnknownRead};
    let id = || "x".to_owned();
    let rows = [
        ("GET", "/", Page),
        ("HEAD", "/", Page),
        ("GET", "/comms", Comms),
        ("GET", "/red/red.min.js", Asset),
        ("GET", "/vendor/monaco/dist/editor.js", Asset),
        ("GET", "/types/node/index.d.ts", Asset),
        ("GET", "/favicon.ico", Asset),
        ("GET", "/theme", Read(View::Catalogue)),
        ("GET", "/theme/css/x.css", Asset),
        ("GET", "/locales/editor", Read(View::EditorTexts)),
        ("GET", "/locales/@a/b", Read(View::Catalogue)),
        ("GET", "/icons", Read(View::Catalogue)),
        ("GET", "/icons/@a/b/c.svg", Asset),
        ("GET", "/resources/@a/b/c.js", Asset),
        ("GET", "/debug/view/view.html", Asset),
        ("GET", "/auth/login", L(Login::Describe)),
        ("POST", "/auth/revoke", L(Login::Revoke)),
        ("GET", "/settings", Read(View::Settings)),
        ("GET", "/settings/user", Read(View::Plain)),
        ("POST", "/settings/user", Class::Write(Write::UserSettings)),
        ("GET", "/flows", Read(View::Plain)),
        ("POST", "/flows", Class::Change(Change::Flows)),
        ("GET", "/flows/state", Read(View::Plain)),
        ("GET", "/flow/global", Read(View::Plain)),
        ("POST", "/flow", Class::Change(Change::AddFlow)),
        ("PUT", "/flow/x", Class::Change(Change::UpdateFlow(id()))),
        ("DELETE", "/flow/x", Class::Change(Change::RemoveFlow(id()))),
        ("GET", "/nodes", Read(View::Catalogue)),
        ("POST", "/nodes", Class::Change(Change::Palette)),
        ("GET", "/nodes/messages", Read(View::Catalogue)),
        ("GET", "/nodes/@a/b/c/messages", Read(View::Plain)),
        ("GET", "/nodes/@a/b", Read(View::Plain)),
        ("PUT", "/nodes/@a/b/c", Class::Change(Change::Palette)),
        ("DELETE", "/nodes/x", Class::Change(Change::Palette)),
        ("GET", "/plugins", Read(View::Plugins)),
        ("GET", "/plugins/messages", Read(View::Catalogue)),
        ("GET", "/plugins/@a/b/c", Read(View::Plain)),
        ("GET", "/context/global", Read(View::Context)),
        ("GET", "/context/global/a/b", Read(View::Context)),
        ("GET", "/context/node/x/key", Read(View::Context)),
        ("DELETE", "/context/flow/x/key", E(Effect::Context)),
        ("DELETE", "/context/global/key", E(Effect::Context)),
        ("GET", "/credentials/mqtt-broker/x", Read(View::Credentials)),
        ("GET", "/library/local/flows", Read(View::Plain)),
        (
            "POST",
            "/library/local/flows/a/b",
            Class::Write(Write::Library),
        ),
        ("GET", "/diagnostics", Read(View::Diagnostics)),
        ("POST", "/inject/x", E(Effect::Inject(id()))),
        ("POST", "/debug/enable", E(Effect::DebugMany)),
        ("POST", "/debug/x/disable", E(Effect::Debug(id()))),
        ("GET", "/udp-ports/x", Read(View::Plain)),
        ("GET", "/my-node/x", UnknownRead),
        ("POST", "/my-node/x", Unknown),
        ("PATCH", "/my-node/x", Unknown),
    ];
    for (method, path, expected) in rows {
        assert_eq!(
            class(method, path).as_ref(),
            Some(&expected),
            "{method} {path}"
        );
    }
}

#[test]
fn some_things_are_never_done() {
    for (method, path) in [
        ("POST", "/flows/state"),
        ("GET", "/projects"),
        ("PUT", "/projects/x"),
        ("POST", "/projects"),
        ("GET", "/settings/user/keys"),
        ("DELETE", "/settings/user/keys/x"),
        ("POST", "/auth/token"),
        ("GET", "/auth/strategy/callback"),
        ("PUT", "/flows"),
        ("PATCH", "/flow/x"),
        ("POST", "/flow/x"),
        ("DELETE", "/context/global"),
        ("DELETE", "/context/flow/x"),
        ("POST", "/debug/x"),
        ("GET", "/.redkeep/x"),
        ("POST", "/settings"),
        ("OPTIONS", "/flows"),
        ("POST", "/library/local/flows"),
    ] {
        assert!(
            matches!(class(method, path), Some(Class::Never(_))),
            "{method} {path}"
        );
    }
}

#[test]
fn dressed_up_paths_are_the_same_route() {
    for path in [
        "/flows",
        "/flows/",
        "/Flows",
        "/FLOWS/",
        "/%66lows",
        "/f%6cows/",
        "/flows?x=1",
    ] {
        assert_eq!(
            class("POST", path),
            Some(Class::Change(Change::Flows)),
            "{path}"
        );
    }
    for path in [
        "//flows",
        "/./flows",
        "/flows;x",
        "/flows%2f",
        "/a/../flows",
        "/%2e/flows",
        "/flows%00",
    ] {
        assert_eq!(class("POST", path), None, "{path}");
    }
    for path in ["/PROJECTS/x", "/Settings/User/Keys/x", "/%70rojects"] {
        assert!(
            matches!(class("POST", path), Some(Class::Never(_))),
            "{path}"
        );
    }
}

/// Express' own routes that write, as regular expressions would have them: literal parts without
/// regard to case, one trailing slash forgiven, parameters of one raw segment or more.
fn express_writes(method: &str, raw_path: &str) -> bool {
    let lower = raw_path.to_ascii_lowercase();
    let path = lower.strip_suffix('/').unwrap_or(&lower);
    let under = |prefix: &str| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty())
    };
    match method {
        "POST" => {
            matches!(
                path,
                "/flows"
                    | "/flow"
                    | "/nodes"
                    | "/flows/state"
                    | "/settings/user"
                    | "/auth/token"
                    | "/auth/revoke"
            ) || under("/inject/")
                || under("/debug/")
                || under("/library/")
        }
        "PUT" => under("/flow/") || under("/nodes/"),
        "DELETE" => under("/flow/") || under("/nodes/") || under("/context/"),
        _ => false,
    }
}

/// Paths near those that matter, in every dress.
fn paths() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("flows"),
        Just("FLOWS"),
        Just("flow"),
        Just("%66low"),
        Just("nodes"),
        Just("inject"),
        Just("debug"),
        Just("enable"),
        Just("projects"),
        Just("settings"),
        Just("user"),
        Just("keys"),
        Just("context"),
        Just("global"),
        Just("state"),
        Just("library"),
        Just("@a"),
        Just("x"),
        Just("."),
        Just(".."),
        Just(""),
        Just("%2e"),
        Just("%2f"),
        Just("%2F"),
        Just("%5c"),
        Just("flows;x"),
        Just("flows%3b"),
        Just("%00"),
        Just("%2566lows"),
        Just("%c3%a4"),
    ];
    (proptest::collection::vec(word, 0..5), any::<bool>())
        .prop_map(|(words, slash)| format!("/{}{}", words.join("/"), if slash { "/" } else { "" }))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// What is forwarded as it is can never be what Express takes for a write.
    #[test]
    fn nothing_forwarded_as_a_read_is_a_write(path in paths(), method in prop_oneof![
        Just("GET"), Just("HEAD"), Just("POST"), Just("PUT"), Just("DELETE"), Just("PATCH"),
    ]) {
        let Some(class) = class(method, &path) else { return Ok(()) };
        let forwarded = Target::parse(&path.parse().unwrap()).unwrap();
        let passes = matches!(
            class,
            Class::Page | Class::Asset | Class::Read(_) | Class::UnknownRead | Class::Endpoint | Class::Allowed
        );
        if passes {
            prop_assert!(!express_writes(method, forwarded.path()), "{method} {path} → {}", forwarded.path());
            prop_assert!(matches!(method, "GET" | "HEAD"));
        }
        // And every write of Express is held, whatever it is dressed as.
        if express_writes(method, forwarded.path()) {
            prop_assert!(!passes);
            prop_assert!(!matches!(class, Class::Unknown), "{method} {path} is known to Node-RED");
        }
    }

    /// Reading what is forwarded once more gives the same: there is one reading.
    #[test]
    fn what_is_forwarded_reads_the_same(path in "/[ -~]{0,40}") {
        let Ok(uri) = path.parse() else { return Ok(()) };
        let Ok(target) = Target::parse(&uri) else { return Ok(()) };
        let again = Target::parse(&target.path_and_query().parse().unwrap());
        prop_assert_eq!(again, Ok(target));
    }
}
