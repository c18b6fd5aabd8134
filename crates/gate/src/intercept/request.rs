//! Reading what a client submits: JSON in UTF-8, once, within limits, and nothing else.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use model::deployment::DeploymentType;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{
    body::{self, Body, ReadError},
    gate::Denial,
    limit::Limits,
};

/// `Node-RED-API-Version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// An array of nodes.
    V1,
    /// An object with `flows` and `rev`.
    V2,
}

/// `Node-RED-Deployment-Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deploy {
    /// One that changes flows.
    Type(DeploymentType),
    /// Nothing changes; what was approved is loaded again.
    Reload,
}

pub(super) fn version(headers: &HeaderMap) -> Result<Version, Denial> {
    match one(headers, "node-red-api-version")? {
        None | Some("v1") => Ok(Version::V1),
        Some("v2") => Ok(Version::V2),
        Some(_) => Err(bad(
            "invalid_api_version",
            "Node-RED-API-Version must be v1 or v2",
        )),
    }
}

pub(super) fn deployment_type(headers: &HeaderMap) -> Result<Deploy, Denial> {
    match one(headers, "node-red-deployment-type")? {
        None | Some("full") => Ok(Deploy::Type(DeploymentType::Full)),
        Some("flows") => Ok(Deploy::Type(DeploymentType::Flows)),
        Some("nodes") => Ok(Deploy::Type(DeploymentType::Nodes)),
        Some("reload") => Ok(Deploy::Reload),
        // Node-RED takes any other word for a deploy.
        Some(_) => Err(bad(
            "invalid_deployment_type",
            "Node-RED-Deployment-Type must be full, flows, nodes or reload",
        )),
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Denial> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|value| value.to_str());
    match (first, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(text)), None) => Ok(Some(text)),
        _ => Err(bad(
            "invalid_request",
            "a header stands there twice or is not text",
        )),
    }
}

#[derive(Deserialize)]
struct Body2<'a> {
    #[serde(borrow)]
    flows: &'a RawValue,
    rev: Option<String>,
    #[serde(borrow)]
    credentials: Option<&'a RawValue>,
}

/// Reads the body of version 2: the flows' text as it came, and the revision.
pub(super) fn v2(body: &[u8]) -> Result<(Vec<u8>, Option<String>), Denial> {
    let read: Body2<'_> = serde_json::from_slice(body).map_err(|error| {
        bad(
            "invalid_flow",
            &format!("the body is not as version 2 has it: {error}"),
        )
    })?;
    // The editor never sends it; Node-RED would store it as it is, for any id.
    if read.credentials.is_some() {
        return Err(bad(
            "credentials_refused",
            "credentials belong on their nodes",
        ));
    }
    Ok((read.flows.get().as_bytes().to_vec(), read.rev))
}

/// Reads a JSON body; an empty one is null.
pub(crate) async fn read_json(
    headers: &HeaderMap,
    body: Body,
    max: usize,
    limits: &Limits,
) -> Result<Value, Denial> {
    let bytes = read_bytes(headers, body, max, limits).await?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|_| bad("invalid_json", "the body is not JSON"))
}

/// Reads a body that claims to be JSON (or is empty).
pub(super) async fn read_bytes(
    headers: &HeaderMap,
    body: Body,
    max: usize,
    limits: &Limits,
) -> Result<Bytes, Denial> {
    check_kind(headers)?;
    let has_kind = headers.contains_key(header::CONTENT_TYPE);
    let bytes = body::read(body, max, limits.body_read)
        .await
        .map_err(|error| match error {
            ReadError::TooLarge { max } => Denial::Answered {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                code: "too_large",
                message: format!("the body is larger than {max} bytes"),
            },
            ReadError::Broken(why) => bad("broken_off", &why),
        })?;
    // A form posted by another site's page comes with a type of its own or with none.
    if !bytes.is_empty() && !has_kind {
        Err(unsupported())
    } else {
        Ok(bytes)
    }
}

/// Node-RED's parser also takes forms, gzip and UTF-16: each a second reading of the same bytes.
fn check_kind(headers: &HeaderMap) -> Result<(), Denial> {
    let encoding = one(headers, header::CONTENT_ENCODING.as_str())?;
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(unsupported());
    }
    let Some(kind) = one(headers, header::CONTENT_TYPE.as_str())? else {
        return Ok(());
    };
    let mut parts = kind.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let is_utf8 = parts.all(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = value.trim_matches('"');
        name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8")
    });
    if is_json && is_utf8 {
        Ok(())
    } else {
        Err(unsupported())
    }
}

fn unsupported() -> Denial {
    Denial::Answered {
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        code: "unsupported_media_type",
        message: "send application/json in UTF-8, not compressed".to_owned(),
    }
}

fn bad(code: &'static str, message: &str) -> Denial {
    Denial::Answered {
        status: StatusCode::BAD_REQUEST,
        code,
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_plain_json_is_read() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(
                check_kind(&headers(&[("content-type", good)])).is_ok(),
                "{good}"
            );
        }
        for bad in [
            "application/x-www-form-urlencoded",
            "text/plain",
            "application/json; charset=utf-16le",
            "application/json-patch+json",
            "multipart/form-data; boundary=x",
            "application/json; x=y",
        ] {
            assert!(
                check_kind(&headers(&[("content-type", bad)])).is_err(),
                "{bad}"
            );
        }
        assert!(check_kind(&headers(&[("content-encoding", "gzip")])).is_err());
        assert!(
            check_kind(&headers(&[
                ("content-type", "application/json"),
                ("content-type", "text/plain")
            ]))
            .is_err()
        );
    }

    #[test]
    fn every_deployment_type_is_known_or_refused() {
        let of =
            |word: &'static str| deployment_type(&headers(&[("node-red-deployment-type", word)]));
        assert_eq!(of("full").unwrap(), Deploy::Type(DeploymentType::Full));
        assert_eq!(of("nodes").unwrap(), Deploy::Type(DeploymentType::Nodes));
        assert_eq!(of("flows").unwrap(), Deploy::Type(DeploymentType::Flows));
        assert_eq!(of("reload").unwrap(), Deploy::Reload);
        for bad in ["load", "FULL", "", "full, reload"] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert!(version(&headers(&[("node-red-api-version", "v3")])).is_err());
        assert_eq!(version(&headers(&[])).unwrap(), Version::V1);
    }

    #[test]
    fn version_2_gives_the_flows_as_they_came() {
        let (flows, rev) = v2(br#"{"flows":[{"id":"a" ,"x":1.0}],"rev":"r"}"#).unwrap();
        assert_eq!(flows, br#"[{"id":"a" ,"x":1.0}]"#);
        assert_eq!(rev.as_deref(), Some("r"));
        for bad in [
            r#"{"rev":"r"}"#,
            "[]",
            r#"{"flows":[],"flows":[]}"#,
            r#"{"flows":[],"credentials":{"$":"x"}}"#,
            r#"{"flows":[],"rev":1}"#,
        ] {
            assert!(v2(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
