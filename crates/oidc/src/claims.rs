//! What a provider says of somebody, read with limits.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

/// Groups that are looked at.
const GROUPS_MAX: usize = 1000;
/// Bytes of a group's name.
const GROUP_BYTES_MAX: usize = 256;
/// Bytes of a subject, as OpenID Connect Core 1.0, section 2, bounds it.
const SUBJECT_BYTES_MAX: usize = 255;

/// The claims of a token whose signature was checked.
pub(crate) fn of_token(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    let bytes = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A claim by its name, or by a path with dots (`realm_access.roles`).
fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    claims.get(name).or_else(|| {
        let mut found = claims;
        for part in name.split('.') {
            found = found.get(part)?;
        }
        Some(found)
    })
}

/// The groups; none: the claim is not there. One text is one group.
pub(crate) fn groups(claims: &Value, name: &str) -> Option<Vec<String>> {
    let fits = |text: &&str| !text.is_empty() && text.len() <= GROUP_BYTES_MAX;
    match claim(claims, name)? {
        Value::String(text) => Some(
            Some(text.as_str())
                .filter(fits)
                .map(str::to_owned)
                .into_iter()
                .collect(),
        ),
        Value::Array(values) => {
            let texts = values.iter().take(GROUPS_MAX).filter_map(Value::as_str);
            Some(texts.filter(fits).map(str::to_owned).collect())
        }
        _ => None,
    }
}

/// What somebody may be called: the provider's words, in the order they are tried.
pub(crate) fn names(claims: &Value) -> Vec<String> {
    let words = ["preferred_username", "email", "name", "sub"];
    let found = words.iter().filter_map(|word| claims.get(word)?.as_str());
    found.map(|text| text.chars().take(200).collect()).collect()
}

/// The subject, if it is one.
pub(crate) fn subject(claims: &Value) -> Option<String> {
    let text = claims.get("sub")?.as_str()?;
    let is_plain = !text.is_empty() && text.len() <= SUBJECT_BYTES_MAX && !text.contains('\0');
    is_plain.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn groups_are_found_by_name_and_by_path() {
        let claims = json!({
            "groups": ["a", 1, "", "b"], "one": "c", "realm_access": {"roles": ["d"]},
            "https://plant.example/groups": ["e"], "odd": 7,
        });
        let of = |name| groups(&claims, name);
        assert_eq!(of("groups").unwrap(), ["a", "b"]);
        assert_eq!(of("one").unwrap(), ["c"]);
        assert_eq!(of("realm_access.roles").unwrap(), ["d"]);
        assert_eq!(of("https://plant.example/groups").unwrap(), ["e"]);
        assert_eq!(of("odd"), None);
        assert_eq!(of("nothing"), None);
        let many: Vec<String> = (0..2000).map(|it| it.to_string()).collect();
        assert_eq!(
            groups(&json!({ "groups": many }), "groups").unwrap().len(),
            GROUPS_MAX
        );
    }

    #[test]
    fn a_subject_is_short_and_there() {
        assert_eq!(subject(&json!({"sub": "x"})).unwrap(), "x");
        for bad in [
            json!({}),
            json!({"sub": ""}),
            json!({"sub": 7}),
            json!({"sub": "x".repeat(256)}),
        ] {
            assert_eq!(subject(&bad), None, "{bad}");
        }
    }
}
