//! What was seen in rehearsals is kept for a while, and not for ever.

use model::{
    id::Hash,
    rehearsal::{Observation, Outcome},
};

use crate::house::House;

fn observation(cpu_ms: u64) -> Observation {
    Observation {
        outcome: Outcome::Crashed("exit code 3".into()),
        missing_types: vec!["modbus-read".into()],
        log: Vec::new(),
        attempts: Vec::new(),
        has_more: false,
        memory_bytes: 1,
        cpu_ms,
        watched_seconds: 20,
    }
}

#[tokio::test]
async fn an_observation_is_had_again_until_a_hundred_newer_ones_came() {
    let house = House::new().await;
    let key = |number: u64| Hash::of(&number.to_be_bytes());
    for number in 0..=100 {
        let seen = observation(number);
        house
            .store
            .keep_observation(key(number), &seen)
            .await
            .unwrap();
    }
    let newest = house.store.observation(key(100)).await.unwrap();
    assert_eq!(newest, Some(observation(100)));
    let mut kept = 0;
    for number in 0..=100 {
        let found = house.store.observation(key(number)).await.unwrap();
        kept += usize::from(found.is_some());
    }
    assert_eq!(kept, 100);
}
