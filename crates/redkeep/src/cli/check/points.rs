//! From what was seen to what an administrator should know. Pure, so that it can be tested.

mod certificates;
mod doors;
mod logins;

use model::{access::Role, clock::Timestamp, hsts::Wish};
use serde::Serialize;

use super::listeners::Listener;

/// What the console's door is called.
pub(super) const CONSOLE: &str = "console";

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Good,
    /// Right or wrong: somebody has to know.
    Look,
    /// To be mended.
    Mend,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum About {
    Doors,
    Certificates,
    Listeners,
    Paths,
    Proxies,
    Logins,
}

/// One thing an administrator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Point {
    pub(super) level: Level,
    pub(super) about: About,
    pub(super) text: String,
    /// What to do.
    pub(super) way: Option<String>,
}

impl Point {
    fn good(about: About, text: impl Into<String>) -> Self {
        Self::new(Level::Good, about, text, None)
    }

    fn look(about: About, text: impl Into<String>, way: Option<&str>) -> Self {
        Self::new(Level::Look, about, text, way)
    }

    /// What is to be mended says how.
    fn mend(about: About, text: impl Into<String>, way: &str) -> Self {
        Self::new(Level::Mend, about, text, Some(way))
    }

    fn new(level: Level, about: About, text: impl Into<String>, way: Option<&str>) -> Self {
        Self {
            level,
            about,
            text: text.into(),
            way: way.map(str::to_owned),
        }
    }
}

/// Who vouches for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Redkeep's own authority.
    Own,
    /// An authority this machine trusts, as others do.
    Machine,
    /// None that is known here.
    Nobody,
}

/// The certificate a door shows to everybody who connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) facts: acme::Facts,
    pub(super) trust: Trust,
}

/// A listener of Redkeep's.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) what: String,
    /// The host name people type; empty for a door nobody types.
    pub(super) name: String,
    pub(super) port: u16,
    /// What it shows, or why it showed nothing; none when it was not asked.
    pub(super) certificate: Option<Result<Shown, String>>,
}

impl Door {
    pub(super) fn new(what: String, name: String, port: u16) -> Self {
        Self {
            what,
            name,
            port,
            certificate: None,
        }
    }

    /// The door at an origin.
    pub(super) fn of(what: String, origin: &str) -> Option<Self> {
        let uri: http::Uri = origin.parse().ok()?;
        let name = uri.host()?.trim_matches(['[', ']']).to_owned();
        Some(Self::new(what, name, uri.port_u16().unwrap_or(443)))
    }

    /// Whether a listener is at its port.
    pub(super) fn is(&self, listener: &Listener) -> bool {
        self.port == listener.address.port()
    }
}

/// Something that asks for no login.
#[derive(Debug, Clone)]
pub(super) struct Open {
    pub(super) what: String,
    pub(super) from: String,
    /// What opened it.
    pub(super) by: String,
}

#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) has_second_factor: bool,
    pub(super) has_passkey: bool,
}

/// What browsers are told about HTTPS (HSTS).
#[derive(Debug, Clone, Copy)]
pub(super) struct Strict {
    pub(super) setting: Wish,
    pub(super) max_age_seconds: Option<u64>,
    /// A certificate that clients trust serves, not yet for a day.
    pub(super) is_trial: bool,
}

/// Everything that was seen.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) is_running: bool,
    pub(super) doors: Vec<Door>,
    pub(super) open: Vec<Open>,
    /// What rules say about the console, in words.
    pub(super) console_rules: Vec<String>,
    pub(super) listeners: Vec<Listener>,
    /// Users Node-RED runs as; none where it runs as Redkeep's own.
    pub(super) node_users: Vec<u32>,
    pub(super) own_user: u32,
    /// Certificates an authority was asked for and why it did not give them.
    pub(super) renewals: Vec<(String, String)>,
    pub(super) strict: Strict,
    /// The certificate is the operator's own, from files.
    pub(super) has_own_files: bool,
    /// A certificate authority is asked for certificates.
    pub(super) has_authority: bool,
    /// Whose word about a client's address is taken.
    pub(super) believed: Vec<ipnet::IpNet>,
    pub(super) people: Vec<Person>,
    pub(super) passkey_required: Vec<Role>,
    /// Roles the configuration names and there are none of.
    pub(super) unknown_roles: Vec<String>,
    pub(super) now: Timestamp,
}

/// What there is to know, in the order of a walk from the outside in.
pub(super) fn points(seen: &Seen) -> Vec<Point> {
    let mut points = doors::doors(seen);
    points.extend(certificates::certificates(seen));
    points.extend(doors::other_ways(seen));
    points.extend(paths(seen));
    points.extend(proxies(seen));
    points.extend(logins::logins(seen));
    points
}

fn paths(seen: &Seen) -> Vec<Point> {
    if seen.open.is_empty() {
        return vec![Point::good(About::Paths, "every address asks for a login")];
    }
    let open = seen.open.iter();
    open.map(|it| {
        let text = format!("open without a login, from {}: {} ({})", it.from, it.what, it.by);
        let way = "if nobody needs it, take it out: in the console under Access or the instance's Settings, or by `redkeep access set`";
        Point::look(About::Paths, text, Some(way))
    })
    .collect()
}

fn proxies(seen: &Seen) -> Option<Point> {
    if seen.believed.is_empty() {
        return None;
    }
    let about = About::Proxies;
    if seen.believed.iter().any(|it| it.prefix_len() == 0) {
        let text = "anybody may say where they come from: [proxies] trusts every address";
        let way = "name the proxy's own address under [proxies] trusted; limits and networks mean nothing until then";
        return Some(Point::mend(about, text, way));
    }
    let trusted: Vec<String> = seen.believed.iter().map(ToString::to_string).collect();
    let text = format!(
        "what these say about where a client comes from is believed: {}",
        trusted.join(", ")
    );
    Some(Point::look(about, text, None))
}

#[cfg(test)]
mod tests;
