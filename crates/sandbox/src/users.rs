//! The users Redkeep hands out when it is started as root: out of the range no distribution hands
//! out (above systemd's dynamic users, below 65,534 "nobody"), so nothing else on the system runs as
//! one of them.

use crate::spec::UserIds;

/// The first instance's; the next have the numbers after it.
const FIRST: u32 = 65_520;
/// Instances that have a user of their own; those beyond share the last.
const INSTANCES: u32 = 11;

/// Rehearsals.
pub const REHEARSAL: UserIds = own(65_531);
/// The process that holds the keys.
pub const KEYS: UserIds = own(65_532);
/// The process that parses the network.
pub const REDKEEP: UserIds = own(65_533);

const fn own(number: u32) -> UserIds {
    UserIds {
        uid: number,
        gid: number,
    }
}

/// The user of the instance at this place of the configuration.
pub fn instance(place: usize) -> UserIds {
    let place = u32::try_from(place).unwrap_or(u32::MAX).min(INSTANCES - 1);
    own(FIRST + place)
}

/// Every user a Node-RED runs as, rehearsals too.
pub fn jails() -> impl Iterator<Item = u32> {
    (FIRST..FIRST + INSTANCES).chain([REHEARSAL.uid])
}

/// Whether a user is one of these: what it owns was written by a process that parses what others say.
pub fn is_ours(uid: u32) -> bool {
    (FIRST..=REDKEEP.uid).contains(&uid)
}
