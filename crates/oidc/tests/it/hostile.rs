//! Answers that must not let anybody in, each refused in plain words.

use oidc::Refused;
use serde_json::json;

use crate::fake::{Fake, Says, Signed};

#[tokio::test]
async fn a_sound_answer_says_who_it_is() {
    let fake = Fake::start().await;
    let who = fake.sign_in().await.unwrap();
    assert_eq!(who.subject, "u-1");
    assert_eq!(who.names, ["ann", "u-1", "u-1"]);
    assert_eq!(who.groups.unwrap(), ["keepers"]);
    let asked = fake.says().asked.join("\n");
    assert!(
        asked.contains("code_verifier="),
        "PKCE was left out: {asked}"
    );
}

/// How the provider is made to say something else.
type Lie = fn(&mut Says);

#[tokio::test]
async fn tokens_that_prove_nothing_are_refused_in_plain_words() {
    let cases: [(&str, Lie, &str); 9] = [
        ("alg none", |it| it.signed = Signed::Not, "signed in no way"),
        (
            "signed with our secret",
            |it| it.signed = Signed::BySecret,
            "signed in no way",
        ),
        (
            "another key",
            |it| it.signed = Signed::Otherwise,
            "signature is not",
        ),
        (
            "another issuer",
            |it| it.claims["iss"] = json!("https://evil.example"),
            "another issuer",
        ),
        (
            "another audience",
            |it| it.claims["aud"] = json!("other"),
            "somebody else than Redkeep",
        ),
        (
            "an audience beside us",
            |it| it.claims["aud"] = json!(["redkeep", "other"]),
            "somebody else than Redkeep",
        ),
        (
            "out of date",
            |it| it.claims["exp"] = json!(1_700_000_000),
            "out of date",
        ),
        (
            "another nonce",
            |it| it.claims["nonce"] = json!("x"),
            "no answer to this sign-in",
        ),
        (
            "another access token",
            |it| it.claims["at_hash"] = json!("AAAA"),
            "another access token",
        ),
    ];
    for (what, change, words) in cases {
        let fake = Fake::start().await;
        let (flow, returned) = fake.begin().await;
        change(&mut fake.says());
        let refused = fake.finish(&flow, &returned).await.unwrap_err();
        assert!(
            matches!(refused, Refused::Token { .. }),
            "{what}: {refused:?}"
        );
        assert!(refused.to_string().contains(words), "{what}: {refused}");
    }
}

#[tokio::test]
async fn an_answer_without_a_nonce_is_refused() {
    let fake = Fake::start().await;
    let (flow, returned) = fake.begin().await;
    fake.says().claims.as_object_mut().unwrap().remove("nonce");
    let refused = fake.finish(&flow, &returned).await.unwrap_err();
    assert!(
        refused.to_string().contains("no answer to this sign-in"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_answer_to_another_question_is_nobodys() {
    let fake = Fake::start().await;
    let (flow, returned) = fake.begin().await;
    let (other, _) = fake.begin().await;
    assert_eq!(
        fake.finish(&other, &returned).await.unwrap_err(),
        Refused::Foreign
    );
    for state in [None, Some(String::new()), Some("x".to_owned())] {
        let mut changed = returned.clone();
        changed.state = state;
        assert_eq!(
            fake.finish(&flow, &changed).await.unwrap_err(),
            Refused::Foreign
        );
    }
    let mut changed = returned.clone();
    changed.code = None;
    assert_eq!(
        fake.finish(&flow, &changed).await.unwrap_err(),
        Refused::Foreign
    );
    assert!(
        fake.says().asked.is_empty(),
        "a code of nobody's was sent on"
    );
}

#[tokio::test]
async fn an_answer_of_another_provider_is_refused() {
    let fake = Fake::start().await;
    let (flow, returned) = fake.begin().await;
    // Announced, so it must be there.
    for iss in [None, Some("https://evil.example".to_owned())] {
        let mut changed = returned.clone();
        changed.iss = iss;
        let refused = fake.finish(&flow, &changed).await.unwrap_err();
        assert!(
            matches!(refused, Refused::OtherIssuer { .. }),
            "{refused:?}"
        );
    }
    assert!(
        fake.says().asked.is_empty(),
        "the code was sent to the wrong one"
    );
}

#[tokio::test]
async fn a_refusal_is_told_in_the_providers_word_and_no_more() {
    let fake = Fake::start().await;
    let (flow, mut returned) = fake.begin().await;
    returned.error = Some(format!("nope\n\u{7}{}", "x".repeat(5000)));
    let refused = fake.finish(&flow, &returned).await.unwrap_err().to_string();
    assert!(refused.contains("nope") && refused.len() < 300, "{refused}");
    assert!(!refused.contains('\n') && !refused.contains('\u{7}'));
}

#[tokio::test]
async fn user_information_about_somebody_else_is_refused() {
    let fake = Fake::start().await;
    fake.says().info = Some(json!({ "sub": "u-2", "groups": ["keepers"] }));
    let refused = fake.sign_in().await.unwrap_err();
    assert!(refused.to_string().contains("somebody else"), "{refused}");
}

#[tokio::test]
async fn an_access_token_is_no_way_to_write_a_header() {
    let fake = Fake::start().await;
    fake.says().access = "a\r\nhost: evil".to_owned();
    let refused = fake.sign_in().await.unwrap_err();
    assert!(refused.to_string().contains("malformed"), "{refused}");
}

#[tokio::test]
async fn answers_without_end_or_sense_are_not_waited_for() {
    let fake = Fake::start().await;
    let (flow, returned) = fake.begin().await;
    for instead in [
        (200, "x".repeat(600 << 10)),
        (200, "<html>".to_owned()),
        (500, "{}".to_owned()),
        (302, String::new()),
    ] {
        fake.says().instead = Some(instead);
        let refused = fake.finish(&flow, &returned).await.unwrap_err();
        assert!(refused.is_unreachable(), "{refused:?}");
    }
}

#[tokio::test]
async fn a_provider_that_calls_itself_otherwise_is_not_used() {
    let fake = Fake::start().await;
    fake.says().metadata["issuer"] = json!("https://evil.example");
    let refused = fake.provider.begin(crate::fake::BACK).await.unwrap_err();
    assert!(matches!(refused, Refused::Misfit { .. }), "{refused:?}");
    let fake = Fake::start().await;
    fake.says().metadata["authorization_endpoint"] = json!("http://localhost/auth");
    let refused = fake.provider.begin(crate::fake::BACK).await.unwrap_err();
    assert!(refused.to_string().contains("https"), "{refused}");
}
