//! The stylesheet, the script that asks for passkeys, and the mark, under names that carry their digest, so that browsers keep them.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use model::id::Hash;

use crate::{App, picture, problem::PageError, problem::Problem};

const MARK: &str = include_str!("../assets/mark.svg");

static STYLE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\n{}",
        include_str!("../assets/console.css"),
        picture::STYLE
    )
});
static STYLE_NAME: LazyLock<String> = LazyLock::new(|| named("console", &STYLE, "css"));
static STYLE_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/{}", *STYLE_NAME));

const SCRIPT: &str = include_str!("../assets/passkey.js");
static SCRIPT_NAME: LazyLock<String> = LazyLock::new(|| named("passkey", SCRIPT, "js"));
static SCRIPT_PATH: LazyLock<String> = LazyLock::new(|| format!("/assets/{}", *SCRIPT_NAME));

/// Where the one script lies.
pub(crate) fn script_path() -> &'static str {
    &SCRIPT_PATH
}

fn named(stem: &str, content: &str, ending: &str) -> String {
    format!("{stem}.{}.{ending}", Hash::of(content.as_bytes()).short())
}

/// Where the stylesheet lies.
pub(crate) fn style_path() -> &'static str {
    &STYLE_PATH
}

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/assets/{name}", get(show))
        .route("/favicon.ico", get(mark))
}

async fn show(Path(name): Path<String>) -> Result<Response, PageError> {
    if name == *STYLE_NAME {
        Ok(immutable("text/css; charset=utf-8", &STYLE))
    } else if name == *SCRIPT_NAME {
        Ok(immutable("text/javascript; charset=utf-8", SCRIPT))
    } else if name == "mark.svg" {
        Ok(mark().await)
    } else {
        Err(Problem::not_found("such file").into())
    }
}

async fn mark() -> Response {
    (
        [
            (header::CONTENT_TYPE, "image/svg+xml"),
            (header::CACHE_CONTROL, "max-age=86400"),
        ],
        MARK,
    )
        .into_response()
}

fn immutable(content_type: &'static str, content: &'static str) -> Response {
    let cache = "public, max-age=31536000, immutable";
    (
        [
            (header::CONTENT_TYPE, content_type),
            (header::CACHE_CONTROL, cache),
        ],
        content,
    )
        .into_response()
}
