//! What the cache lacks is fetched, several tarballs at a time.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::{StreamExt as _, stream};

use crate::{
    lock::{Lock, Package},
    progress::{Phase, Progress, Step},
    tree::{TreeError, Trees, blocking},
    upstream::Upstream,
};

/// Downloads at once. Most tarballs are small, so the time goes into waiting for answers.
const PARALLEL: usize = 8;

impl Trees {
    /// Afterwards the cache holds every tarball of `lock`. What was fetched before an error or an
    /// interruption stays.
    pub(super) async fn fetch_missing(
        &self,
        lock: &Lock,
        upstream: Option<&Upstream>,
        progress: &dyn Progress,
    ) -> Result<(), TreeError> {
        // One tarball may stand at several places in a tree; it is fetched once. The lock's order
        // is kept: Node.js, the largest by far, comes first and arrives beside all the others.
        let mut seen = HashSet::new();
        let mut wanted: Vec<Package> = lock.packages().to_vec();
        wanted.retain(|package| seen.insert(package.integrity));
        let meter = Meter::new(wanted.len(), progress);
        let cache = self.cache.clone();
        let (held, wanted) = blocking(move || {
            let mut held = Vec::new();
            let mut missing = Vec::new();
            for package in wanted {
                match cache.holds(&package.integrity)? {
                    Some(size) => held.push(size),
                    None => missing.push(package),
                }
            }
            Ok((held, missing))
        })
        .await?;
        for size in held {
            meter.found(size);
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let upstream = upstream.ok_or(TreeError::NoUpstream {
            count: wanted.len(),
        })?;
        let (meter, has_failed) = (&meter, &AtomicBool::new(false));
        let downloads = wanted.iter().map(|package| async move {
            // After a failure nothing more is begun, but what is under way may come to its end:
            // a missing trifle must not cost the 50 MB of Node.js that are nearly here.
            if has_failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let fetched = self.fetch_one(package, upstream, meter).await;
            has_failed.fetch_or(fetched.is_err(), Ordering::Relaxed);
            fetched
        });
        let fetched: Vec<_> = stream::iter(downloads)
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        fetched.into_iter().collect()
    }

    async fn fetch_one(
        &self,
        package: &Package,
        upstream: &Upstream,
        meter: &Meter<'_>,
    ) -> Result<(), TreeError> {
        let is_known = Mutex::new(false);
        let arrived = |bytes, total| meter.arrived(bytes, total, &is_known);
        self.cache.fetch(package, upstream, &arrived).await?;
        meter.done();
        Ok(())
    }
}

/// Adds up what the downloads report.
struct Meter<'a> {
    progress: &'a dyn Progress,
    count: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    done_bytes: u64,
    /// The sum of the sizes known so far, and of how many tarballs.
    known_bytes: u64,
    known_count: usize,
    done_count: usize,
}

impl<'a> Meter<'a> {
    fn new(count: usize, progress: &'a dyn Progress) -> Self {
        Self {
            progress,
            count,
            state: Mutex::default(),
        }
    }

    fn found(&self, size: u64) {
        self.update(|state| {
            state.done_bytes += size;
            state.known_bytes += size;
            state.known_count += 1;
            state.done_count += 1;
        });
    }

    /// `known` remembers for one tarball whether its size was counted.
    fn arrived(&self, bytes: i64, total: Option<u64>, known: &Mutex<bool>) {
        self.update(|state| {
            state.done_bytes = state.done_bytes.saturating_add_signed(bytes);
            let mut known = known.lock().expect("no thread panics holding it");
            if let (Some(total), false) = (total, *known) {
                *known = true;
                state.known_bytes += total;
                state.known_count += 1;
            }
        });
    }

    fn done(&self) {
        self.update(|state| state.done_count += 1);
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        let step = {
            let mut state = self.state.lock().expect("no thread panics holding it");
            change(&mut state);
            Step {
                phase: Phase::Fetch,
                done_bytes: state.done_bytes,
                total_bytes: (state.known_count == self.count).then_some(state.known_bytes),
                done_count: state.done_count,
                total_count: self.count,
            }
        };
        self.progress.report(step);
    }
}
