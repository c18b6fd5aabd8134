//! How many requests a minute: one number for each asker, and no more askers than fit.

use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
};

use model::clock::Timestamp;

/// Askers in one generation; twice as many are held at most.
const GENERATION_MAX: usize = 8192;
/// A minute, in microseconds.
const MINUTE: i64 = 60_000_000;

/// When each asker has used up what it is given (the generic cell rate algorithm): a full minute's
/// worth may come at once, then it comes back evenly.
///
/// Two generations: when the younger is full it becomes the older, which is forgotten. Whoever has
/// so many networks that they push each other out has as many allowances anyway; nobody else is
/// refused for them.
#[derive(Debug)]
pub(crate) struct Rates<K>(Mutex<Generations<K>>);

#[derive(Debug)]
struct Generations<K> {
    young: HashMap<K, i64>,
    old: HashMap<K, i64>,
}

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self(Mutex::new(Generations {
            young: HashMap::new(),
            old: HashMap::new(),
        }))
    }
}

impl<K: Eq + Hash> Rates<K> {
    /// Whether one more request of `key` is within `a_minute`; then it is counted.
    pub(crate) fn admit(&self, key: K, a_minute: NonZeroU32, now: Timestamp) -> bool {
        let now = now.0.saturating_mul(1000);
        let each = MINUTE / i64::from(a_minute.get());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let used = all.young.get(&key).or_else(|| all.old.get(&key)).copied();
        // A clock that was set back does not shut anybody out for longer than a minute.
        let used = used.unwrap_or(now).clamp(now, now.saturating_add(MINUTE));
        let next = used.saturating_add(each);
        if next > now.saturating_add(MINUTE) {
            return false;
        }
        if all.young.len() >= GENERATION_MAX && !all.young.contains_key(&key) {
            all.old = std::mem::take(&mut all.young);
        }
        all.young.insert(key, next);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIX: NonZeroU32 = NonZeroU32::new(6).expect("not zero");

    #[test]
    fn a_minutes_worth_comes_at_once_and_then_evenly() {
        let rates = Rates::default();
        let at = |seconds: i64| Timestamp(1_000_000 + seconds * 1000);
        let admitted = |seconds, count| {
            (0..count)
                .filter(|_| rates.admit("a", SIX, at(seconds)))
                .count()
        };
        assert_eq!(admitted(0, 20), 6);
        assert_eq!(admitted(9, 5), 0);
        assert_eq!(admitted(10, 5), 1);
        assert_eq!(admitted(40, 5), 3);
        assert!(rates.admit("b", SIX, at(0)), "another asker has its own");
        assert_eq!(admitted(1000, 20), 6);
        assert_eq!(admitted(-5000, 20), 0, "a clock set back gives nothing");
    }

    #[test]
    fn no_number_of_askers_makes_it_grow() {
        let rates = Rates::default();
        for key in 0..50_000_u32 {
            assert!(
                rates.admit(key, SIX, Timestamp(0)),
                "nobody pays for others"
            );
        }
        let all = rates.0.lock().unwrap();
        assert!(all.young.len() <= GENERATION_MAX && all.old.len() <= GENERATION_MAX);
    }
}
