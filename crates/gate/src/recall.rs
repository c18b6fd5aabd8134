//! Answers of Node-RED that are the same for everybody who may read them, kept while Node-RED stays
//! the same: what nodes and plugins there are, their texts, icons and scripts.
//!
//! What is not in the key is not sent to Node-RED either, so that no answer depends on it: no cookie,
//! no address, nothing else a client says. The key holds which Node-RED it is (which start, since
//! when it is as it is), which flows, and whether who asks may propose. Who they are is told to
//! Node-RED, as always; an answer that sets a cookie, or says that it is for one person, is not kept.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::Body as _;
use model::{
    access::{Permission, may},
    clock::Timestamp,
    id::Hash,
    instance::ApplyPolicy,
};
use quick_cache::{OptionsBuilder, Weighter, sync::Cache};

use crate::{
    authorize::Permit,
    body::{self, Body, empty, full},
    conditional, editor,
    forward::compress::{self, Coding},
    gate::{Denial, Inner, Visit, answer},
    headers,
    press::{press, unpress},
    route::{Class, View},
};

/// Bytes kept at most, compressed: several languages of a well-filled palette.
const KEPT_MAX: u64 = 4 << 20;
/// Answers kept, about.
const KEPT_ANSWERS: usize = 256;
/// What an answer weighs beside its body.
const KEPT_OVERHEAD: u64 = 1024;
/// Below this a text is not compressed.
const WORTH_IT: usize = 1024;
/// Brotli's quality: made once for each start of Node-RED, while an editor waits.
const QUALITY: i32 = 7;
/// Bytes of `Accept` and `Accept-Language` at most; with more, nothing is kept.
const WISH_MAX: usize = 256;
/// Bytes of a parameter's value at most.
const VALUE_MAX: usize = 64;

/// Which start of Node-RED is up, and since when it is as it is.
pub type Generation = (u32, Timestamp);

/// Everything an answer may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    state: State,
    path: String,
    query: String,
    accept: Option<HeaderValue>,
    language: Option<HeaderValue>,
    may_propose: bool,
    is_reviewed: bool,
}

/// Which Node-RED it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    generation: Generation,
    flows: Option<Hash>,
    /// How often its nodes were said to have changed.
    nodes: u64,
}

/// Answers that are kept.
#[derive(Debug)]
pub(crate) struct Recall {
    kept: Cache<Key, Arc<Kept>, Weight>,
    of: Mutex<Option<State>>,
    nodes: AtomicU64,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Key, Arc<Kept>> for Weight {
    fn weight(&self, _: &Key, kept: &Arc<Kept>) -> u64 {
        kept.bytes.len() as u64 + KEPT_OVERHEAD
    }
}

/// One answer.
#[derive(Debug)]
struct Kept {
    headers: HeaderMap,
    /// Its digest is its tag.
    digest: Hash,
    /// As Node-RED sent it, or compressed.
    bytes: Bytes,
    /// Bytes of the text, where it is compressed.
    pressed_from: Option<usize>,
}

/// Why an answer is not kept.
enum Unfit {
    /// It is for one person, or too large, or an error: it is fetched again, in full.
    Not,
    /// There is none.
    Denied(Denial),
}

impl Recall {
    /// Nothing is known yet.
    pub(crate) fn new() -> Self {
        // One shard: an answer may take a good part of the whole.
        let options = OptionsBuilder::new()
            .shards(1)
            .estimated_items_capacity(KEPT_ANSWERS)
            .weight_capacity(KEPT_MAX)
            .build()
            .expect("all that is needed is given");
        Self {
            kept: Cache::with_options(
                options,
                Weight,
                quick_cache::DefaultHashBuilder::default(),
                quick_cache::sync::DefaultLifecycle::default(),
            ),
            of: Mutex::default(),
            nodes: AtomicU64::new(0),
        }
    }

    /// Node-RED says that its nodes are others now.
    pub(crate) fn nodes_changed(&self) {
        self.nodes.fetch_add(1, Ordering::Relaxed);
    }

    /// What was kept of another state is of no use any more.
    fn turn_to(&self, state: State) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if *of != Some(state) {
            self.kept.clear();
            *of = Some(state);
        }
    }
}

/// Whether it is a question of which the answer may be kept.
pub(crate) fn keeps(visit: &Visit, permit: &Permit) -> bool {
    let is_kept = matches!(
        permit.class(),
        // The editor's own files are on the shelf; these are files and icons of packages.
        Class::Asset | Class::Read(View::Catalogue | View::EditorTexts | View::Plugins)
    );
    is_kept && *visit.request.method() == Method::GET
}

impl Inner {
    /// The answer to a question that [`keeps`]: from memory, or from Node-RED for everybody who asks
    /// meanwhile.
    pub(crate) async fn recall(
        &self,
        visit: &Visit,
        permit: &Permit,
    ) -> Result<Option<Response<Body>>, Denial> {
        let Some(key) = self.key(visit, permit).await? else {
            return Ok(None);
        };
        self.recall.turn_to(key.state);
        let learnt = self.learn(visit, permit, &key);
        match self.recall.kept.get_or_insert_async(&key, learnt).await {
            Ok(kept) => Ok(Some(self.tell(&kept, visit, permit).await)),
            Err(Unfit::Not) => Ok(None),
            Err(Unfit::Denied(denial)) => Err(denial),
        }
    }

    /// What the answer depends on; none, if it is not one that is kept.
    async fn key(&self, visit: &Visit, permit: &Permit) -> Result<Option<Key>, Denial> {
        let asked = visit.request.headers();
        let (Some(state), Some(query)) = (self.state().await?, query(visit.target.query())) else {
            return Ok(None);
        };
        let wishes = [header::ACCEPT, header::ACCEPT_LANGUAGE].map(|name| wish(asked, &name));
        let [Ok(accept), Ok(language)] = wishes else {
            return Ok(None);
        };
        let Some(principal) = permit.principal() else {
            return Ok(None);
        };
        // A file is what it is, whatever the browser would rather have.
        let is_file = *permit.class() == Class::Asset;
        Ok(Some(Key {
            state,
            path: visit.target.path().to_owned(),
            query,
            accept: accept.filter(|_| !is_file),
            language: language.filter(|_| !is_file),
            may_propose: may(principal, Permission::Propose),
            is_reviewed: self.outline.policy().await?.apply == ApplyPolicy::Reviewed,
        }))
    }

    /// Which Node-RED it is now; none while it is not up.
    async fn state(&self) -> Result<Option<State>, Denial> {
        let nodes = self.recall.nodes.load(Ordering::Relaxed);
        let Some(generation) = self.upstream.generation(&self.config.instance) else {
            return Ok(None);
        };
        let flows = self.outline.flows().await?;
        Ok(Some(State {
            generation,
            flows,
            nodes,
        }))
    }

    /// Asks Node-RED, with what is in the key and no more.
    async fn learn(&self, visit: &Visit, permit: &Permit, key: &Key) -> Result<Arc<Kept>, Unfit> {
        let request = self.question(visit, permit, key);
        let response = self.forwarder.send(permit, request).await;
        let response = response.map_err(|error| Unfit::Denied(error.into()))?;
        let (mut parts, body) = answer::downstream(response).into_parts();
        let limits = &self.config.limits;
        let size = body.size_hint().exact();
        let is_small = size.is_some_and(|size| size <= limits.patched_bytes_max as u64);
        if parts.status != StatusCode::OK || !is_small || is_personal(&parts.headers) {
            return Err(Unfit::Not);
        }
        let bytes = body::read(body, limits.patched_bytes_max, limits.answer)
            .await
            .map_err(|error| Unfit::Denied(Denial::Failed(error.to_string())))?;
        // Restarted, or given other flows, while it answered: of which is this?
        if self.state().await.map_err(Unfit::Denied)? != Some(key.state) {
            return Err(Unfit::Not);
        }
        let bytes = match permit.class() {
            Class::Read(view) => {
                let is_html = compress::is_html(&parts.headers);
                let console = &self.config.console_origin;
                editor::reworded(*view, &bytes, is_html, console, key.is_reviewed)
                    .map_or(bytes, Into::into)
            }
            _ => bytes,
        };
        for name in NOT_KEPT {
            parts.headers.remove(name);
        }
        Ok(Arc::new(kept(parts.headers, bytes).await))
    }

    fn question(&self, visit: &Visit, permit: &Permit, key: &Key) -> Request<Body> {
        let mut wishes = HeaderMap::new();
        let said = [
            (header::ACCEPT, &key.accept),
            (header::ACCEPT_LANGUAGE, &key.language),
        ];
        for (name, value) in said {
            if let Some(value) = value {
                wishes.insert(name, value.clone());
            }
        }
        let mut headers = headers::upstream(&wishes, &visit.client(self), false);
        headers.remove("x-forwarded-for");
        self.set_identity(&mut headers, permit);
        let mut request = Request::new(empty());
        let address = match key.query.as_str() {
            "" => key.path.clone(),
            query => format!("{}?{query}", key.path),
        };
        *request.uri_mut() = answer::upstream_uri(&address);
        *request.headers_mut() = headers;
        request
    }

    /// An answer that is kept, for this request.
    async fn tell(&self, kept: &Arc<Kept>, visit: &Visit, permit: &Permit) -> Response<Body> {
        let asked = visit.request.headers();
        let mut response = Response::new(empty());
        *response.headers_mut() = kept.headers.clone();
        let is_file = *permit.class() == Class::Asset;
        let rule = if is_file && compress::is_versioned(visit.target.query()) {
            compress::IMMUTABLE
        } else {
            // Kept by this browser, and asked for each time whether it still is so.
            "private, no-cache"
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(rule));
        // Weak: the same text goes out compressed or not.
        let tag = format!("W/\"{}\"", kept.digest);
        let is_had = conditional::has(asked, &tag);
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        if is_had {
            headers.remove(header::CONTENT_TYPE);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        let Some(size) = kept.pressed_from else {
            *response.body_mut() = full(kept.bytes.clone());
            return response;
        };
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if compress::accepted(asked) == Some(Coding::Brotli) {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
            *response.body_mut() = full(kept.bytes.clone());
            return response;
        }
        let pressed = kept.bytes.clone();
        let unpacked = tokio::task::spawn_blocking(move || {
            let mut text = Vec::with_capacity(size);
            unpress(&pressed, size as u64, |piece| text.extend_from_slice(piece));
            text
        });
        *response.body_mut() = full(unpacked.await.unwrap_or_default());
        compress::text(visit, response)
    }
}

/// What is said anew for each answer.
const NOT_KEPT: [header::HeaderName; 7] = [
    header::ETAG,
    header::LAST_MODIFIED,
    header::CONTENT_LENGTH,
    header::CACHE_CONTROL,
    header::ACCEPT_RANGES,
    header::DATE,
    header::AGE,
];

async fn kept(headers: HeaderMap, bytes: Bytes) -> Kept {
    let is_pressed = compress::is_text(&headers) && bytes.len() >= WORTH_IT;
    let plain = bytes.clone();
    let work = tokio::task::spawn_blocking(move || {
        let pressed = is_pressed.then(|| press(&plain, QUALITY).ok()).flatten();
        (Hash::of(&plain), pressed)
    });
    let (digest, pressed) = work.await.unwrap_or_else(|_| (Hash::of(&bytes), None));
    let pressed_from = pressed.as_ref().map(|_| bytes.len());
    Kept {
        headers,
        digest,
        bytes: pressed.map_or(bytes, Bytes::from),
        pressed_from,
    }
}

/// Whether an answer says that it is not for everybody, or is in a form we did not ask for.
fn is_personal(headers: &HeaderMap) -> bool {
    let says = |name: header::HeaderName, words: &[&str]| {
        let values = headers.get_all(name).iter();
        values
            .map(|value| value.to_str().unwrap_or("*").to_ascii_lowercase())
            .any(|value| words.iter().any(|word| value.contains(word)))
    };
    headers.contains_key(header::SET_COOKIE)
        || headers.contains_key(header::CONTENT_ENCODING)
        || says(header::CACHE_CONTROL, &["private", "no-store"])
        || says(header::VARY, &["*", "cookie", "authorization"])
}

/// A header that says what is wished for. Errors: twice there, or long enough to fill the memory.
fn wish(asked: &HeaderMap, name: &header::HeaderName) -> Result<Option<HeaderValue>, ()> {
    let mut values = asked.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if value.len() <= WISH_MAX => Ok(Some(value.clone())),
        _ => Err(()),
    }
}

/// The query that counts: a language and a version, without jQuery's `_=<time>`. None if there is
/// anything else, which a node may read.
fn query(query: Option<&str>) -> Option<String> {
    let mut kept: Vec<(&str, &str)> = Vec::new();
    for pair in query.into_iter().flat_map(|query| query.split('&')) {
        let (name, value) = pair.split_once('=')?;
        let is_plain = value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        let is_new = !kept.iter().any(|(known, _)| *known == name);
        if !is_plain || value.len() > VALUE_MAX || !is_new {
            return None;
        }
        match name {
            "_" => {}
            "lng" | "v" => kept.push((name, value)),
            _ => return None,
        }
    }
    let pairs: Vec<_> = kept
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some(pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_cannot_make_a_difference_is_left_out() {
        assert_eq!(query(None).as_deref(), Some(""));
        assert_eq!(query(Some("_=1764500000")).as_deref(), Some(""));
        assert_eq!(query(Some("lng=en-US&_=1")).as_deref(), Some("lng=en-US"));
        assert_eq!(query(Some("v=0a1b")).as_deref(), Some("v=0a1b"));
        for other in [
            "x=1",
            "lng",
            "lng=a&lng=b",
            "lng=%2e",
            "lng[]=a",
            "_=1&x=2",
            "",
            "a&b",
        ] {
            assert_eq!(query(Some(other)), None, "{other}");
        }
        assert_eq!(query(Some(&format!("lng={}", "a".repeat(65)))), None);
    }

    #[test]
    fn what_is_for_one_person_is_not_kept() {
        let says = |name: &'static str, value: &'static str| {
            let name = header::HeaderName::from_static(name);
            is_personal(&HeaderMap::from_iter([(
                name,
                HeaderValue::from_static(value),
            )]))
        };
        assert!(says("set-cookie", "a=1"));
        assert!(says("cache-control", "max-age=1, Private"));
        assert!(says("cache-control", "no-store"));
        assert!(says("vary", "Accept, Cookie"));
        assert!(says("vary", "*"));
        assert!(says("content-encoding", "gzip"));
        assert!(!says("vary", "Accept-Encoding"));
        assert!(!says("cache-control", "public, max-age=0"));
    }
}
