//! Who may come from where: obeyed by the console itself, changed with a guard against shutting
//! oneself out, and asked. Pages and API share what is here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::{
    extract::{Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use deploy::Caller;
use model::{
    access::Permission,
    id::{SessionId, UserId},
    principal::{Principal, Via},
    rules::{AccessRules, Answer, Area, Facts, Outcome, Question, Verdict},
};
use store::KeptRules;

use crate::{
    App,
    problem::{ApiError, PageError, Problem},
};

/// How long rules that shut their author out are tried: ten minutes.
pub(crate) const TRIAL_SECONDS: i64 = 600;

/// The code of the refusal that asks a second time.
const SHUTS_OUT: &str = "shuts-out";

/// Refuses who may not come to the console from where they are, before anything is looked up.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let peer = request.extensions().get::<SocketAddr>();
    let refused = match app.store.access_rules().await {
        Ok(kept) => check(&kept.rules, peer.map(SocketAddr::ip), None),
        Err(error) => Err(error.into()),
    };
    match refused {
        Ok(()) => next.run(request).await,
        Err(problem) if is_api => ApiError(problem).into_response(),
        Err(problem) => PageError::from(problem).into_response(),
    }
}

/// Whether the rules let `principal` come to the console from `address`. Without an address it is
/// from nowhere a rule could name.
pub(crate) fn check(
    rules: &AccessRules,
    address: Option<IpAddr>,
    principal: Option<&Principal>,
) -> Result<(), Problem> {
    let facts = Facts {
        instance: None,
        address: address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()),
        area: Area::Console,
        segments: &[],
        method: "GET",
        principal,
        shown: &[],
    };
    match rules.decide(&facts, &[]).verdict {
        Verdict::Open | Verdict::Known | Verdict::LogIn => Ok(()),
        Verdict::Refused | Verdict::NoCertificate => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "not-from-here",
            "the console is not open to you from where you are; on the machine itself `redkeep \
             access reset` takes the rules away that say so",
        )),
    }
}

/// Replaces the rules looked at in `version`. Where they would shut `caller` out they are refused
/// once; with `anyway` they are kept on trial.
pub(crate) async fn save(
    app: &App,
    caller: &Caller,
    version: i64,
    rules: &AccessRules,
    anyway: bool,
) -> Result<KeptRules, Problem> {
    caller.require(Permission::Administer)?;
    rules
        .check()
        .map_err(|error| Problem::bad_form(error.to_string()))?;
    let lost = lost(app, caller, rules).await?;
    if !lost.is_empty() && !anyway {
        let message = format!(
            "with these rules you could not reach {} any more from where you are; say once more \
             that you mean it (`shut_out`), and they are tried for {} minutes and undo themselves \
             unless confirmed",
            lost.join(" and "),
            TRIAL_SECONDS / 60,
        );
        return Err(Problem::new(StatusCode::CONFLICT, SHUTS_OUT, message));
    }
    let trial = (!lost.is_empty()).then_some(TRIAL_SECONDS);
    let by = caller.actor();
    let kept = app.store.set_access_rules(version, rules, trial, &by);
    Ok(kept.await?)
}

impl Problem {
    /// Whether it only asks a second time.
    pub(crate) fn asks_again(&self) -> bool {
        self.code == SHUTS_OUT
    }
}

/// What the caller would lose by `rules`. Over the control socket nobody is shut out.
async fn lost(app: &App, caller: &Caller, rules: &AccessRules) -> Result<Vec<String>, Problem> {
    let Some(address) = caller.address else {
        return Ok(Vec::new());
    };
    let present = app.store.access_rules().await?.rules;
    let instances = app.store.instances().await?;
    let instances: Vec<_> = instances.into_iter().map(|it| it.id).collect();
    Ok(present.shuts_out(rules, &instances, &caller.principal, address))
}

/// "May X from Y do Z?"
pub(crate) async fn simulate(
    app: &App,
    caller: &Caller,
    question: Question,
) -> Result<Answer, Problem> {
    caller.require(Permission::Administer)?;
    let mut question = question;
    if let Some(visitor) = &mut question.who {
        visitor.role = app.store.role(visitor.role).await?;
    }
    if question.instance.is_none() {
        return at_console(app, &question).await;
    }
    let Some(doorman) = &app.doorman else {
        let why = "the gates are not run by this process; start `redkeep up`";
        return Err(Problem::new(StatusCode::CONFLICT, "not-running", why));
    };
    doorman.would(question).await.map_err(Problem::bad_form)
}

async fn at_console(app: &App, question: &Question) -> Result<Answer, Problem> {
    let rules = app.store.access_rules().await?.rules;
    let session = SessionId(0);
    let who = question.who.map(|visitor| Principal {
        user: UserId(0),
        name: "somebody".parse().expect("a plain name"),
        role: visitor.role,
        via: if visitor.token {
            Via::Token {
                token: model::id::TokenId(0),
                scopes: vec![model::access::Scope::Admin],
            }
        } else {
            Via::ConsoleSession { session }
        },
    });
    let decision = rules.decide(
        &Facts {
            instance: None,
            address: question.from,
            area: Area::Console,
            segments: &[],
            method: &question.method,
            principal: who.as_ref(),
            shown: &[],
        },
        &[],
    );
    let (outcome, why) = match decision.verdict {
        Verdict::Open | Verdict::Known => (Outcome::Allowed, "within what their role covers"),
        Verdict::LogIn => (Outcome::LogIn, "nobody is logged in"),
        Verdict::Refused | Verdict::NoCertificate => {
            (Outcome::Refused, "they may not come to the console")
        }
    };
    Ok(Answer {
        outcome,
        by: Some(decision.by),
        area: Some(Area::Console),
        why: why.to_owned(),
        bounds: decision.bounds,
    })
}
