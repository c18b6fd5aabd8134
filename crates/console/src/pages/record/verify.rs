//! Checking the whole record: links, places, signed heads.

use std::collections::HashMap;

use axum::{extract::State, response::Html};
use model::access::Permission;

use super::list::{Verified, build};
use crate::{App, csrf::Posted, problem::PageError, shell::page as render, wording::sentence};

/// `POST /record/verify`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, .. }: Posted,
) -> Result<Html<String>, PageError> {
    by.caller.require(Permission::ReadRecord)?;
    let (entries, problems) = app.store.verify_audit().await?;
    let problems = problems
        .iter()
        .map(|problem| sentence(&problem.to_string()))
        .collect();
    let mut page = build(&app, &by, &HashMap::new()).await?;
    page.verified = Some(Verified { entries, problems });
    render(&page)
}
