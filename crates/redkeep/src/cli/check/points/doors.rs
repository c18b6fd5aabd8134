//! Redkeep's own listeners, and those of others.

use super::{About, CONSOLE, Door, Point, Seen};
use crate::cli::check::listeners::{Listener, Reach};

/// Where Node-RED listens by default.
const NODE_RED: u16 = 1880;

/// Whether a listener is one of a door's: others may stand on the same port of another address.
fn is_ours(seen: &Seen, door: &Door, listener: &Listener) -> bool {
    // Sockets handed over by the system's own starter are root's.
    door.is(listener) && (listener.user == seen.own_user || listener.user == 0)
}

pub(super) fn doors(seen: &Seen) -> Vec<Point> {
    let mut points = Vec::new();
    if !seen.is_running {
        let text = "Redkeep is not running: this is what its configuration says, and what the machine shows now";
        let way = "start it with `redkeep up` and ask again to have its doors looked at";
        points.push(Point::look(About::Doors, text, Some(way)));
    }
    points.extend(seen.doors.iter().map(|door| reach(seen, door)));
    points
}

fn reach(seen: &Seen, door: &Door) -> Point {
    let (what, about) = (&door.what, About::Doors);
    let listeners = seen.listeners.iter();
    let here: Vec<&Listener> = listeners.filter(|it| is_ours(seen, door, it)).collect();
    let Some(reach) = here.iter().map(|it| it.reach()).max() else {
        let text = format!("{what}: nothing listens on port {}", door.port);
        let way = seen
            .is_running
            .then_some("`redkeep logs` and `redkeep status` say why");
        return Point::look(about, text, way);
    };
    let from = match reach {
        Reach::Machine => "from this machine alone",
        Reach::Private => "from the local network",
        Reach::Anywhere => {
            "from every network this machine is on; with a public address, by everybody"
        }
    };
    let addresses: Vec<String> = here.iter().map(|it| it.address.to_string()).collect();
    let text = format!("{what}: {} can be reached {from}", addresses.join(", "));
    if what != CONSOLE || reach != Reach::Anywhere {
        return Point::good(about, text);
    }
    if seen.console_rules.is_empty() {
        let way = "changes are approved there: bind it to the administrators' network with `console_listen`, or add an access rule for the console";
        return Point::look(about, text, Some(way));
    }
    Point::good(
        about,
        format!("{text}; who is let in: {}", seen.console_rules.join("; ")),
    )
}

/// Listeners nobody meant to be a way in.
pub(super) fn other_ways(seen: &Seen) -> Vec<Point> {
    let about = About::Listeners;
    let mut points = Vec::new();
    let is_door = |it: &&Listener| seen.doors.iter().any(|door| is_ours(seen, door, it));
    for it in seen.listeners.iter().filter(|it| !is_door(it)) {
        let (address, user) = (it.address, it.user);
        if address.port() == NODE_RED {
            let text = format!(
                "{address} (user {user}): a Node-RED usually listens here, without this gate in front"
            );
            let way = "stop it and take it out of what starts with the machine; if it is another program, let it listen elsewhere";
            points.push(Point::mend(about, text, way));
        } else if seen.node_users.contains(&user) {
            let text =
                format!("{address}: a process of Node-RED's user {user} listens, past the gate");
            let way = "find it with `ss -tlnp` as root and end it; the guarded Node-RED has no TCP port at all";
            points.push(Point::mend(about, text, way));
        } else if it.reach() != Reach::Machine {
            let text = format!("{address} (user {user}): another program of this machine listens");
            points.push(Point::look(about, text, None));
        }
    }
    if points.iter().all(|it| it.way.is_none()) {
        let text = format!(
            "no Node-RED listens past the gate: nothing on port {NODE_RED}, nothing of its users"
        );
        points.push(Point::good(about, text));
    }
    points
}
