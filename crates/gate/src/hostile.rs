//! The gate's own parsers as plain functions, for `fuzz/` to drive: nothing else calls them.

use http::{HeaderMap, HeaderValue};

use crate::{
    comms,
    headers::{self, Client},
    identify,
    listen::{flood, framing},
};

/// Whether bytes of HTTP/1.1, coming in these pieces, can be read in one way only.
pub fn is_unambiguous<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
    framing::is_unambiguous(pieces)
}

/// How many bytes of HTTP/2, coming in these pieces, are read before too many frames carried
/// nothing; none when there were fewer than `max`.
pub fn frames_end<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, max: u32) -> Option<usize> {
    flood::end(pieces, max)
}

/// The headers Node-RED gets of a request from 192.0.2.1 to `gate.example`.
pub fn sent_on(from: &HeaderMap) -> HeaderMap {
    let client = Client {
        address: [192, 0, 2, 1].into(),
        host: "gate.example",
    };
    headers::upstream(from, &client, false)
}

/// The headers a client gets of Node-RED's answer.
pub fn answered(from: &HeaderMap) -> HeaderMap {
    headers::downstream(from)
}

/// The session secrets a request shows.
pub fn sessions(from: &HeaderMap) -> Vec<String> {
    headers::cookies(from, identify::SESSION_COOKIE)
        .map(str::to_owned)
        .collect()
}

/// The access token in an Authorization header.
pub fn token(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().and_then(identify::bearer)
}

/// The topic the editor's page subscribes to by this message.
pub fn subscribed(text: &str) -> Option<String> {
    comms::subscribed(text)
}

/// What of this frame of Node-RED's somebody hears. `debug`: whether they may see debug messages.
pub fn heard(text: &str, debug: bool) -> Option<String> {
    comms::heard(text, debug)
}
