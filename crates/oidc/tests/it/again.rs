//! Asked again about somebody who is here.

use oidc::Refused;
use serde_json::json;

use crate::fake::Fake;

#[tokio::test]
async fn groups_are_those_of_now() {
    let fake = Fake::start().await;
    let who = fake.sign_in().await.unwrap();
    fake.says().info = Some(json!({ "sub": "u-1", "groups": ["guests"] }));
    let still = fake.provider.again(&who.grant, "u-1").await.unwrap();
    assert_eq!(still.groups.unwrap(), ["guests"]);
    let asked = fake.says().asked.last().unwrap().clone();
    assert!(asked.contains("grant_type=refresh_token"), "{asked}");
    // Without user information the refreshed token says it.
    fake.says().metadata["userinfo_endpoint"] = json!(null);
    let fresh = Fake::start().await;
    fresh
        .says()
        .metadata
        .as_object_mut()
        .unwrap()
        .remove("userinfo_endpoint");
    let who = fresh.sign_in().await.unwrap();
    fresh.says().claims["groups"] = json!(["others"]);
    let still = fresh.provider.again(&who.grant, "u-1").await.unwrap();
    assert_eq!(still.groups.unwrap(), ["others"]);
    // One that repeats no token and has no user information says nothing of groups.
    fresh.says().repeats = false;
    let still = fresh.provider.again(&still.grant, "u-1").await.unwrap();
    assert_eq!(still.groups, None);
}

#[tokio::test]
async fn over_is_told_from_away() {
    let fake = Fake::start().await;
    let who = fake.sign_in().await.unwrap();
    fake.says().instead = Some((400, json!({ "error": "invalid_grant" }).to_string()));
    let refused = fake.provider.again(&who.grant, "u-1").await.unwrap_err();
    assert!(matches!(refused, Refused::Over { .. }), "{refused:?}");
    fake.says().instead = Some((503, "busy".to_owned()));
    let refused = fake.provider.again(&who.grant, "u-1").await.unwrap_err();
    assert!(refused.is_unreachable(), "{refused:?}");
    fake.says().instead = None;
    fake.says().info = None;
    let refused = fake.provider.again(&who.grant, "u-1").await.unwrap_err();
    assert!(matches!(refused, Refused::Over { .. }), "{refused:?}");
}

#[tokio::test]
async fn an_answer_about_somebody_else_is_refused() {
    let fake = Fake::start().await;
    let who = fake.sign_in().await.unwrap();
    fake.says().claims["sub"] = json!("u-2");
    let refused = fake.provider.again(&who.grant, "u-1").await.unwrap_err();
    assert!(refused.to_string().contains("somebody else"), "{refused}");
    assert!(!refused.is_unreachable());
}

#[tokio::test]
async fn the_way_out_leads_by_the_provider() {
    let fake = Fake::start().await;
    let who = fake.sign_in().await.unwrap();
    let after = "https://keep.localhost:8444/sign-in";
    let url = fake.provider.farewell(&who.grant, after).await.unwrap();
    assert!(
        url.starts_with(&format!("{}/end?id_token_hint=", fake.issuer)),
        "{url}"
    );
    assert!(
        url.contains("post_logout_redirect_uri=https%3A%2F%2Fkeep.localhost"),
        "{url}"
    );
}
