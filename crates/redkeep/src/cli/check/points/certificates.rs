//! What the doors show to whoever connects.

use model::hsts::Wish;

use super::{About, Point, Seen, Shown, Strict, Trust};

/// With less of its life left than this something keeps it from being renewed: that begins at a third.
const SOON: f64 = 1.0 / 6.0;
const DAY_SECONDS: i64 = 24 * 3600;

const ABOUT: About = About::Certificates;

pub(super) fn certificates(seen: &Seen) -> Vec<Point> {
    let mut told: Vec<&Shown> = Vec::new();
    let mut points = Vec::new();
    for door in &seen.doors {
        match &door.certificate {
            None => {}
            Some(Err(why)) => {
                let text = format!("{}: it showed no certificate: {why}", door.what);
                let way = "`redkeep certificates list` and Redkeep's own output say why";
                points.push(Point::mend(ABOUT, text, way));
            }
            Some(Ok(shown)) => {
                // The doors usually show the same one.
                if !told.contains(&shown) {
                    points.extend([age(seen, shown), trust(shown)]);
                    told.push(shown);
                }
                if !shown
                    .facts
                    .names
                    .iter()
                    .any(|name| covers(name, &door.name))
                {
                    let names = shown.facts.names.join(", ");
                    let text = format!(
                        "{}: the certificate is not for {}, only for {names}",
                        door.what, door.name
                    );
                    let way = "browsers refuse it: have one issued for this name, or change `name` and `console_name`";
                    points.push(Point::mend(ABOUT, text, way));
                }
            }
        }
    }
    if seen.is_running {
        points.push(strict(&seen.strict));
    }
    points.extend(seen.renewals.iter().map(|(names, error)| {
        let text = format!("the authority gave no certificate for {names}: {error}");
        let way = "mend what it says, then `redkeep certificates renew`";
        Point::mend(ABOUT, text, way)
    }));
    points
}

fn age(seen: &Seen, shown: &Shown) -> Point {
    let facts = &shown.facts;
    let way = if seen.has_own_files && shown.trust != Trust::Own {
        "put a new one into the files named under [tls]"
    } else if seen.has_authority && shown.trust != Trust::Own {
        "`redkeep certificates list` says why it was not renewed; `redkeep certificates renew` tries again"
    } else {
        "Redkeep renews its own by itself: look at what it says, and start it again"
    };
    let names = facts.names.join(", ");
    let days = facts
        .not_after
        .seconds_since(seen.now)
        .div_euclid(DAY_SECONDS);
    if facts.not_after <= seen.now {
        let text = format!("the certificate for {names} ran out on {}", facts.not_after);
        return Point::mend(ABOUT, text, way);
    }
    let text = format!(
        "the certificate for {names} is good until {} (days: {days})",
        facts.not_after
    );
    if facts.left(seen.now) < SOON {
        return Point::mend(ABOUT, format!("{text}, and should have been renewed"), way);
    }
    Point::good(ABOUT, text)
}

/// Whether browsers come by HTTPS alone.
fn strict(strict: &Strict) -> Point {
    match (strict.max_age_seconds, strict.setting) {
        (Some(0), _) => Point::look(
            ABOUT,
            "browsers are told to forget that they should come by HTTPS alone (HSTS)",
            Some("leave `hsts` as it is until everybody was here once"),
        ),
        (Some(seconds), _) => {
            let days = seconds / DAY_SECONDS.unsigned_abs();
            let text = format!("browsers are told to come by HTTPS alone (HSTS; days: {days})");
            Point::good(ABOUT, text)
        }
        (None, Wish::Off) => Point::look(
            ABOUT,
            "browsers are not told to come by HTTPS alone: `hsts` is off",
            Some("leave `hsts` out, unless something else on this host needs plain HTTP"),
        ),
        (None, _) if strict.is_trial => Point::good(
            ABOUT,
            "browsers are told to come by HTTPS alone (HSTS) after a day without fault",
        ),
        (None, _) => Point::look(
            ABOUT,
            "browsers are not told to come by HTTPS alone (HSTS): the certificate is a private one",
            Some("when its root is on every device, set hsts = \"own-too\""),
        ),
    }
}

fn trust(shown: &Shown) -> Point {
    let issuer = &shown.facts.issuer;
    match shown.trust {
        Trust::Machine => Point::good(
            ABOUT,
            format!("it is from {issuer}, an authority this machine trusts"),
        ),
        Trust::Own => {
            let text = format!(
                "it is from Redkeep's own authority ({issuer}): trusted where its root was imported"
            );
            let way = "import the root that `redkeep ca show` prints, where people and programs connect from";
            Point::look(ABOUT, text, Some(way))
        }
        Trust::Nobody => {
            let text = format!("it is from {issuer}, which this machine does not trust");
            let way = "if others do not either, browsers warn: use one from an authority they know, or Redkeep's own: leave [tls] and [acme] out";
            Point::look(ABOUT, text, Some(way))
        }
    }
}

/// Whether a certificate's name stands for a host (RFC 9525, 6.3).
pub(super) fn covers(name: &str, host: &str) -> bool {
    let wild = name.strip_prefix("*.").zip(host.split_once('.'));
    name.eq_ignore_ascii_case(host)
        || wild.is_some_and(|(name, (_, parent))| name.eq_ignore_ascii_case(parent))
}
