//! Coming in: the browser is sent to the console to log in and returns with a code that is good
//! once, for this browser (the state cookie), for a minute.

use http::{HeaderMap, HeaderValue, header};
use subtle::ConstantTimeEq as _;

use super::SESSION_COOKIE;
use crate::{
    headers::cookies,
    route::{Target, path},
};

/// The cookie that ties a code to the browser that asked for it, and remembers where it wanted to.
const ENTRY_COOKIE: &str = "__Host-redkeep-entry";
/// Bytes of the remembered address at most.
const TO_MAX: usize = 1024;

/// The way to the console's login: the address, and the cookie to set.
pub(crate) fn leave_for_login(
    console_origin: &str,
    instance: &str,
    target: &Target,
) -> Option<(String, HeaderValue)> {
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    let state = data_encoding::BASE64URL_NOPAD.encode(&random);
    let wanted = target.path_and_query();
    let to = if is_local(&wanted) {
        wanted.as_str()
    } else {
        "/"
    };
    let location = format!(
        "{console_origin}/sign-in?gate={instance}&state={state}&to={}",
        path::encode(to)
    );
    let remembered = data_encoding::BASE64URL_NOPAD.encode(to.as_bytes());
    let cookie = format!(
        "{ENTRY_COOKIE}={state}.{remembered}; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=600"
    );
    Some((location, HeaderValue::from_str(&cookie).ok()?))
}

/// Where the browser that holds the state cookie wanted to, if `state` is its state.
pub(crate) fn wanted(headers: &HeaderMap, state: &str) -> Option<String> {
    // The state is compared in constant time: it is what stops a code from being planted on
    // somebody else's browser (login CSRF).
    let (_, to) = cookies(headers, ENTRY_COOKIE)
        .filter_map(|value| value.split_once('.'))
        .find(|(held, _)| {
            held.len() >= 32 && bool::from(held.as_bytes().ct_eq(state.as_bytes()))
        })?;
    let to = data_encoding::BASE64URL_NOPAD.decode(to.as_bytes()).ok()?;
    let to = String::from_utf8(to).ok()?;
    Some(if is_local(&to) { to } else { "/".to_owned() })
}

/// The cookies of a session that was just opened.
pub(crate) fn open(headers: &mut HeaderMap, secret: &str) {
    set(
        headers,
        &format!("{SESSION_COOKIE}={secret}; Secure; HttpOnly; SameSite=Lax; Path=/"),
    );
    forget(headers, ENTRY_COOKIE);
}

/// The same for a wall display's, which is kept when its browser ends. Long: the session itself knows
/// when it is over, and being used renews it.
pub(crate) fn open_lasting(headers: &mut HeaderMap, secret: &str) {
    set(
        headers,
        &format!(
            "{SESSION_COOKIE}={secret}; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=34560000"
        ),
    );
}

/// An address of this gate, or its root.
pub(crate) fn local(to: &str) -> String {
    (if is_local(to) { to } else { "/" }).to_owned()
}

/// The cookies of a session that ended.
pub(crate) fn close(headers: &mut HeaderMap) {
    forget(headers, SESSION_COOKIE);
}

fn forget(headers: &mut HeaderMap, name: &str) {
    set(
        headers,
        &format!("{name}=; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age=0"),
    );
}

fn set(headers: &mut HeaderMap, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        headers.append(header::SET_COOKIE, value);
    }
}

/// Whether a redirect to this stays here: `//host`, `/\host` and the like do not.
fn is_local(to: &str) -> bool {
    to.len() <= TO_MAX
        && to
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && to
            .parse()
            .ok()
            .and_then(|uri| Target::parse(&uri).ok())
            .is_some_and(|target| {
                target.path_and_query() == to && !target.normal().starts_with("/.redkeep")
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_browser_that_asked_comes_in_and_only_to_where_it_wanted() {
        let target = Target::parse(&"/red/x?y=1".parse().unwrap()).unwrap();
        let (location, cookie) = leave_for_login("https://keep", "main", &target).unwrap();
        let state = location
            .split("state=")
            .nth(1)
            .unwrap()
            .split('&')
            .next()
            .unwrap();
        assert!(location.ends_with("&to=%2Fred%2Fx%3Fy%3D1"), "{location}");
        let mut headers = HeaderMap::new();
        let pair = cookie.to_str().unwrap().split(';').next().unwrap();
        headers.insert(header::COOKIE, pair.parse().unwrap());
        assert_eq!(wanted(&headers, state).as_deref(), Some("/red/x?y=1"));
        assert_eq!(wanted(&headers, "other"), None);
        assert_eq!(wanted(&HeaderMap::new(), state), None);
        assert_eq!(wanted(&headers, ""), None);
    }

    #[test]
    fn a_redirect_never_leaves_the_gate() {
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/",
            "evil",
            "/a//b",
            "/x\r\ny",
        ] {
            assert!(!is_local(bad), "{bad:?}");
        }
        assert!(is_local("/") && is_local("/dashboard/page1?x=1"));
    }
}
