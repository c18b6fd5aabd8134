//! Readings kept for the next page of the same review.
//!
//! Reading is what a page costs: seconds for the largest flows, milliseconds for all that comes
//! after it. A reading is named by the digest of what it depends on, so a kept one is never stale;
//! it is only ever forgotten.

use std::sync::{Arc, Mutex, PoisonError};

use model::id::Hash;
use tokio::sync::OnceCell;

use super::Reading;
use crate::DeployError;

/// Bytes kept, about: some twenty reviews of a usual flow. The one looked at last is kept whatever
/// it weighs, or the largest flows would be read anew for each page.
const BYTES_MAX: usize = 64 << 20;
/// Readings kept, whatever they weigh.
const COUNT_MAX: usize = 64;

type Cell = Arc<OnceCell<Arc<Reading>>>;

/// The kept readings, the last used at the end.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Vec<(Hash, Cell)>>);

impl Shelf {
    /// The reading of that name; `read` where it is not kept. Those who ask for the same one at
    /// the same time wait for one reading.
    pub(super) async fn get(
        &self,
        key: Hash,
        read: impl AsyncFnOnce() -> Result<Reading, DeployError>,
    ) -> Result<Arc<Reading>, DeployError> {
        let cell = self.cell(key);
        if let Some(kept) = cell.get() {
            return Ok(kept.clone());
        }
        let reading = cell.get_or_try_init(|| async { read().await.map(Arc::new) });
        let reading = reading.await?.clone();
        self.with(trim);
        Ok(reading)
    }

    fn cell(&self, key: Hash) -> Cell {
        self.with(|kept| {
            let known = kept.iter().position(|(known, _)| *known == key);
            let (key, cell) = known.map_or_else(|| (key, Cell::default()), |at| kept.remove(at));
            kept.push((key, cell.clone()));
            trim(kept);
            cell
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<(Hash, Cell)>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Bytes that are kept, about.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.with(|kept| kept.iter().map(|(_, cell)| weight(cell)).sum())
    }
}

/// Takes off what was not used for longest, down to what may be kept.
fn trim(kept: &mut Vec<(Hash, Cell)>) {
    let mut bytes = 0;
    let mut stays = 0;
    for (_, cell) in kept.iter().rev() {
        bytes += weight(cell);
        if stays > 0 && (bytes > BYTES_MAX || stays >= COUNT_MAX) {
            break;
        }
        stays += 1;
    }
    kept.drain(..kept.len() - stays);
}

/// What is being read weighs nothing yet.
fn weight(cell: &Cell) -> usize {
    cell.get().map_or(0, |reading| reading.weight)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::reading, *};

    fn key(number: usize) -> Hash {
        Hash::of(&number.to_be_bytes())
    }

    async fn put(shelf: &Shelf, number: usize, weight: usize) -> bool {
        let mut is_read = false;
        let read = async || {
            is_read = true;
            let mut reading = reading("[]", "[]");
            reading.weight = weight;
            Ok(reading)
        };
        shelf.get(key(number), read).await.unwrap();
        is_read
    }

    #[tokio::test]
    async fn what_was_not_used_for_longest_goes_and_the_last_stays_whatever_it_weighs() {
        let shelf = Shelf::default();
        assert!(put(&shelf, 1, BYTES_MAX / 2).await);
        assert!(put(&shelf, 2, BYTES_MAX / 2).await);
        assert!(!put(&shelf, 1, 0).await, "it is kept, and used again");
        assert!(put(&shelf, 3, BYTES_MAX / 2).await);
        assert!(!put(&shelf, 1, 0).await);
        assert!(put(&shelf, 2, BYTES_MAX / 2).await, "it was forgotten");
        assert!(shelf.bytes() <= BYTES_MAX);
        assert!(put(&shelf, 4, 3 * BYTES_MAX).await);
        assert_eq!(shelf.bytes(), 3 * BYTES_MAX);
        assert!(!put(&shelf, 4, 0).await);
        for number in 10..10 + 2 * COUNT_MAX {
            put(&shelf, number, 1).await;
        }
        assert_eq!(shelf.bytes(), COUNT_MAX);
    }

    #[tokio::test]
    async fn many_who_ask_at_once_wait_for_one_reading_and_a_failure_is_not_kept() {
        let shelf = Shelf::default();
        let failed = shelf.get(key(1), async || Err(DeployError::Crowded)).await;
        assert!(matches!(failed, Err(DeployError::Crowded)));
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let first = shelf.get(key(1), async || {
            wait.await.unwrap();
            Ok(reading("[]", "[]"))
        });
        let second = shelf.get(key(1), async || panic!("it was read twice"));
        let gate = async { go.send(()).unwrap() };
        let (first, second, ()) = tokio::join!(first, second, gate);
        assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
    }
}
