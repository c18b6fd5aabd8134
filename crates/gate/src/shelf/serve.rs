//! One file as an answer (RFC 9110, sections 8, 13 and 14).

use std::{
    io::{self, Read as _, Seek as _, SeekFrom},
    sync::Arc,
};

use futures_util::TryStreamExt as _;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::{Item, Shelf, open::Opened};
use crate::{
    body::{Body, boxed, empty, full},
    conditional,
    forward::compress::{self, Coding},
    gate::Visit,
};

/// Bytes read at a time; a file that is not larger is read in one go.
const BUFFER: u64 = 64 * 1024;

/// The answer to a GET or HEAD for this file.
pub(super) async fn answer(
    shelf: &Arc<Shelf>,
    item: &Arc<Item>,
    visit: &Visit,
) -> io::Result<Response<Body>> {
    let asked = visit.request.headers();
    let is_head = *visit.request.method() == Method::HEAD;
    let mut response = Response::new(empty());
    let headers = response.headers_mut();
    // One tag for the file, strong; the same weak for it compressed, whose bytes get better.
    let tag = format!("\"{}\"", item.digest.to_hex().get(..32).unwrap_or_default());
    let is_coded = item.is_pressed()
        && !asked.contains_key(header::RANGE)
        && compress::accepted(asked).is_some();
    let shown = if is_coded {
        format!("W/{tag}")
    } else {
        tag.clone()
    };
    set(headers, header::ETAG, &shown);
    set(headers, header::CACHE_CONTROL, kept(visit));
    if item.is_pressed() {
        set(headers, header::VARY, "Accept-Encoding");
    }
    if conditional::has(asked, &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    set(headers, header::CONTENT_TYPE, item.kind.name);
    if is_coded
        && compress::accepted(asked) == Some(Coding::Brotli)
        && let Some(opened) = shelf.pressed(item).await
    {
        set(headers, header::CONTENT_ENCODING, "br");
        let size = opened.size;
        return whole(response, opened, size, is_head).await;
    }
    let (of, file) = (Arc::clone(shelf), Arc::clone(item));
    let opened = blocking(move || of.plain(&file)).await?;
    if is_coded && !is_head {
        // The disk holds no copy, or the client takes gzip alone.
        let size = opened.size;
        let response = whole(response, opened, size, false).await?;
        return Ok(compress::text(visit, response));
    }
    set(headers, header::ACCEPT_RANGES, "bytes");
    match part(asked, &tag, item.size) {
        Part::Whole => whole(response, opened, item.size, is_head).await,
        Part::Of(first, last) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let said = format!("bytes {first}-{last}/{}", item.size);
            set(response.headers_mut(), header::CONTENT_RANGE, &said);
            let opened = blocking(move || {
                let mut opened = opened;
                opened.file.seek(SeekFrom::Start(first))?;
                Ok(opened)
            });
            whole(response, opened.await?, last - first + 1, is_head).await
        }
        Part::None => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            let said = format!("bytes */{}", item.size);
            headers_without_body(response.headers_mut());
            set(response.headers_mut(), header::CONTENT_RANGE, &said);
            Ok(response)
        }
    }
}

/// For how long the browser need not ask again.
fn kept(visit: &Visit) -> &'static str {
    // `private`: no cache between keeps for all what one person's login opened.
    if compress::is_versioned(visit.target.query()) {
        compress::IMMUTABLE
    } else {
        "private, no-cache"
    }
}

/// `size` bytes of the file from where it stands.
async fn whole(
    mut response: Response<Body>,
    opened: Opened,
    size: u64,
    is_head: bool,
) -> io::Result<Response<Body>> {
    set(
        response.headers_mut(),
        header::CONTENT_LENGTH,
        &size.to_string(),
    );
    if !is_head {
        *response.body_mut() = body(opened, size).await?;
    }
    Ok(response)
}

async fn body(opened: Opened, size: u64) -> io::Result<Body> {
    if size <= BUFFER {
        let mut bytes = Vec::new();
        let bytes = blocking(move || {
            let mut part = opened.file.take(size);
            part.read_to_end(&mut bytes)?;
            Ok(bytes)
        });
        return Ok(full(bytes.await?));
    }
    let file = tokio::fs::File::from_std(opened.file).take(size);
    let buffer = usize::try_from(BUFFER).unwrap_or(usize::MAX);
    let stream = ReaderStream::with_capacity(file, buffer).map_ok(Frame::data);
    Ok(boxed(StreamBody::new(stream)))
}

/// Which bytes are asked for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the first to the last, both included.
    Of(u64, u64),
    /// Bytes the file does not have.
    None,
}

/// Reads `Range` and `If-Range`. Several ranges, other units and what is no range get the whole, as
/// they may (RFC 9110, 14.2).
fn part(asked: &HeaderMap, tag: &str, size: u64) -> Part {
    let only = |name: header::HeaderName| {
        let mut values = asked.get_all(name).iter();
        let first = values.next().and_then(|value| value.to_str().ok());
        first.filter(|_| values.next().is_none())
    };
    // Half of an older file and half of this one is neither: a date is no proof, and none is sent.
    if asked.contains_key(header::IF_RANGE) && only(header::IF_RANGE) != Some(tag) {
        return Part::Whole;
    }
    let Some(ends) = only(header::RANGE)
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Part::Whole;
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let Some(last) = size.checked_sub(1) else {
        return Part::Whole;
    };
    match (ends.0.trim(), ends.1.trim()) {
        ("", end) => match number(end) {
            None => Part::Whole,
            Some(0) => Part::None,
            Some(count) => Part::Of(size.saturating_sub(count), last),
        },
        (start, end) => match (number(start), number(end)) {
            (Some(first), _) if first > last && (end.is_empty() || number(end).is_some()) => {
                Part::None
            }
            (Some(first), Some(end)) if first <= end => Part::Of(first, end.min(last)),
            (Some(first), None) if end.is_empty() => Part::Of(first, last),
            _ => Part::Whole,
        },
    }
}

fn headers_without_body(headers: &mut HeaderMap) {
    for name in [header::CONTENT_TYPE, header::ETAG, header::CACHE_CONTROL] {
        headers.remove(name);
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(io::Error::other("the gate is closing")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(range: &'static str, guard: Option<&'static str>) -> Part {
        let mut asked = HeaderMap::new();
        asked.insert(header::RANGE, HeaderValue::from_static(range));
        if let Some(guard) = guard {
            asked.insert(header::IF_RANGE, HeaderValue::from_static(guard));
        }
        part(&asked, "\"t\"", 1000)
    }

    #[test]
    fn one_range_is_given_and_everything_else_gets_the_whole() {
        assert_eq!(of("bytes=0-0", None), Part::Of(0, 0));
        assert_eq!(of("bytes=10-19", None), Part::Of(10, 19));
        assert_eq!(of("bytes=990-2000", None), Part::Of(990, 999));
        assert_eq!(of("bytes=990-", None), Part::Of(990, 999));
        assert_eq!(of("bytes=-1", None), Part::Of(999, 999));
        assert_eq!(of("bytes=-5000", None), Part::Of(0, 999));
        for beyond in ["bytes=1000-", "bytes=1000-1001", "bytes=-0"] {
            assert_eq!(of(beyond, None), Part::None, "{beyond}");
        }
        for whole in [
            "bytes=0-1,5-6",
            "bytes=5-1",
            "bytes=a-b",
            "bytes=-",
            "items=0-1",
            "bytes 0-1",
            "bytes=+1-2",
        ] {
            assert_eq!(of(whole, None), Part::Whole, "{whole}");
        }
    }

    #[test]
    fn a_range_of_another_file_is_not_given() {
        assert_eq!(of("bytes=0-0", Some("\"t\"")), Part::Of(0, 0));
        for other in ["W/\"t\"", "\"u\"", "Mon, 30 Nov 2026 00:00:00 GMT"] {
            assert_eq!(of("bytes=0-0", Some(other)), Part::Whole, "{other}");
        }
    }
}
