//! Who comes in, and by what.

use super::{About, Person, Point, Seen};
use crate::config::roles;

const ABOUT: About = About::Logins;

pub(super) fn logins(seen: &Seen) -> Vec<Point> {
    let mut points = Vec::new();
    if !seen.unknown_roles.is_empty() {
        let unknown = seen.unknown_roles.join(", ");
        let text = format!("the configuration names a role that there is none of: {unknown}");
        points.push(Point::mend(ABOUT, text, roles::WAY));
    }
    if seen.people.is_empty() {
        let way = "open the one-time link that `redkeep up` prints";
        points.push(Point::look(ABOUT, "nobody can log in yet", Some(way)));
        return points;
    }
    let asked_for_passkey =
        |person: &&Person| seen.passkey_required.iter().any(|it| it.is(&person.role));
    let people = seen.people.iter();
    let weak = names(
        people
            .clone()
            .filter(|it| !it.has_second_factor && !asked_for_passkey(it)),
    );
    if weak.is_empty() {
        points.push(Point::good(ABOUT, "nobody comes in with a password alone"));
    } else {
        let text = format!("a password alone lets in: {weak}");
        let way = "have them set up a passkey or a second factor under Account in the console, or remove them";
        points.push(Point::mend(ABOUT, text, way));
    }
    let shut_out = names(people.filter(|it| asked_for_passkey(it) && !it.has_passkey));
    if !shut_out.is_empty() {
        let text = format!("their role needs a passkey, and they have none: {shut_out}");
        let way = "they cannot sign in: `redkeep user reset NAME` prints a link to choose one";
        points.push(Point::look(ABOUT, text, Some(way)));
    }
    points
}

fn names<'a>(people: impl Iterator<Item = &'a Person>) -> String {
    let names: Vec<&str> = people.map(|it| it.name.as_str()).collect();
    names.join(", ")
}
