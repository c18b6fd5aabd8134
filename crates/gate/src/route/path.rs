//! One reading of the path, for policy and for Node-RED alike.
//!
//! Express matches literals without regard to case, forgives one trailing slash, and decodes
//! percent-encoding only in parameters. Whatever it, a proxy or a browser could read differently
//! from us is refused, so that no second reading exists.

use http::Uri;

/// Bytes of a path at most.
const PATH_MAX: usize = 4096;
/// Bytes of a query at most.
const QUERY_MAX: usize = 8192;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is ambiguous: {0}")]
pub struct PathError(&'static str);

/// Where a request goes: its path, understood once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The path that is forwarded: what need not be encoded is not, the rest in upper case.
    path: String,
    /// The decoded segments.
    segments: Vec<String>,
    /// The query as it came, without the question mark.
    query: Option<String>,
}

impl Target {
    /// Reads the path and query of `uri`.
    ///
    /// Errors: anything two readers could understand differently.
    pub fn parse(uri: &Uri) -> Result<Self, PathError> {
        let query = uri.query().map(query).transpose()?;
        let raw = uri.path();
        if raw.len() > PATH_MAX {
            return Err(PathError("it is too long"));
        }
        let rest = raw
            .strip_prefix('/')
            .ok_or(PathError("it does not begin with a slash"))?;
        let mut path = String::with_capacity(raw.len());
        let mut segments = Vec::new();
        let mut parts = rest.split('/').peekable();
        while let Some(part) = parts.next() {
            path.push('/');
            if part.is_empty() {
                // One trailing slash is Express's own habit; an empty segment elsewhere is a trick.
                if parts.peek().is_some() {
                    return Err(PathError("it has an empty segment"));
                }
                break;
            }
            segments.push(segment(part, &mut path)?);
        }
        Ok(Self {
            path,
            segments,
            query,
        })
    }

    /// The path to forward.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The decoded segments.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Whether this is the one segment of the path, as Express reads it.
    pub(crate) fn is(&self, only: &str) -> bool {
        matches!(self.segments.as_slice(), [segment] if segment.eq_ignore_ascii_case(only))
    }

    /// The query, without the question mark.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Path and query together, as they are forwarded.
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// The path for policy and the record: lower case, no trailing slash.
    pub fn normal(&self) -> String {
        let trimmed = self.path.strip_suffix('/').unwrap_or(&self.path);
        if trimmed.is_empty() {
            "/".to_owned()
        } else {
            trimmed.to_ascii_lowercase()
        }
    }

    /// The value of a query parameter, percent-decoded; none when absent, twice there or unreadable.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.query.as_deref()?;
        let mut values = query.split('&').filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key).as_deref() == Some(name)).then_some(value)
        });
        let value = values.next()?;
        if values.next().is_some() {
            None
        } else {
            decode(value)
        }
    }

    /// Whether the query has this parameter, however it is written.
    pub fn has_parameter(&self, name: &str) -> bool {
        let keys = self.query.iter().flat_map(|query| query.split('&'));
        keys.map(|pair| pair.split('=').next().unwrap_or(""))
            .any(|key| {
                // An array form (`a[]`, `a[b]`) reaches Express's parser as the same name.
                let key = decode(key).unwrap_or_default();
                key.split('[').next() == Some(name)
            })
    }
}

fn query(query: &str) -> Result<String, PathError> {
    if query.len() > QUERY_MAX {
        return Err(PathError("its query is too long"));
    }
    if query.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(query.to_owned())
    } else {
        Err(PathError("its query has characters that must be encoded"))
    }
}

fn segment(raw: &str, path: &mut String) -> Result<String, PathError> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = bytes
                .next()
                .and_then(hex)
                .ok_or(PathError("its encoding is broken"))?;
            let low = bytes
                .next()
                .and_then(hex)
                .ok_or(PathError("its encoding is broken"))?;
            let value = high << 4 | low;
            match value {
                // `%2f` is a slash to some, `%2e` a dot, `%25` a second round of decoding.
                b'/' | b'\\' | b'.' | b';' | b'%' | 0..0x20 | 0x7f => {
                    return Err(PathError("it encodes a character that must not be encoded"));
                }
                _ if is_unreserved(value) => path.push(char::from(value)),
                _ => {
                    path.push('%');
                    path.push_str(&data_encoding::HEXUPPER.encode(&[value]));
                }
            }
            decoded.push(value);
        } else if is_unreserved(byte) || b".!$&'()*+,=:@".contains(&byte) {
            path.push(char::from(byte));
            decoded.push(byte);
        } else {
            return Err(PathError("it has a character that must be encoded"));
        }
    }
    if decoded == b"." || decoded == b".." {
        return Err(PathError("it has a dot segment"));
    }
    String::from_utf8(decoded).map_err(|_| PathError("it is not UTF-8"))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~')
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Percent-decoding of a query's part; `+` is a space.
fn decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => bytes.next().and_then(hex)? << 4 | bytes.next().and_then(hex)?,
            _ => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// Percent-encodes everything but unreserved characters, for use in a query.
pub(crate) fn encode(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            if is_unreserved(byte) || byte == b'.' {
                encoded.push(char::from(byte));
            } else {
                encoded.push('%');
                encoded.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(path: &str) -> Result<Target, PathError> {
        Target::parse(&path.parse().expect("a uri"))
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for path in [
            "//flows",
            "/a//b",
            "/./flows",
            "/../flows",
            "/a/..",
            "/a/.",
            "/flows;x",
            "/flows%3bx",
            "/flows%2f",
            "/flows%2F",
            "/x%5cy",
            "/%2e%2e/flows",
            "/%2e/flows",
            "/%00",
            "/%0a",
            "/%2566lows",
            "/%zz",
            "/%4",
            "/%",
            "/a%ff",
            "/flows%7f",
            "//",
            "/a//",
        ] {
            assert!(parse(path).is_err(), "{path} was accepted");
        }
        assert!(Target::parse(&Uri::from_static("*")).is_err());
    }

    #[test]
    fn encoded_letters_are_letters() {
        let target = parse("/%66lows/?x=1").unwrap();
        assert_eq!(target.path(), "/flows/");
        assert_eq!(target.normal(), "/flows");
        assert_eq!(target.path_and_query(), "/flows/?x=1");
        assert_eq!(parse("/%46LOWS").unwrap().normal(), "/flows");
        assert_eq!(parse("/a%c3%a4").unwrap().path(), "/a%C3%A4");
        assert_eq!(parse("/").unwrap().segments().len(), 0);
        assert_eq!(parse("/").unwrap().path(), "/");
    }

    #[test]
    fn parameters_are_found_however_they_are_written() {
        let target = parse("/?access%5Ftoken=x&a=1&a=2&b=x%20y").unwrap();
        assert!(target.has_parameter("access_token"));
        assert!(
            parse("/?access_token[]=x")
                .unwrap()
                .has_parameter("access_token")
        );
        assert_eq!(target.parameter("a"), None);
        assert_eq!(target.parameter("b").as_deref(), Some("x y"));
    }
}
