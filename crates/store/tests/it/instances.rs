use model::{
    audit::EventKind,
    instance::{AllowedRoute, Network, NodeRedMajor, Policy},
    principal::Actor,
};
use store::{LogLevel, StoreError};

use crate::house::{House, START, actor, main_instance};

fn route(method: &str, path: &str) -> AllowedRoute {
    AllowedRoute {
        method: method.into(),
        path: path.into(),
    }
}

#[tokio::test]
async fn an_instance_keeps_its_policy() {
    let house = House::new().await;
    let id = main_instance();
    assert!(matches!(
        house.store.instance(&id).await,
        Err(StoreError::NotFound(_))
    ));
    let made = house.store.ensure_instance(&id, None).await.unwrap();
    assert_eq!(
        (made.node_red, &made.policy),
        (NodeRedMajor::V5, &Policy::default())
    );
    let policy = Policy {
        network: Network::Ports(vec![1883]),
        ..Policy::default()
    };
    house
        .store
        .set_policy(&id, &policy, &actor(1, "ann"))
        .await
        .unwrap();
    let kept = house
        .store
        .ensure_instance(&id, Some(NodeRedMajor::V4))
        .await
        .unwrap();
    assert_eq!((kept.node_red, &kept.policy), (NodeRedMajor::V4, &policy));
    assert_eq!(
        house.store.instances().await.unwrap(),
        std::slice::from_ref(&kept)
    );
    assert_eq!(house.store.ensure_instance(&id, None).await.unwrap(), kept);
    assert_eq!(house.kinds().await, [EventKind::PolicyChanged; 2]);
    let unknown = "other".parse().unwrap();
    let set = house
        .store
        .set_policy(&unknown, &policy, &Actor::System)
        .await;
    assert!(matches!(set, Err(StoreError::NotFound(_))));
}

#[tokio::test]
async fn refused_routes_are_counted_bounded_and_go_when_allowed() {
    let house = House::new().await;
    let id = main_instance();
    house.store.ensure_instance(&id, None).await.unwrap();
    let long = format!("/{}", "é".repeat(300));
    house
        .store
        .note_refused_route(&id, &route("GET", &long))
        .await
        .unwrap();
    assert_eq!(
        house.store.refused_routes(&id).await.unwrap()[0]
            .route
            .path
            .chars()
            .count(),
        200
    );
    for number in 0..205 {
        house.clock.advance(1);
        let path = format!("/{number}");
        house
            .store
            .note_refused_route(&id, &route("POST", &path))
            .await
            .unwrap();
    }
    house
        .store
        .note_refused_route(&id, &route("POST", "/204"))
        .await
        .unwrap();
    let refused = house.store.refused_routes(&id).await.unwrap();
    assert_eq!(refused.len(), 200);
    assert_eq!(
        (refused[0].route.path.as_str(), refused[0].count),
        ("/204", 2)
    );
    assert_eq!(refused[199].route.path, "/5");
    let allowed_routes = vec![route("POST", "/204")];
    let policy = Policy {
        allowed_routes,
        ..Policy::default()
    };
    house
        .store
        .set_policy(&id, &policy, &Actor::System)
        .await
        .unwrap();
    assert_eq!(
        house.store.refused_routes(&id).await.unwrap()[0].route.path,
        "/203"
    );
}

#[tokio::test]
async fn a_runtime_document_is_replaced_and_bounded() {
    let house = House::new().await;
    let id = main_instance();
    assert_eq!(
        house.store.runtime_document(&id, "settings").await.unwrap(),
        None
    );
    for text in ["{}", "{\"a\":1}"] {
        house
            .store
            .set_runtime_document(&id, "settings", text)
            .await
            .unwrap();
        let kept = house.store.runtime_document(&id, "settings").await.unwrap();
        assert_eq!(kept.as_deref(), Some(text));
    }
    let large = "x".repeat(5_000_001);
    let refused = house
        .store
        .set_runtime_document(&id, "settings", &large)
        .await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
}

#[tokio::test]
async fn the_log_is_bounded_and_followed() {
    let house = House::new().await;
    let id = main_instance();
    let line = |number: usize| (START, LogLevel::Warn, format!("line {number}\u{1b}[0m"));
    let lines: Vec<_> = (1..=20_010).map(line).collect();
    house.store.keep_log(&id, &[]).await.unwrap();
    house.store.keep_log(&id, &lines[..15_000]).await.unwrap();
    house.store.keep_log(&id, &lines[15_000..]).await.unwrap();
    let kept = house.store.log(&id, 1, 1).await.unwrap();
    assert_eq!(
        (kept[0].sequence, kept[0].text.as_str()),
        (11, "line 11\u{fffd}[0m")
    );
    assert_eq!(kept[0].level, LogLevel::Warn);
    let last = house.store.log(&id, 0, 2).await.unwrap();
    let places: Vec<_> = last.iter().map(|line| line.sequence).collect();
    assert_eq!(places, [20_009, 20_010]);
    assert!(house.store.log(&id, 20_010, 10).await.unwrap().is_empty());
    assert!(
        house
            .store
            .log(&"other".parse().unwrap(), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
}
