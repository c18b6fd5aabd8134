//! `.npmrc`: which registry, and who we are there.
//!
//! Reads the INI dialect of npm's configuration files
//! (npm's own documentation, "npmrc" under "Configuring npm") as far as fetching needs it:
//! `registry=`, and the `_authToken` and `_auth` of a registry given as `//host/path/:_authToken=`.
//! Pure: the files' texts and the environment's values come from the caller.

use std::fmt;

use http::HeaderValue;

/// Where a registry is, and the credential it gets.
#[derive(Debug, Clone)]
pub struct Address {
    /// Its http(s) URL.
    pub registry: String,
    /// What to log in with; it is sent to this registry's origin and nowhere else.
    pub credential: Option<Credential>,
}

/// A secret for an `Authorization` header. Its `Debug` does not tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(HeaderValue);

impl Credential {
    /// A bearer token, npm's `_authToken`. None if it could not stand in a header.
    pub fn bearer(token: &str) -> Option<Self> {
        Self::of("Bearer", token)
    }

    /// `user:password` in base64, npm's `_auth`. None if it could not stand in a header.
    pub fn basic(encoded: &str) -> Option<Self> {
        Self::of("Basic", encoded)
    }

    fn of(scheme: &str, secret: &str) -> Option<Self> {
        if secret.is_empty() {
            return None;
        }
        let mut header = HeaderValue::try_from(format!("{scheme} {secret}")).ok()?;
        header.set_sensitive(true);
        Some(Self(header))
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// What one or more `.npmrc` files say.
#[derive(Debug, Clone, Default)]
pub struct Npmrc {
    registry: Option<String>,
    /// `host/path/` with a credential.
    credentials: Vec<(String, Credential)>,
}

impl Npmrc {
    /// Reads a file's text. `${NAME}` is replaced by what `environment` answers, as npm does; a
    /// value that names something not set is left out, so that no half of a token is ever sent.
    pub fn parse(text: &str, environment: impl Fn(&str) -> Option<String>) -> Self {
        let mut npmrc = Self::default();
        for line in text.lines().map(str::trim) {
            if line.starts_with(['#', ';', '[']) {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let value = unquoted(value.trim());
            let Some(value) = expanded(value, &environment) else {
                continue;
            };
            npmrc.set(key.trim(), value);
        }
        npmrc
    }

    fn set(&mut self, key: &str, value: String) {
        if key == "registry" {
            self.registry = Some(value).filter(|value| !value.is_empty());
            return;
        }
        // Keys without a host (`_authToken=`) would go to whatever registry is set; npm itself
        // stopped taking them, and so they are not taken here.
        let Some((place, key)) = key.strip_prefix("//").and_then(|key| key.rsplit_once(':')) else {
            return;
        };
        let credential = match key {
            "_authToken" => Credential::bearer(&value),
            "_auth" => Credential::basic(&value),
            _ => None,
        };
        let mut place = place.to_ascii_lowercase();
        if !place.ends_with('/') {
            place.push('/');
        }
        self.credentials
            .extend(credential.map(|credential| (place, credential)));
    }

    /// Fills in from another file what this one does not say (npm: the project's file before the
    /// user's before the system's).
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.registry = self.registry.or(other.registry);
        self.credentials.extend(other.credentials);
        self
    }

    /// The registry named, if any.
    pub fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// A registry's address with the credential that is configured for it: that of its own path,
    /// or of the nearest path above it on the same host and port.
    pub fn address(&self, registry: &str) -> Address {
        let place = registry
            .trim()
            .split_once("://")
            .map_or("", |(_, rest)| rest);
        let place = place.split(['?', '#']).next().unwrap_or_default();
        // Hosts are compared without case. Paths then are too, which can only pick another of the
        // user's own credentials for the same host.
        let mut place = place.to_ascii_lowercase();
        if !place.ends_with('/') {
            place.push('/');
        }
        let credential = self
            .credentials
            .iter()
            .filter(|(configured, _)| place.starts_with(configured.as_str()))
            // The first of several equally long ones: files are joined most specific first.
            .rev()
            .max_by_key(|(configured, _)| configured.len())
            .map(|(_, credential)| credential.clone());
        Address {
            registry: registry.trim().to_owned(),
            credential,
        }
    }
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(value)
}

/// Replaces `${NAME}` and `${NAME?}` (which may be unset). None if a needed one is not set.
fn expanded(value: &str, environment: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else {
            break;
        };
        text.push_str(before);
        match name.strip_suffix('?') {
            Some(optional) => text.push_str(&environment(optional).unwrap_or_default()),
            None => text.push_str(&environment(name)?),
        }
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Npmrc {
        Npmrc::parse(text, |name| (name == "TOKEN").then(|| "s3cret".to_owned()))
    }

    fn sent(npmrc: &Npmrc, registry: &str) -> Option<String> {
        let credential = npmrc.address(registry).credential?;
        Some(credential.header().to_str().unwrap().to_owned())
    }

    #[test]
    fn the_registry_and_its_token_are_found() {
        let npmrc = parse(
            "; ours\n# too\n registry = \"https://npm.example/a/\" \n\
             //npm.example/a/:_authToken=${TOKEN}\n//other.example/:_auth=dTpw\nfund=false\n",
        );
        assert_eq!(npmrc.registry(), Some("https://npm.example/a/"));
        assert_eq!(
            sent(&npmrc, "https://npm.example/a/").as_deref(),
            Some("Bearer s3cret")
        );
        assert_eq!(
            sent(&npmrc, "https://npm.example/a").as_deref(),
            Some("Bearer s3cret")
        );
        assert_eq!(
            sent(&npmrc, "https://other.example").as_deref(),
            Some("Basic dTpw")
        );
    }

    #[test]
    fn a_token_goes_to_its_host_only() {
        let npmrc = parse("//npm.example/a/:_authToken=t\n");
        for foreign in [
            "https://npm.example/",
            "https://npm.example/b/",
            "https://npm.example/ab/",
            "https://npm.example:8443/a/",
            "https://npm.example.evil.example/a/",
            "https://evil.example/npm.example/a/",
        ] {
            assert_eq!(sent(&npmrc, foreign), None, "{foreign}");
        }
        assert_eq!(sent(&parse("_authToken=t\n"), "https://npm.example/"), None);
    }

    #[test]
    fn the_nearest_path_and_the_first_file_win() {
        let npmrc = parse("//h/:_authToken=wide\n//h/a/:_authToken=near\n");
        assert_eq!(
            sent(&npmrc, "https://h/a/b").as_deref(),
            Some("Bearer near")
        );
        assert_eq!(sent(&npmrc, "https://h/c").as_deref(), Some("Bearer wide"));

        let joined = parse("registry=https://h/\n//h/:_authToken=user")
            .or(parse("registry=https://system/\n//h/:_authToken=system"));
        assert_eq!(joined.registry(), Some("https://h/"));
        assert_eq!(sent(&joined, "https://h/").as_deref(), Some("Bearer user"));
    }

    #[test]
    fn an_unset_variable_makes_no_half_token() {
        assert_eq!(
            sent(&parse("//h/:_authToken=x${NOT_SET}"), "https://h/"),
            None
        );
        assert_eq!(
            sent(&parse("//h/:_authToken=x${NOT_SET?}"), "https://h/").as_deref(),
            Some("Bearer x")
        );
        assert_eq!(
            sent(&parse("//h/:_authToken=a${TOKEN"), "https://h/").as_deref(),
            Some("Bearer a${TOKEN")
        );
    }

    #[test]
    fn debug_output_keeps_the_secret() {
        let npmrc = parse("//h/:_authToken=${TOKEN}");
        let shown = format!("{npmrc:?} {:?}", npmrc.address("https://h/"));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
