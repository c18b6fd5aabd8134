//! Node-RED's settings blob: what it wants to remember, without what would change what runs.

use serde_json::{Map, Value};

/// Largest blob, in bytes.
pub(super) const BYTES_MAX: usize = 5_000_000;

/// Keys Node-RED takes from the blob that decide what runs, and from which code could persist what
/// nobody approved. Without them it does what the settings file says.
///
/// `nodes` names the file of every node set and whether it is enabled: one entry could switch off
/// an alarm node, or load another file in its place. Node-RED finds its node sets anew without it.
const DECIDE_WHAT_RUNS: [&str; 10] = [
    "nodes",
    "modules",
    "projects",
    "activeProject",
    "runtimeFlowState",
    "credentialSecret",
    "_credentialSecret",
    "telemetry",
    "telemetryEnabled",
    "externalModules",
];

/// Why a blob is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BlobError {
    /// Too long.
    #[error("settings of more than 5 MB are not kept")]
    TooLarge,
    /// No JSON object.
    #[error("settings must be a JSON object")]
    NotAnObject,
}

/// The blob without the keys that decide what runs. Done on save and on load: what was stored
/// before a key was known is harmless too.
pub(super) fn harmless(text: &[u8]) -> Result<String, BlobError> {
    if text.len() > BYTES_MAX {
        return Err(BlobError::TooLarge);
    }
    let mut blob: Map<String, Value> =
        serde_json::from_slice(text).map_err(|_| BlobError::NotAnObject)?;
    blob.retain(|key, _| !DECIDE_WHAT_RUNS.contains(&key.as_str()) && key != "__proto__");
    Ok(Value::Object(blob).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_what_runs_goes_and_the_rest_stays() {
        let text = br#"{"instanceId":"1","nodes":{"node-red":{"nodes":{"exec":{"enabled":false,
            "file":"/work/evil.js"}}}},"modules":{"x":{}},"runtimeFlowState":"stop",
            "_credentialSecret":"k","telemetryEnabled":true,"users":{"ann":{"editor":{}}}}"#;
        let kept = harmless(text).unwrap();
        assert_eq!(kept, r#"{"instanceId":"1","users":{"ann":{"editor":{}}}}"#);
        assert_eq!(harmless(kept.as_bytes()).unwrap(), kept);
    }

    #[test]
    fn a_blob_has_bounds() {
        assert_eq!(harmless(b"[]"), Err(BlobError::NotAnObject));
        assert_eq!(harmless(b"null"), Err(BlobError::NotAnObject));
        assert_eq!(
            harmless(&vec![b' '; BYTES_MAX + 1]),
            Err(BlobError::TooLarge)
        );
    }
}
