//! Who may come from where: the rules as a list, forms to change them, the simulator, and the second
//! question before rules shut out their own author.

mod form;
pub(crate) mod secrets;
mod submit;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use model::{
    access::{Permission, Role},
    rules::{Area, Bearer, Form, Method, Outcome, Question, Visitor},
};
use store::KeptRules;

use self::form::RuleForm;
pub(crate) use self::submit::{confirm, submit, undo};
use crate::{
    App, grants,
    pages::Asked,
    problem::{PageError, Problem},
    rules,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::{Moment, Pill, Who, shown},
};

#[derive(Template)]
#[template(path = "access/rules.html")]
pub(super) struct RulesPage {
    shell: Shell,
    version: i64,
    changed: Option<(Moment, String)>,
    undo_at: Option<Moment>,
    networks: Vec<(String, String)>,
    rules: Vec<RuleLine>,
    form: RuleForm,
    error: Option<String>,
    network_error: Option<String>,
    instances: Vec<String>,
    areas: [Area; 8],
    methods: [Method; 6],
    roles: Vec<Role>,
    ask: AskForm,
    forms: [&'static str; 3],
    /// Names of secrets, and since when they are kept.
    secrets: Vec<(String, Moment)>,
}

struct RuleLine {
    place: usize,
    from: String,
    what: String,
    who: String,
    bounds: String,
    note: String,
}

/// The simulator's form and its answer.
#[derive(Debug, Default)]
struct AskForm {
    from: String,
    who: String,
    token: bool,
    method: String,
    at: String,
    path: String,
    /// `authority` or `authority:name`; empty: none.
    certificate: String,
    websocket: bool,
    answer: Option<AskAnswer>,
    error: Option<String>,
}

#[derive(Debug)]
struct AskAnswer {
    pill: Pill,
    by: String,
    why: String,
    bounds: String,
}

fn notice(done: Option<&String>) -> Option<&'static str> {
    match done.map(String::as_str) {
        Some("saved") => Some(
            "Saved. It holds from the next request on; live sockets that are \
                               forbidden now close within a second.",
        ),
        Some("trial") => Some("On trial. Confirm it below, or it undoes itself."),
        Some("confirmed") => Some("Confirmed. The rules stand."),
        Some("secret") => Some("Done. Rules that name it know it from the next request on."),
        Some("undone") => Some("Undone. What held before holds again."),
        _ => None,
    }
}

/// `GET /access/rules?rule=&done=` and the simulator's `from`, `who`, `token`, `method`, `at`,
/// `path`, `certificate`, `websocket`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Query(asked): Asked,
) -> Result<Html<String>, PageError> {
    let mut page = build(&app, &by).await?;
    page.shell = page.shell.with_notice(notice(asked.get("done")));
    let word = |key: &str| {
        asked
            .get(key)
            .map(|it| it.trim().to_owned())
            .unwrap_or_default()
    };
    if let Some(place) = asked
        .get("rule")
        .and_then(|text| text.parse::<usize>().ok())
    {
        let kept = app.store.access_rules().await?.rules;
        let rule = place.checked_sub(1).and_then(|at| kept.rules.get(at));
        let rule = rule.ok_or_else(|| Problem::not_found("such rule"))?;
        page.form = RuleForm::of(place, rule);
    }
    if asked.contains_key("from") {
        page.ask = AskForm {
            from: word("from"),
            who: word("who"),
            token: asked.contains_key("token"),
            method: word("method"),
            at: word("at"),
            path: word("path"),
            certificate: word("certificate"),
            websocket: asked.contains_key("websocket"),
            ..AskForm::default()
        };
        page.ask.find_answer(&app, &by).await;
    }
    render(&page)
}

impl AskForm {
    async fn find_answer(&mut self, app: &App, by: &SignedIn) {
        let answer = match self.question() {
            Ok(question) => rules::simulate(app, &by.caller, question)
                .await
                .map_err(|problem| crate::wording::sentence(&problem.message)),
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => {
                let pill = match answer.outcome {
                    Outcome::Allowed => Pill::new("good", "check", "allowed"),
                    Outcome::LogIn => Pill::new("look", "key", "asked to log in"),
                    Outcome::Refused => Pill::new("warn", "cross", "refused"),
                };
                self.answer = Some(AskAnswer {
                    pill,
                    by: answer.by.map_or_else(
                        || "before any rule was asked".to_owned(),
                        |by| format!("by {by}"),
                    ),
                    why: shown(&answer.why),
                    bounds: answer.bounds.to_string(),
                });
            }
            Err(error) => self.error = Some(error),
        }
    }

    fn question(&self) -> Result<Question, String> {
        let from = self.from.parse().map_err(|_| {
            format!(
                "{:?} is no address, such as 192.0.2.7 or 2001:db8::7.",
                shown(&self.from)
            )
        })?;
        let who = match self.who.as_str() {
            "" => None,
            role => Some(Visitor {
                role: role
                    .parse()
                    .map_err(|error: model::access::UnknownWord| error.to_string())?,
                token: self.token,
            }),
        };
        let instance = match self.at.as_str() {
            "" => None,
            name => Some(name.parse().map_err(|_| "Choose an instance.".to_owned())?),
        };
        Ok(Question {
            instance,
            from,
            who,
            certificate: Bearer::read(&self.certificate),
            method: self.method.to_ascii_uppercase(),
            path: self.path.clone(),
            websocket: self.websocket,
        })
    }
}

async fn build(app: &App, by: &SignedIn) -> Result<RulesPage, PageError> {
    by.caller.require(Permission::Administer)?;
    let shell = Shell::new(app, by, "access", "Who may come from where").await?;
    let KeptRules {
        version,
        rules: kept,
        at,
        by: author,
        trial,
    } = app.store.access_rules().await?;
    let instances: Vec<String> = shell.instances.iter().map(|it| it.name.clone()).collect();
    let networks = kept.networks.iter().map(|(name, blocks)| {
        let blocks: Vec<_> = blocks.iter().map(ToString::to_string).collect();
        (name.to_string(), blocks.join(", "))
    });
    let lines = (1..).zip(&kept.rules).map(|(place, rule)| RuleLine {
        place,
        from: rule.from_words(),
        what: rule.what_words(),
        who: rule.who.to_string(),
        bounds: rule.bounds.to_string(),
        note: shown(&rule.note),
    });
    let secrets = app.store.webhook_secrets().await?.into_iter();
    let secrets = secrets.map(|it| (it.name, shell.moment(it.at)));
    let here = by.caller.address.map(|it| it.to_string());
    Ok(RulesPage {
        version,
        changed: at
            .zip(author)
            .map(|(at, author)| (shell.moment(at), Who::of(&author).name)),
        undo_at: trial.map(|trial| shell.moment(trial.undo_at)),
        networks: networks.collect(),
        form: RuleForm::new(kept.rules.len() + 1),
        rules: lines.collect(),
        error: None,
        network_error: None,
        areas: Area::ALL,
        methods: Method::ALL,
        forms: Form::ALL.map(Form::as_str),
        secrets: secrets.collect(),
        roles: grants::all(app).await?,
        ask: AskForm {
            from: here.unwrap_or_default(),
            method: "GET".to_owned(),
            at: instances.first().cloned().unwrap_or_default(),
            path: "/".to_owned(),
            ..AskForm::default()
        },
        instances,
        shell,
    })
}
