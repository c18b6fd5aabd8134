//! What the unmodified editor is shown differently: the word for a deploy, the permissions that
//! enable its button, and how many deployments wait.

use http::{HeaderValue, Response, StatusCode, header};
use model::{
    access::{Permission, may},
    instance::ApplyPolicy,
};
use serde_json::{Value, json};

use crate::{
    authorize::Permit,
    body::{self, Body, full},
    conditional,
    forward::compress,
    gate::{Denial, Inner, Visit},
    route::View,
};

/// What the editor says after a deploy, in every language, where deploys are reviewed: nothing
/// else would be true. Where policy applies them at once, Node-RED's own words are the true ones.
const SUBMITTED: &str = "Submitted for review. Nothing is running yet.";

/// What stands in for a private key. Node-RED takes it for "unchanged" when it comes back.
const MASKED: &str = "__PWRD__";

/// Whether this view's answer is changed.
pub(crate) fn patches(view: View) -> bool {
    matches!(
        view,
        View::Settings | View::EditorTexts | View::Plugins | View::Credentials
    )
}

/// Changes an answer on its way. What is not as expected passes as it is, but for credentials.
pub(crate) async fn patch(
    gate: &Inner,
    visit: &Visit,
    permit: &Permit,
    view: View,
    response: Response<Body>,
) -> Result<Response<Body>, Denial> {
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let limits = &gate.config.limits;
    let bytes = body::read(body, limits.patched_bytes_max, limits.answer)
        .await
        .map_err(|error| Denial::Failed(error.to_string()))?;
    let is_html = compress::is_html(&parts.headers);
    let may_propose = permit
        .principal()
        .is_some_and(|who| may(who, Permission::Propose));
    let is_reviewed = gate.outline.policy().await?.apply == ApplyPolicy::Reviewed;
    let patched = match view {
        View::Settings => settings(&bytes, may_propose, is_reviewed),
        View::Credentials => Some(credentials(&bytes, is_tls(visit))),
        _ => reworded(
            view,
            &bytes,
            is_html,
            &gate.config.console_origin,
            is_reviewed,
        ),
    };
    for name in [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH] {
        parts.headers.remove(name);
    }
    parts
        .headers
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if *visit.request.method() == http::Method::HEAD {
        return Ok(Response::from_parts(parts, body::empty()));
    }
    let bytes = patched.map_or(bytes, Into::into);
    // Names of secrets are kept by no browser.
    let is_had =
        view != View::Credentials && conditional::tag(visit.request.headers(), &mut parts, &bytes);
    let body = if is_had { body::empty() } else { full(bytes) };
    Ok(Response::from_parts(parts, body))
}

/// What is said differently to everybody alike; none: nothing is.
pub(crate) fn reworded(
    view: View,
    bytes: &[u8],
    is_html: bool,
    console: &str,
    is_reviewed: bool,
) -> Option<String> {
    match view {
        View::EditorTexts if is_reviewed => texts(bytes),
        View::Plugins if is_html => plugins(bytes, console),
        _ => None,
    }
}

fn settings(bytes: &[u8], may_propose: bool, is_reviewed: bool) -> Option<String> {
    let mut settings: Value = serde_json::from_slice(bytes).ok()?;
    let root = settings.as_object_mut()?;
    if let Some(user) = root.get_mut("user").and_then(Value::as_object_mut) {
        // The editor asks these before it enables a button; who may is decided at the gate.
        let shown = if may_propose { "*" } else { "*.read" };
        user.insert("permissions".to_owned(), shown.into());
    }
    let theme = root.entry("editorTheme").or_insert_with(|| json!({}));
    if let Some(theme) = theme.as_object_mut().filter(|_| is_reviewed) {
        theme.insert(
            "deployButton".to_owned(),
            json!({ "type": "default", "label": "Propose" }),
        );
    }
    Some(settings.to_string())
}

fn texts(bytes: &[u8]) -> Option<String> {
    let mut texts: Value = serde_json::from_slice(bytes).ok()?;
    let deploy = texts
        .as_object_mut()?
        .entry("deploy")
        .or_insert_with(|| json!({}));
    deploy
        .as_object_mut()?
        .insert("successfulDeploy".to_owned(), SUBMITTED.into());
    Some(texts.to_string())
}

fn plugins(bytes: &[u8], console: &str) -> Option<String> {
    let html = std::str::from_utf8(bytes).ok()?;
    let console = serde_json::to_string(console).ok()?.replace('<', "\\u003c");
    Some(format!("{html}{}", PLUGIN.replace("CONSOLE", &console)))
}

fn is_tls(visit: &Visit) -> bool {
    visit
        .target
        .segments()
        .get(1)
        .is_some_and(|kind| kind.eq_ignore_ascii_case("tls-config"))
}

/// Node-RED answers every field its type calls text in clear: for TLS that is the private key.
fn credentials(bytes: &[u8], is_tls: bool) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(bytes) else {
        return "{}".to_owned();
    };
    for (name, value) in &mut fields {
        let is_key = value
            .as_str()
            .is_some_and(|text| text.contains("PRIVATE KEY"));
        let is_set = !matches!(value, Value::Null) && value.as_str() != Some("");
        if is_set && !name.starts_with("has_") && (is_tls || is_key || !value.is_string()) {
            *value = MASKED.into();
        }
    }
    Value::Object(fields).to_string()
}

/// Shows the count of waiting deployments in the editor's header, with a link. A comfort: nothing
/// relies on it, and a hostile page may say what it likes there.
const PLUGIN: &str = r#"
<!-- --- [red-plugin:redkeep/gate] --- -->
<script type="text/javascript">
(function () {
    var console_ = CONSOLE;
    RED.plugins.registerPlugin("redkeep-gate", {
        onadd: function () {
            var link = $('<a target="_blank" rel="noopener" class="button"></a>')
                .attr("href", console_ + "/deployments").attr("title", "Deployments that wait for review");
            var item = $('<li></li>').append(link).hide();
            $(".red-ui-header-toolbar").prepend(item);
            RED.comms.subscribe("redkeep/queue", function (topic, data) {
                var count = data && Number(data.count) || 0;
                link.text(count + (count === 1 ? " waits" : " wait") + " for review");
                item.toggle(count > 0);
            });
        }
    });
})();
</script>
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deploy_button_is_enabled_for_those_who_may_propose() {
        let from = br#"{"user":{"username":"ann","permissions":["*.read"]},"editorTheme":{"a":1}}"#;
        let patched: Value = serde_json::from_str(&settings(from, true, true).unwrap()).unwrap();
        assert_eq!(patched["user"]["permissions"], "*");
        assert_eq!(patched["editorTheme"]["deployButton"]["label"], "Propose");
        assert_eq!(patched["editorTheme"]["a"], 1);
        let patched: Value = serde_json::from_str(&settings(from, false, true).unwrap()).unwrap();
        assert_eq!(patched["user"]["permissions"], "*.read");
        assert!(settings(b"[]", true, true).is_none());
        // Where deploys are applied at once, the button says what it does.
        let patched: Value = serde_json::from_str(&settings(from, true, false).unwrap()).unwrap();
        assert!(patched["editorTheme"].get("deployButton").is_none());
    }

    #[test]
    fn the_editor_never_says_deployed() {
        let patched = texts(br#"{"deploy":{"successfulDeploy":"Successfully deployed","x":"y"}}"#);
        let patched: Value = serde_json::from_str(&patched.unwrap()).unwrap();
        assert_eq!(patched["deploy"]["successfulDeploy"], SUBMITTED);
        assert_eq!(patched["deploy"]["x"], "y");
    }

    #[test]
    fn private_keys_stay_inside() {
        let from = br#"{"certdata":"CERT","keydata":"-----BEGIN PRIVATE KEY-----","has_passphrase":true,"cadata":""}"#;
        let text = credentials(from, true);
        assert!(!text.contains("BEGIN") && !text.contains("CERT"), "{text}");
        assert!(text.contains(r#""has_passphrase":true"#) && text.contains(r#""cadata":"""#));
        let text = credentials(
            br#"{"user":"bob","key":"-----BEGIN RSA PRIVATE KEY-----"}"#,
            false,
        );
        assert!(text.contains("bob") && !text.contains("BEGIN"), "{text}");
        assert_eq!(credentials(b"garbage", true), "{}");
    }

    #[test]
    fn the_plugin_cannot_be_broken_out_of() {
        let html = plugins(b"<!-- x -->", "https://keep</script>").unwrap();
        assert!(html.starts_with("<!-- x -->") && !html.contains("keep</script>"));
    }
}
