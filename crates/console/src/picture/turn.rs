//! One PNG after the other: each takes a core for up to a second, and its pixels 64 MB.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use model::id::UserId;
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Whoever draws, for a page, a file or a mail.
static DRAWING: Semaphore = Semaphore::const_new(1);

/// Who waits for a file, and how often.
static LINE: Line = Line(Mutex::new(BTreeMap::new()));

/// Pictures one person waits for at most: others come too.
const EACH_MAX: usize = 2;
/// Pictures all wait for at most: each waits with a whole review in memory.
const ALL_MAX: usize = 16;

#[derive(Debug)]
struct Line(Mutex<BTreeMap<UserId, usize>>);

/// A place in the line; left when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    line: &'static Line,
    user: UserId,
}

impl Place {
    /// A place for this person; none where they, or all together, wait for as many as may be.
    pub(crate) fn take(user: UserId) -> Option<Self> {
        LINE.take(user)
    }
}

impl Line {
    fn take(&'static self, user: UserId) -> Option<Place> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = waiting.get(&user).copied().unwrap_or(0);
        if own >= EACH_MAX || waiting.values().sum::<usize>() >= ALL_MAX {
            return None;
        }
        waiting.insert(user, own + 1);
        Some(Place { line: self, user })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut waiting = self.line.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = waiting.remove(&self.user).unwrap_or(0).saturating_sub(1);
        if left > 0 {
            waiting.insert(self.user, left);
        }
    }
}

/// Draws when its turn has come, on a thread that serves nobody else. None where drawing ended in a
/// panic. What `draw` holds is held until it is drawn, even where nobody waits for it any more.
pub(crate) async fn in_turn<T: Send + 'static>(
    draw: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    // Nobody closes it.
    let turn = DRAWING.acquire().await.ok()?;
    let drawing = spawn_blocking(move || {
        let _turn = turn;
        draw()
    });
    drawing.await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn one_person_does_not_take_all_places() {
        static LINE: Line = Line(Mutex::new(BTreeMap::new()));
        let take = |user| LINE.take(UserId(user));
        let first: Vec<_> = (0..EACH_MAX).map(|_| take(1).unwrap()).collect();
        assert!(take(1).is_none(), "one person has two");
        let others: Vec<_> = (4..).map_while(|at| take(at / 2)).collect();
        assert_eq!(others.len(), ALL_MAX - EACH_MAX);
        drop(first);
        assert!(take(1).is_some(), "places are given back");
        drop(others);
        assert!(LINE.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn one_is_drawn_after_the_other() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let draw = |_| {
            let (now, most) = (now.clone(), most.clone());
            tokio::spawn(in_turn(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::yield_now();
                now.fetch_sub(1, Ordering::SeqCst);
            }))
        };
        let all: Vec<_> = (0..50).map(draw).collect();
        for one in all {
            one.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 1);
    }
}
