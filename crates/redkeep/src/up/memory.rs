//! Memory that starting, a large review or a rehearsal took goes back to the machine: a pump house's has
//! little, and the allocator alone would keep it for the next time.

use std::time::Duration;

use super::House;

/// How often.
const EVERY: Duration = Duration::from_mins(10);

/// Now, when all is started, and from time to time.
pub(super) fn spawn(house: &House) {
    let stop = house.stop.clone();
    house.tasks.spawn(async move {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            // Nothing depends on it.
            let _given = tokio::task::spawn_blocking(sandbox::memory::give_back)
                .await
                .ok();
        }
    });
}
