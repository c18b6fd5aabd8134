//! The instance's history, for Git's own client: the few files of its "dumb" protocol, read only.
//!
//! <https://git-scm.com/docs/gitprotocol-http>. The client sends an access token as the password of
//! HTTP Basic authentication (RFC 7617), which is taken on this path and nowhere else: browsers keep
//! such a password and send it by themselves, also for another site's page.

use std::pin::Pin;

use http::{HeaderMap, HeaderValue, Response, header};
use model::id::InstanceId;

use super::{Denial, Inner, Visit};
use crate::{
    body::{Body, full},
    route::Target,
};

/// A file of a repository; none when there is no such file to be read; or why it cannot be read.
pub type File<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, String>> + Send + 'a>>;

/// The instances' histories. The `history` crate has them; joined in the binary.
pub trait History: Send + Sync + std::fmt::Debug {
    /// The file at `path` in the instance's repository, if Git's clients read it. `path` is as the
    /// client sent it, and hostile.
    fn file<'a>(&'a self, instance: &'a InstanceId, path: &'a str) -> File<'a>;
}

/// Where it stands.
const ROOT: [&str; 2] = [".redkeep", "history.git"];

/// What Git is asked for.
pub(super) const CHALLENGE: &str =
    "Basic realm=\"Redkeep history: any name, an access token as password\"";

/// The path within the repository, if `target` is in it.
fn within(target: &Target) -> Option<String> {
    let (root, rest) = target.segments().split_at_checked(ROOT.len())?;
    (root.iter().map(String::as_str).eq(ROOT) && !rest.is_empty()).then(|| rest.join("/"))
}

/// Whether this is Git's client asking for the history. A browser gets no challenge: a script of
/// the editor's page could have it ask people for a password there.
pub(super) fn asks(visit: &Visit) -> bool {
    let headers = visit.request.headers();
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes);
    within(&visit.target).is_some()
        && agent.is_some_and(|agent| agent.starts_with(b"git/"))
        && !headers.contains_key("sec-fetch-mode")
}

/// The access token in Basic credentials, on the history's path.
pub(super) fn token(target: &Target, headers: &HeaderMap) -> Option<String> {
    within(target)?;
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || rest.len() > 1024 {
        return None;
    }
    let decoded = data_encoding::BASE64.decode(rest.trim().as_bytes()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (_any_name, password) = decoded.split_once(':')?;
    Some(password.to_owned())
}

impl Inner {
    /// A file of the repository.
    pub(super) async fn history(&self, visit: &Visit) -> Result<Response<Body>, Denial> {
        let path = within(&visit.target).unwrap_or_default();
        let found = self.history.file(&self.config.instance, &path).await;
        let content = found.map_err(Denial::Failed)?.ok_or(Denial::Answered {
            status: http::StatusCode::NOT_FOUND,
            code: "not_found",
            message: "the history has no such file".to_owned(),
        })?;
        let mut response = Response::new(full(content));
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/octet-stream");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(self.finish(response, crate::headers::Sort::Own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Target {
        Target::parse(&path.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_password_counts_on_the_historys_path_only() {
        let mut headers = HeaderMap::new();
        // `anyone:rk_secret`
        headers.insert(
            header::AUTHORIZATION,
            HeaderValue::from_static("Basic YW55b25lOnJrX3NlY3JldA=="),
        );
        let at = |path: &str| token(&target(path), &headers);
        assert_eq!(
            at("/.redkeep/history.git/HEAD").as_deref(),
            Some("rk_secret")
        );
        assert_eq!(
            at("/.redkeep/history.git/objects/ab/cd").as_deref(),
            Some("rk_secret")
        );
        for other in [
            "/",
            "/flows",
            "/.redkeep/history.git",
            "/.redkeep/history.gitx/HEAD",
            "/x/.redkeep/history.git/HEAD",
        ] {
            assert_eq!(at(other), None, "{other}");
        }
    }
}
