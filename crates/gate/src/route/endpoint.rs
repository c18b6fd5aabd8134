//! What the flows themselves offer over HTTP: http-in nodes, WebSocket listeners, dashboards.
//!
//! Read from the baseline, never asked of Node-RED: code inside could claim any route.

use std::collections::{HashMap, HashSet};

use http::Method;
use model::{
    flow::{Flows, NodeRef},
    rules::Area,
};
use serde_json::{Map, Value};

use super::Target;

/// Rules kept at most; flows with more http-in nodes than this are served by the first ones.
const RULES_MAX: usize = 5000;

/// The endpoints of one baseline, and the nodes effects may name.
#[derive(Debug, Default)]
pub struct Endpoints {
    rules: Vec<Rule>,
    /// Which, and the segments of where it lives.
    dashboards: Vec<(Area, Vec<String>)>,
    /// Inject nodes with their deployed properties.
    injects: HashMap<String, Value>,
    debugs: HashSet<String>,
}

#[derive(Debug)]
struct Rule {
    /// None: a WebSocket.
    method: Option<String>,
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    One,
    Optional,
    Rest,
}

impl Endpoints {
    /// The endpoints these flows make.
    pub fn of(flows: &Flows) -> Self {
        let mut endpoints = Self::default();
        let is_off = |node: &NodeRef<'_>| {
            let properties = node.properties();
            flag(&properties, "disabled") || flag(&properties, "d")
        };
        let off: HashSet<&str> = flows
            .nodes()
            .filter(|node| matches!(node.kind(), "tab" | "subflow") && is_off(node))
            .map(|node| node.id())
            .collect();
        for node in flows.nodes() {
            let on_off_tab = node.tab().is_some_and(|tab| off.contains(tab));
            if !on_off_tab {
                endpoints.add(&node);
            }
        }
        endpoints
    }

    fn add(&mut self, node: &NodeRef<'_>) {
        let kind = node.kind();
        if kind.starts_with("ui_") {
            // Dashboard 1 without a setting of its own lives at /ui.
            self.dashboard(Area::Dashboard1, "/ui");
            return;
        }
        if !matches!(
            kind,
            "http in" | "websocket-listener" | "ui-base" | "inject" | "debug"
        ) {
            return;
        }
        let properties = node.properties();
        if flag(&properties, "d") {
            return;
        }
        let text = |key: &str| properties.get(key).and_then(Value::as_str).unwrap_or("");
        match kind {
            "http in" => self.rule(Some(text("method").to_ascii_uppercase()), text("url")),
            "websocket-listener" => self.rule(None, text("path")),
            "ui-base" => {
                let path = text("path");
                let path = if path.is_empty() { "/dashboard" } else { path };
                self.dashboard(Area::Dashboard2, path);
            }
            "inject" => {
                let props = properties.get("props").cloned().unwrap_or(Value::Null);
                self.injects.insert(node.id().to_owned(), props);
            }
            _ => {
                self.debugs.insert(node.id().to_owned());
            }
        }
    }

    fn rule(&mut self, method: Option<String>, url: &str) {
        let parts = parts(url);
        if !parts.is_empty() && self.rules.len() < RULES_MAX {
            self.rules.push(Rule { method, parts });
        }
    }

    fn dashboard(&mut self, area: Area, path: &str) {
        let segments: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        // A dashboard at `/` would make everything its own; the editor stands there.
        let is_new = self.dashboards.iter().all(|(_, known)| *known != segments);
        if !segments.is_empty() && is_new {
            self.dashboards.push((area, segments));
        }
    }

    /// Which area an endpoint belongs to. What lies below a dashboard is the dashboard's, also where
    /// an http-in node answers there.
    pub fn area(&self, target: &Target) -> Area {
        self.dashboard_of(target).unwrap_or(Area::Endpoints)
    }

    fn dashboard_of(&self, target: &Target) -> Option<Area> {
        let segments = target.segments();
        let is_below = |(_, dashboard): &&(Area, Vec<String>)| {
            segments.len() >= dashboard.len()
                && dashboard
                    .iter()
                    .zip(segments)
                    .all(|(a, b)| b.eq_ignore_ascii_case(a))
        };
        // The longest: a dashboard may live below another.
        let below = self.dashboards.iter().filter(is_below);
        if let Some((area, _)) = below.max_by_key(|(_, segments)| segments.len()) {
            return Some(*area);
        }
        let is_socket = starts_with(segments, "socket.io");
        let areas = self.dashboards.iter().map(|(area, _)| *area);
        // Dashboard 1 has its socket below `/ui`; where both are, this one is the other's.
        is_socket.then(|| areas.max()).flatten()
    }

    /// Whether this request is for an endpoint.
    pub fn covers(&self, method: &Method, is_upgrade: bool, target: &Target) -> bool {
        let segments = target.segments();
        if self.dashboard_of(target).is_some() {
            return true;
        }
        self.rules.iter().any(|rule| {
            let by_method = match &rule.method {
                None => is_upgrade,
                Some(wanted) => !is_upgrade && takes(wanted, method),
            };
            by_method && rule.applies(method, is_upgrade) && fits(&rule.parts, segments)
        })
    }

    /// The deployed properties of an inject node; none when the id is no inject node's.
    pub fn inject(&self, id: &str) -> Option<&Value> {
        self.injects.get(id)
    }

    /// Whether the id is a debug node's (in a subflow's instance: its last part is).
    pub fn is_debug(&self, id: &str) -> bool {
        self.debugs.contains(id)
            || id
                .rsplit_once('-')
                .is_some_and(|(_, inner)| self.debugs.contains(inner))
    }
}

impl Rule {
    /// A pattern that begins with anything also covers admin routes of nodes that no table knows,
    /// so it counts only where nothing can be changed by it.
    fn applies(&self, method: &Method, is_upgrade: bool) -> bool {
        matches!(self.parts.first(), Some(Part::Literal(_)))
            || (!is_upgrade && matches!(*method, Method::GET | Method::HEAD))
    }
}

fn takes(wanted: &str, method: &Method) -> bool {
    match method.as_str() {
        "HEAD" => wanted == "GET",
        // Node-RED answers a browser's preflight for every http-in with `httpNodeCors`.
        "OPTIONS" => true,
        method => wanted == method,
    }
}

fn starts_with(segments: &[String], literal: &str) -> bool {
    segments
        .first()
        .is_some_and(|segment| segment.eq_ignore_ascii_case(literal))
}

fn flag(properties: &Map<String, Value>, key: &str) -> bool {
    properties
        .get(key)
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

/// An Express pattern (path-to-regexp 0.1), read generously within a segment: what it may match
/// is an endpoint and asks for a login; it never widens who may.
fn parts(url: &str) -> Vec<Part> {
    url.split('/')
        .filter(|part| !part.is_empty())
        .map(|part| {
            if part.contains('*') || part.contains('(') {
                Part::Rest
            } else if part.contains('?') {
                Part::Optional
            } else if part.contains([':', '+', '$']) {
                Part::One
            } else {
                Part::Literal(part.to_owned())
            }
        })
        .collect()
}

fn fits(parts: &[Part], segments: &[String]) -> bool {
    let Some((first, rest)) = parts.split_first() else {
        return segments.is_empty();
    };
    match first {
        Part::Rest => true,
        Part::One => !segments.is_empty() && fits(rest, &segments[1..]),
        Part::Optional => {
            fits(rest, segments) || (!segments.is_empty() && fits(rest, &segments[1..]))
        }
        Part::Literal(literal) => {
            let same = segments
                .first()
                .is_some_and(|segment| segment.eq_ignore_ascii_case(literal));
            same && fits(rest, &segments[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use model::flow::Limits;

    use super::*;

    fn endpoints(flows: &str) -> Endpoints {
        Endpoints::of(
            &Flows::submitted(flows.as_bytes(), &Limits::default())
                .unwrap()
                .flows,
        )
    }

    fn covers(endpoints: &Endpoints, method: &Method, is_upgrade: bool, path: &str) -> bool {
        let target = Target::parse(&path.parse().unwrap()).unwrap();
        endpoints.covers(method, is_upgrade, &target)
    }

    #[test]
    fn endpoints_come_from_the_flows() {
        let endpoints = endpoints(
            r#"[{"id":"t","type":"tab"},{"id":"u","type":"tab","disabled":true},
            {"id":"a","type":"http in","z":"t","url":"/api/pump/:id","method":"post"},
            {"id":"b","type":"http in","z":"u","url":"/off","method":"get"},
            {"id":"c","type":"http in","z":"t","url":"/files/*","method":"get"},
            {"id":"d","type":"websocket-listener","path":"/ws/live"},
            {"id":"e","type":"ui-base","path":"/dashboard"},
            {"id":"f","type":"http in","z":"t","url":"/gone","method":"get","d":true},
            {"id":"g","type":"inject","z":"t","props":[{"p":"payload"}]},
            {"id":"h","type":"debug","z":"t"}]"#,
        );
        for (method, is_upgrade, path, expected) in [
            (Method::POST, false, "/api/pump/3", true),
            (Method::POST, false, "/API/Pump/3/", true),
            (Method::GET, false, "/api/pump/3", false),
            (Method::POST, false, "/api/pump", false),
            (Method::POST, false, "/api/pump/3/x", false),
            (Method::GET, false, "/off", false),
            (Method::GET, false, "/gone", false),
            (Method::GET, false, "/files/a/b", true),
            (Method::GET, true, "/ws/live", true),
            (Method::GET, false, "/ws/live", false),
            (Method::POST, false, "/dashboard/socket.io/", true),
            (Method::GET, true, "/dashboard/socket.io/", true),
            (Method::GET, false, "/dashboards", false),
        ] {
            assert_eq!(
                covers(&endpoints, &method, is_upgrade, path),
                expected,
                "{method} {path}"
            );
        }
        assert!(endpoints.inject("g").is_some() && endpoints.inject("h").is_none());
        assert!(endpoints.is_debug("h") && endpoints.is_debug("x-h") && !endpoints.is_debug("g"));
    }

    #[test]
    fn a_catch_all_endpoint_opens_no_unknown_route() {
        let endpoints = endpoints(
            r#"[{"id":"a","type":"http in","url":"/*","method":"post"},
                {"id":"b","type":"http in","url":"/:any","method":"get"}]"#,
        );
        assert!(!covers(
            &endpoints,
            &Method::POST,
            false,
            "/some-node/command"
        ));
        assert!(covers(&endpoints, &Method::GET, false, "/page"));
    }
}
