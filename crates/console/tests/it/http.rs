//! A browser, as far as the tests need one.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use model::{
    access::Role,
    clock::{FixedClock, Timestamp},
};
use store::SessionKind;
use tower::ServiceExt as _;

use crate::house::{House, ORIGIN};

/// A console with everything behind it.
pub(crate) struct Console {
    pub(crate) house: House,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) router: Router,
    _dir: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{} {}",
            self.header("location"),
            self.text
        );
        self
    }

    /// The value of the first hidden field of this name.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let (_, rest) = self
            .text
            .split_once(&mark)
            .unwrap_or_else(|| panic!("no field {name}"));
        rest.split('"').next().unwrap().replace("&#38;", "&")
    }
}

/// A request being put together.
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    peer: SocketAddr,
}

impl Ask {
    pub(crate) fn get(path: &str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: String::new(),
            peer: ([192, 0, 2, 7], 50_000).into(),
        }
    }

    /// A form as one of our own pages sends it.
    pub(crate) fn post(path: &str, fields: &[(&str, &str)]) -> Self {
        Self::new(Method::POST, path)
            .form(fields)
            .with("origin", ORIGIN)
    }

    fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let encode = |text: &str| {
            let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
            bytes.collect::<String>()
        };
        let pairs = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)));
        self.body = pairs.collect::<Vec<_>>().join("&");
        self.with("content-type", "application/x-www-form-urlencoded")
    }

    pub(crate) fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = body.to_string();
        self.with("content-type", "application/json")
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// From another address than 192.0.2.7.
    pub(crate) fn from(mut self, address: &str) -> Self {
        self.peer = SocketAddr::new(address.parse().unwrap(), 50_000);
        self
    }

    pub(crate) fn session(self, secret: &str) -> Self {
        self.with("cookie", &format!("__Host-redkeep-console={secret}"))
    }

    pub(crate) fn bearer(self, secret: &str) -> Self {
        self.with("authorization", &format!("Bearer {secret}"))
    }

    pub(crate) async fn send(self, router: &Router) -> Answer {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(self.body)).unwrap();
        request.extensions_mut().insert(self.peer);
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            text,
        };
        every_answer_is_guarded(&self.path, &answer);
        answer
    }
}

/// What must hold of every answer, whatever was asked.
fn every_answer_is_guarded(path: &str, answer: &Answer) {
    // The pages that ask for a passkey, and no others: not one that shows what strangers wrote.
    let page = path.split('?').next().unwrap();
    let may_run = page.starts_with("/sign-in")
        || page.starts_with("/enrol")
        || page.starts_with("/account/passkeys/")
        || page.ends_with("/touch")
        || answer.status == 403 && answer.text.contains("<h1>Is it you?</h1>");
    let script = if may_run && answer.text.contains("<script") {
        " script-src 'self';"
    } else {
        ""
    };
    let expected = format!(
        "default-src 'none';{script} style-src 'self'; img-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    );
    let policy = answer.header("content-security-policy");
    let without = policy.replace(" script-src 'self';", "");
    assert!(
        policy == expected || may_run && without == expected,
        "{path}: {policy}"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
    assert_eq!(
        answer.header("cross-origin-resource-policy"),
        "same-origin",
        "{path}"
    );
    let is_kept = path.starts_with("/assets/") || path == "/favicon.ico";
    assert_eq!(
        answer.header("cache-control") == "no-store",
        !is_kept,
        "{path}"
    );
    assert!(
        answer.headers.get("access-control-allow-origin").is_none(),
        "{path}"
    );
    if answer.header("content-type").starts_with("text/html") {
        // The one script, as a file of ours; nothing inline.
        let text = if may_run {
            answer
                .text
                .replacen("<script src=\"/assets/passkey.", "", 1)
                .replacen("</script>", "", 1)
        } else {
            answer.text.clone()
        };
        no_code(path, &text);
    }
}

/// No page holds script, handlers or inline style, in whatever came from strangers.
fn no_code(path: &str, page: &str) {
    let lower = page.to_lowercase();
    assert!(!lower.contains("<script"), "{path}: script");
    assert!(!lower.contains("javascript:"), "{path}: javascript address");
    for tag in lower.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        // Values cannot hold a bare quote, so every second piece is a value.
        let names = tag.split('"').step_by(2).collect::<String>();
        assert!(
            !names.contains(" style="),
            "{path}: inline style in <{tag}>"
        );
        let handler = names.split_whitespace().find(|word| word.starts_with("on"));
        assert!(handler.is_none(), "{path}: {handler:?} in <{tag}>");
        assert!(!tag.starts_with("style"), "{path}: style element");
        assert!(
            !tag.starts_with("iframe") && !tag.starts_with("object"),
            "{path}: {tag}"
        );
    }
}

impl Console {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::new(Timestamp(1_763_664_000_000)));
        let house = House::new(dir.path(), clock.clone()).await;
        let router = console::router(house.context());
        Self {
            house,
            clock,
            router,
            _dir: dir,
        }
    }

    /// A user of this role, named after it, with a console session.
    pub(crate) async fn person(&self, name: &str, role: Role) -> String {
        self.house.user(name, role).await;
        self.session(name, SessionKind::Console).await
    }

    pub(crate) async fn session(&self, name: &str, kind: SessionKind) -> String {
        let user = self
            .house
            .store
            .user_by_name(&name.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        let opened = self
            .house
            .store
            .open_session(user.id, kind, None, None, "test")
            .await;
        opened.unwrap().1.0
    }

    pub(crate) async fn get(&self, session: &str, path: &str) -> Answer {
        Ask::get(path).session(session).send(&self.router).await
    }

    /// Sends a form with the session's own token.
    pub(crate) async fn post(&self, session: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self
            .get(session, "/account")
            .await
            .expect(200)
            .field("csrf");
        let mut fields = fields.to_vec();
        fields.push(("csrf", &csrf));
        Ask::post(path, &fields)
            .session(session)
            .send(&self.router)
            .await
    }
}

pub(crate) fn set_cookie(answer: &Answer) -> Option<String> {
    let value = answer.headers.get(header::SET_COOKIE)?.to_str().unwrap();
    let (secret, rest) = value
        .strip_prefix("__Host-redkeep-console=")?
        .split_once(';')?;
    assert_eq!(rest, " Path=/; Secure; HttpOnly; SameSite=Strict");
    Some(secret.to_owned())
}
