//! The ends of all certificates there are, told well before: the operator's, our own leaf, root and
//! issuing certificate. The authority's are `acme`'s to tell, which asks for them.

use acme::{News, Tell as _};
use keys::AuthorityState;
use model::clock::Timestamp;

use super::{Desk, Teller};

const DAY: i64 = 24 * 3600;
/// A root has to be carried to every device: told a year before its end, and again a quarter.
const ROOT: [i64; 2] = [365 * DAY, 90 * DAY];
/// The root's key has to be brought back: told half a year before, and again a month.
const ISSUING: [i64; 2] = [182 * DAY, 30 * DAY];
/// The last days of a rotation, for devices that were forgotten.
const ROTATION: [i64; 2] = [14 * DAY, 3 * DAY];

/// What was told, and how urgently: once for each certificate and urgency.
#[derive(Debug, Default)]
pub(super) struct Alarmed(std::collections::HashMap<&'static str, (Timestamp, u8)>);

/// What ends, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct End {
    what: &'static str,
    at: Timestamp,
    /// 1: soon; 2: very soon.
    urgency: u8,
    way: String,
}

impl Alarmed {
    /// Whether this is news.
    fn is_new(&mut self, end: &End) -> bool {
        let told = self.0.entry(end.what).or_insert((end.at, 0));
        if told.0 != end.at {
            *told = (end.at, 0);
        }
        let is_new = end.urgency > told.1;
        told.1 = told.1.max(end.urgency);
        is_new
    }
}

impl Desk {
    /// Tells of each certificate that ends soon, once, and once more when it ends very soon.
    pub(super) fn look_at_ends(&self, alarmed: &mut Alarmed) {
        let now = self.clock.now();
        let leaf = self.leaf_end(now);
        let own = self.served.authority();
        let own = own.map(|state| own_ends(&state, now)).unwrap_or_default();
        for end in leaf.into_iter().chain(own) {
            if alarmed.is_new(&end) {
                Teller(self.tell.clone()).tell(News::Failing {
                    not_after: Some(end.at),
                    is_urgent: end.urgency > 1,
                    error: end.way,
                });
            }
        }
    }

    /// The leaf at the doors that is not an authority's. Ours is renewed when a third of its life is
    /// left: with less, something is wrong.
    fn leaf_end(&self, now: Timestamp) -> Option<End> {
        let facts = acme::facts(&self.served.leaf()?).ok()?;
        let [soon, very_soon] = if self.is_files {
            [1.0 / 3.0, 0.1]
        } else {
            [0.25, 0.1]
        };
        let left = facts.left(now);
        let way = if self.is_files {
            "the files of [tls] hold a certificate that ends soon: put a new one in their place"
        } else {
            "Redkeep's own certificate is not renewed: look at what Redkeep says, and start it again"
        };
        Some(End {
            what: "leaf",
            at: facts.not_after,
            urgency: u8::from(left < soon) + u8::from(left < very_soon),
            way: self.served.trouble().unwrap_or_else(|| way.to_owned()),
        })
    }
}

/// The ends of our own authority that are near.
fn own_ends(state: &AuthorityState, now: Timestamp) -> Vec<End> {
    let end = |what, at: Timestamp, times: [i64; 2], way: String| {
        let left = at.seconds_since(now);
        let urgency = times.map(|seconds| u8::from(left < seconds)).iter().sum();
        End {
            what,
            at,
            urgency,
            way,
        }
    };
    let root = &state.root;
    let mut ends = vec![end(
        "root",
        root.until,
        ROOT,
        "the root of Redkeep's own authority ends: make another with `redkeep ca rotate`, and \
         install it on every device while both are good"
            .to_owned(),
    )];
    // With its key at hand the issuing certificate is renewed without anybody.
    if !state.is_root_key_here {
        ends.push(end(
            "issuing",
            state.issuing_until,
            ISSUING,
            "the certificate that issues Redkeep's own ends, and the root's key is kept away: stop \
             Redkeep, bring the key back with `redkeep ca import FILE`, and start it"
                .to_owned(),
        ));
    }
    if let Some(rotation) = &state.rotation {
        ends.push(end(
            "rotation",
            rotation.until,
            ROTATION,
            format!(
                "the root of Redkeep's own authority is replaced: devices that do not have the one \
                 with the fingerprint {} yet will be warned from then on; install it, or take it \
                 back with `redkeep ca cancel`",
                root.fingerprint
            ),
        ));
    }
    ends.retain(|end| end.urgency > 0);
    ends
}

#[cfg(test)]
mod tests {
    use keys::{RootState, RotationState};
    use model::id::Hash;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn state(root_days: i64, issuing_days: i64, is_root_key_here: bool) -> AuthorityState {
        AuthorityState {
            root: RootState {
                pem: String::new(),
                fingerprint: Hash::of(b"root"),
                from: NOW,
                until: NOW.plus_seconds(root_days * DAY),
            },
            is_root_key_here,
            issuing_until: NOW.plus_seconds(issuing_days * DAY),
            rotation: None,
            issued: Vec::new(),
            crl: Vec::new(),
        }
    }

    #[test]
    fn what_ends_is_told_long_before_and_what_renews_itself_is_not() {
        let told = |state: &AuthorityState| {
            let ends = own_ends(state, NOW);
            ends.iter()
                .map(|it| (it.what, it.urgency))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&state(400, 20, true)), []);
        assert_eq!(told(&state(364, 20, true)), [("root", 1)]);
        assert_eq!(told(&state(89, 20, true)), [("root", 2)]);
        assert_eq!(told(&state(400, 181, false)), [("issuing", 1)]);
        assert_eq!(told(&state(400, 29, false)), [("issuing", 2)]);
        let mut rotating = state(400, 300, true);
        rotating.rotation = Some(RotationState {
            old: rotating.root.clone(),
            until: NOW.plus_seconds(13 * DAY),
        });
        assert_eq!(told(&rotating), [("rotation", 1)]);
    }

    #[test]
    fn each_end_is_told_once_an_urgency_and_again_for_another_certificate() {
        let mut alarmed = Alarmed::default();
        let mut is_new = |at: i64, urgency| {
            alarmed.is_new(&End {
                what: "root",
                at: Timestamp(at),
                urgency,
                way: String::new(),
            })
        };
        assert!(!is_new(1, 0));
        assert!(is_new(1, 1));
        assert!(!is_new(1, 1));
        assert!(is_new(1, 2));
        assert!(!is_new(1, 1));
        assert!(is_new(2, 1), "another certificate");
    }
}
