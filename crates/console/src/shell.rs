//! The frame round every page: where one is, who one is, what waits.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use model::{
    access::{Permission, Role},
    clock::Timestamp,
    id::InstanceId,
};

use crate::{
    App, assets,
    headers::RunsScript,
    problem::{PageError, Problem},
    session::SignedIn,
    wording::{Icon, Moment},
};

/// Open deployments counted for the sidebar.
const COUNTED_MAX: u32 = 100;

/// The frame's content.
#[derive(Debug)]
pub(crate) struct Shell {
    pub(crate) style: &'static str,
    pub(crate) title: String,
    pub(crate) section: &'static str,
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) csrf: String,
    pub(crate) waiting: usize,
    pub(crate) instances: Vec<Choice>,
    pub(crate) sees: Sees,
    pub(crate) version: String,
    /// Said once at the top, after something was done.
    pub(crate) notice: Option<&'static str>,
    pub(crate) now: Timestamp,
}

/// What the sidebar offers.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one per permission the templates ask about"
)]
pub(crate) struct Sees {
    pub(crate) queue: bool,
    pub(crate) record: bool,
    pub(crate) logs: bool,
    pub(crate) all: bool,
    pub(crate) decides: bool,
    pub(crate) applies: bool,
    pub(crate) proposes: bool,
}

impl Sees {
    pub(crate) fn of(by: &SignedIn) -> Self {
        Self {
            queue: by.may(Permission::ReadQueue),
            record: by.may(Permission::ReadRecord),
            logs: by.may(Permission::ReadLogs),
            all: by.may(Permission::Administer),
            decides: by.may(Permission::Decide),
            applies: by.may(Permission::Apply),
            proposes: by.may(Permission::Propose),
        }
    }
}

/// One choice among several, such as an instance.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) name: String,
    pub(crate) is_chosen: bool,
}

/// A place to go.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) path: &'static str,
    pub(crate) label: &'static str,
    pub(crate) icon: Icon,
    pub(crate) is_here: bool,
    pub(crate) count: usize,
}

impl Shell {
    /// The frame for a page of `section`, titled `title`.
    pub(crate) async fn new(
        app: &App,
        by: &SignedIn,
        section: &'static str,
        title: impl Into<String>,
    ) -> Result<Self, PageError> {
        let sees = Sees::of(by);
        let waiting = if sees.queue {
            app.store.deployments(None, true, COUNTED_MAX).await?.len()
        } else {
            0
        };
        let instances = app.store.instances().await?;
        let choices = instances.into_iter().map(|i| Choice {
            name: i.id.to_string(),
            is_chosen: false,
        });
        Ok(Self {
            style: assets::style_path(),
            title: title.into(),
            section,
            name: by.caller.principal.name.to_string(),
            role: by.caller.principal.role,
            csrf: by.csrf.clone(),
            waiting,
            instances: choices.collect(),
            sees,
            version: app.version.clone(),
            notice: None,
            now: app.store.clock().now(),
        })
    }

    /// Marks `chosen` in the instance switcher.
    #[must_use]
    pub(crate) fn on(mut self, chosen: Option<&InstanceId>) -> Self {
        for choice in &mut self.instances {
            choice.is_chosen = chosen.is_some_and(|id| id.as_str() == choice.name);
        }
        self
    }

    /// Says something at the top.
    #[must_use]
    pub(crate) fn with_notice(mut self, notice: Option<&'static str>) -> Self {
        self.notice = notice;
        self
    }

    /// The first word or two of the title, for the breadcrumbs: "Step 5".
    pub(crate) fn crumb(&self) -> &str {
        self.title.split(" of ").next().unwrap_or_default()
    }

    /// Whether the page is about one instance.
    pub(crate) fn any_chosen(&self) -> bool {
        self.instances.iter().any(|choice| choice.is_chosen)
    }

    /// The sidebar's items this person may open.
    pub(crate) fn items(&self) -> Vec<Item> {
        let all = [
            ("overview", "/", "Overview", "home", true),
            ("queue", "/deployments", "Queue", "queue", self.sees.queue),
            ("history", "/history", "History", "clock", self.sees.queue),
            ("access", "/access", "Access", "people", self.sees.all),
            ("record", "/record", "Record", "book", self.sees.record),
            ("logs", "/logs", "Logs", "lines", self.sees.logs),
            ("settings", "/settings", "Settings", "sliders", true),
        ];
        let seen = all.into_iter().filter(|(.., is_seen)| *is_seen);
        seen.map(|(section, path, label, icon, _)| Item {
            path,
            label,
            icon: Icon(icon),
            is_here: self.section == section,
            count: if section == "queue" { self.waiting } else { 0 },
        })
        .collect()
    }

    pub(crate) fn moment(&self, at: Timestamp) -> Moment {
        Moment::new(at, self.now)
    }

    /// Where the instance switcher leads: the same section, where it is by instance.
    pub(crate) fn switch_path(&self) -> &'static str {
        match self.section {
            "history" => "/history",
            "logs" => "/logs",
            "settings" => "/settings",
            "record" => "/record",
            _ => "/deployments",
        }
    }
}

/// A page that may take the processor for a while: built and rendered at the desk, in its turn.
pub(crate) async fn made<T: Template>(
    app: &App,
    build: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<Html<String>, PageError> {
    let desk = app.deployments.desk();
    let html = desk.work(move || Ok::<_, Problem>(build()?.render()?));
    Ok(Html(html.await??))
}

/// A page that asks for a passkey, rendered: the only ones that run script.
pub(crate) fn scripted(template: &impl Template) -> Result<Response, PageError> {
    let mut response = page(template)?.into_response();
    response.extensions_mut().insert(RunsScript);
    Ok(response)
}

/// A page, rendered.
pub(crate) fn page(template: &impl Template) -> Result<Html<String>, PageError> {
    Ok(Html(template.render()?))
}
