//! A refused nonce is no refusal: the same is asked again (RFC 8555, 6.5).

use std::time::Duration;

use instant_acme::Error;

/// How often one request is repeated. The client library itself gives up after three.
const ROUNDS_MAX: u32 = 16;

/// Whether to ask again. Nothing was done: a server looks at the nonce first.
pub(crate) fn again(error: &Error, round: u32) -> bool {
    let Error::Api(problem) = error else {
        return false;
    };
    round < ROUNDS_MAX && problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:badNonce")
}

/// A little longer each time.
pub(crate) async fn pause(round: u32) {
    tokio::time::sleep(Duration::from_millis(20) * round).await;
}

/// Awaits `$ask`, an expression that makes the same request anew, until its nonce is taken.
macro_rules! insist {
    ($ask:expr) => {{
        let mut round = 0;
        loop {
            match $ask.await {
                Err(error) if $crate::nonce::again(&error, round) => {
                    round += 1;
                    $crate::nonce::pause(round).await;
                }
                answer => break answer,
            }
        }
    }};
}
pub(crate) use insist;
