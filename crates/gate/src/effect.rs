//! Effects in what already runs, and what is kept beside it: forwarded, but in a form of our own
//! making, so that nothing else rides along.

use http::{HeaderValue, Method, Response, StatusCode, header};
use model::audit::EventKind;
use serde_json::{Value, json};

use crate::{
    authorize::Permit,
    body::{Body, empty, full},
    gate::{Denial, Inner, Visit, answer::downstream},
    intercept::request::read_json,
    route::{Class, Effect, Endpoints, Write},
};

/// Causes an effect, and writes it down.
pub(crate) async fn trigger(
    gate: &Inner,
    visit: Visit,
    body: Body,
    permit: &Permit,
) -> Result<Response<Body>, Denial> {
    let Class::Effect(effect) = permit.class() else {
        return Err(Denial::Failed("this is no effect".to_owned()));
    };
    let body = if *visit.request.method() == Method::DELETE {
        Value::Null
    } else {
        read_json(
            visit.request.headers(),
            body,
            gate.config.limits.body_bytes_max,
            &gate.config.limits,
        )
        .await?
    };
    let endpoints = gate.outline.endpoints().await?;
    let sent = match effect {
        Effect::Inject(id) => inject(&endpoints, id, &body)?,
        Effect::Debug(id) => debug(&endpoints, &[id.as_str()])?,
        Effect::DebugMany => {
            let ids = body.get("nodes").and_then(Value::as_array);
            let ids: Option<Vec<&str>> =
                ids.and_then(|ids| ids.iter().map(Value::as_str).collect());
            debug(
                &endpoints,
                &ids.ok_or_else(|| not_allowed("\"nodes\" is no list of ids"))?,
            )?
        }
        Effect::Context => Value::Null,
    };
    let sent = if sent.is_null() {
        empty()
    } else {
        full(sent.to_string())
    };
    let response = send(gate, &visit, permit, sent).await?;
    let principal = visit.known.as_ref().map(|known| &known.principal);
    let address = visit.peer.address().ip();
    let detail = json!({ "status": response.status().as_u16() });
    gate.record
        .write(
            EventKind::Triggered,
            principal,
            address,
            &visit.subject(),
            detail,
        )
        .await;
    Ok(response)
}

/// Node-RED delivers an inject to any node, with properties of the sender's choice (environment
/// variables and JSONata among them): only inject nodes, only as they were approved.
fn inject(endpoints: &Endpoints, id: &str, body: &Value) -> Result<Value, Denial> {
    let Some(deployed) = endpoints.inject(id) else {
        return Err(Denial::Answered {
            status: StatusCode::NOT_FOUND,
            code: "not_found",
            message: "there is no such inject node in the flows that run".to_owned(),
        });
    };
    match body {
        Value::Null => Ok(json!({})),
        Value::Object(fields) => {
            let is_plain = fields.iter().all(|(key, value)| {
                key == "__user_inject_props__" && (value == deployed || value.is_null())
            });
            if is_plain {
                Ok(json!({}))
            } else {
                Err(not_allowed(
                    "inject sends what is deployed and nothing else; propose the change first",
                ))
            }
        }
        _ => Err(not_allowed("the body is no object")),
    }
}

/// Node-RED switches `active` of any node: only debug nodes.
fn debug(endpoints: &Endpoints, ids: &[&str]) -> Result<Value, Denial> {
    if ids.iter().all(|id| endpoints.is_debug(id)) {
        Ok(json!({ "nodes": ids }))
    } else {
        Err(not_allowed("only debug nodes that run can be switched"))
    }
}

/// Keeps something beside the flows.
pub(crate) async fn write(
    gate: &Inner,
    visit: Visit,
    body: Body,
    permit: &Permit,
    write: Write,
) -> Result<Response<Body>, Denial> {
    let limits = &gate.config.limits;
    let max = match write {
        Write::UserSettings => limits.body_bytes_max,
        Write::Library => limits.flows_bytes_max,
    };
    let mut body = read_json(visit.request.headers(), body, max, limits).await?;
    if write == Write::UserSettings {
        without_telemetry(&mut body);
    }
    send(gate, &visit, permit, full(body.to_string())).await
}

/// A user's "yes" to telemetry counts for everybody in Node-RED, whatever its settings say.
fn without_telemetry(body: &mut Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.remove("telemetryEnabled");
    }
}

async fn send(
    gate: &Inner,
    visit: &Visit,
    permit: &Permit,
    body: Body,
) -> Result<Response<Body>, Denial> {
    let mut request = gate.upstream_request(visit, permit, body);
    let json = HeaderValue::from_static("application/json");
    request.headers_mut().insert(header::CONTENT_TYPE, json);
    request.headers_mut().remove(header::CONTENT_ENCODING);
    Ok(downstream(gate.forwarder.send(permit, request).await?))
}

fn not_allowed(message: &str) -> Denial {
    Denial::Answered {
        status: StatusCode::FORBIDDEN,
        code: "not_allowed",
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use model::flow::{Flows, Limits};

    use super::*;

    fn endpoints() -> Endpoints {
        let flows = br#"[{"id":"i","type":"inject","props":[{"p":"payload","v":"1","vt":"num"}]},
            {"id":"f","type":"function"},{"id":"d","type":"debug"}]"#;
        Endpoints::of(&Flows::submitted(flows, &Limits::default()).unwrap().flows)
    }

    #[test]
    fn inject_sends_what_was_approved() {
        let endpoints = endpoints();
        let props = json!({"__user_inject_props__":[{"p":"payload","v":"1","vt":"num"}]});
        for body in [Value::Null, json!({}), props] {
            assert_eq!(inject(&endpoints, "i", &body).unwrap(), json!({}));
        }
        let env = json!({"__user_inject_props__":[{"p":"x","v":"SECRET","vt":"env"}]});
        assert!(inject(&endpoints, "i", &env).is_err());
        assert!(inject(&endpoints, "i", &json!({"payload": 1})).is_err());
        assert!(
            inject(&endpoints, "f", &Value::Null).is_err(),
            "only inject nodes"
        );
    }

    #[test]
    fn only_debug_nodes_are_switched() {
        let endpoints = endpoints();
        assert!(debug(&endpoints, &["d"]).is_ok());
        assert!(debug(&endpoints, &["d", "f"]).is_err());
    }

    #[test]
    fn telemetry_is_not_turned_on_by_a_user() {
        let mut body = json!({"telemetryEnabled": true, "editor": {"view": 1}});
        without_telemetry(&mut body);
        assert_eq!(body, json!({"editor": {"view": 1}}));
    }
}
