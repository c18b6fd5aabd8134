//! What the forms of the rules do.

use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use model::{
    access::Permission,
    rules::{AccessRules, RULES_MAX, read_network},
};

use super::{RuleForm, build};
use crate::{
    App,
    csrf::{Fields, Posted},
    problem::{PageError, Problem},
    rules::{TRIAL_SECONDS, save},
    session::SignedIn,
    shell::{Shell, page as render},
    wording::sentence,
};

/// The second question.
#[derive(Template)]
#[template(path = "access/rules_again.html")]
struct AgainPage {
    shell: Shell,
    version: i64,
    /// The rules as JSON, for the form that says it once more.
    whole: String,
    message: String,
    minutes: i64,
}

/// What a form asks for could not be read: where it is said.
enum Wrong {
    Rule(String),
    Network(String),
}

/// `POST /access/rules`: `version`, and what to `do`: `add`, `change`, `remove` or `up` a rule,
/// `network`, `forget-network`, or `whole`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    by.caller.require(Permission::Administer)?;
    let version: i64 = fields.get("version").parse().unwrap_or(-1);
    let mut changed = app.store.access_rules().await?.rules;
    if let Err(wrong) = change(&mut changed, &fields) {
        return again(&app, &by, &fields, wrong).await;
    }
    if let Err(error) = changed.check() {
        let wrong = match fields.get("do") {
            "network" | "forget-network" => Wrong::Network(error.to_string()),
            _ => Wrong::Rule(error.to_string()),
        };
        return again(&app, &by, &fields, wrong).await;
    }
    let anyway = fields.get("shut_out") == "yes";
    match save(&app, &by.caller, version, &changed, anyway).await {
        Ok(kept) => {
            let done = if kept.trial.is_some() {
                "trial"
            } else {
                "saved"
            };
            Ok(Redirect::to(&format!("/access/rules?done={done}")).into_response())
        }
        Err(problem) if problem.asks_again() => {
            let page = AgainPage {
                shell: Shell::new(&app, &by, "access", "Shut yourself out?").await?,
                version,
                whole: serde_json::to_string(&changed).unwrap_or_default(),
                message: sentence(&problem.message),
                minutes: TRIAL_SECONDS / 60,
            };
            Ok((StatusCode::CONFLICT, render(&page)?).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn again(
    app: &App,
    by: &SignedIn,
    fields: &Fields,
    wrong: Wrong,
) -> Result<Response, PageError> {
    let mut page = build(app, by).await?;
    match wrong {
        Wrong::Rule(error) => {
            if matches!(fields.get("do"), "add" | "change") {
                page.form = RuleForm::typed(fields);
            }
            page.error = Some(sentence(&error));
        }
        Wrong::Network(error) => page.network_error = Some(sentence(&error)),
    }
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

fn change(rules: &mut AccessRules, fields: &Fields) -> Result<(), Wrong> {
    let place = || {
        let place = fields.get("place").parse::<usize>().ok();
        let place = place.and_then(|place| place.checked_sub(1));
        place.ok_or_else(|| Wrong::Rule("say at which place, from 1".to_owned()))
    };
    let known = |rules: &AccessRules| match place()? {
        place if place < rules.rules.len() => Ok(place),
        _ => Err(Wrong::Rule("there is no such rule any more".to_owned())),
    };
    match fields.get("do") {
        "add" => {
            if rules.rules.len() >= RULES_MAX {
                return Err(Wrong::Rule(format!(
                    "there can be {RULES_MAX} rules at most"
                )));
            }
            let rule = RuleForm::typed(fields).read().map_err(Wrong::Rule)?;
            let place = place()?.min(rules.rules.len());
            rules.rules.insert(place, rule);
        }
        "change" => {
            let place = known(rules)?;
            let rule = RuleForm::typed(fields).read().map_err(Wrong::Rule)?;
            rules.rules.remove(place);
            rules.rules.insert(place, rule);
        }
        "remove" => {
            let place = known(rules)?;
            rules.rules.remove(place);
        }
        "up" => {
            let place = known(rules)?;
            rules.rules.swap(place, place.saturating_sub(1));
        }
        "network" => {
            let wrong = |error: model::rules::SourceError| Wrong::Network(error.to_string());
            let name = fields.get("name").parse().map_err(wrong)?;
            let blocks = fields
                .get("blocks")
                .split(|c: char| c == ',' || c.is_whitespace())
                .filter(|word| !word.is_empty())
                .map(read_network);
            let blocks = blocks.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
            rules.networks.insert(name, blocks);
        }
        "forget-network" => {
            let name = fields.get("name");
            rules.networks.retain(|known, _| known.as_str() != name);
        }
        "whole" => {
            let whole = serde_json::from_str(fields.get("rules"));
            *rules =
                whole.map_err(|_| Wrong::Rule("the form was changed on its way".to_owned()))?;
        }
        _ => return Err(Wrong::Rule("the form says nothing to do".to_owned())),
    }
    Ok(())
}

/// `POST /access/rules/confirm`: `version`.
pub(crate) async fn confirm(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    let version = fields.get("version").parse();
    let version = version.map_err(|_| Problem::bad_form("say which version"))?;
    let author = by.caller.actor();
    app.store.confirm_access_rules(version, &author).await?;
    Ok(Redirect::to("/access/rules?done=confirmed"))
}

/// `POST /access/rules/undo`.
pub(crate) async fn undo(
    State(app): State<App>,
    Posted { by, .. }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    app.store.undo_access_rules(&by.caller.actor()).await?;
    Ok(Redirect::to("/access/rules?done=undone"))
}
