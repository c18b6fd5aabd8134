//! From a permit to an answer, and from a denial to one a person or a program understands.

use std::sync::Arc;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use http_body_util::Limited;
use hyper::body::Incoming;
use model::{id::SessionId, principal::Via};
use serde_json::json;
use store::{SessionKind, Store};

use super::{Denial, Inner, Visit, history};
use crate::{
    authorize::{Permit, Refusal},
    body::{self, Body, boxed, empty, full},
    comms, editor, effect,
    forward::{ForwardError, compress},
    headers::{self, Sort},
    identify::entry,
    intercept, recall,
    respond::{self, Message},
    route::{Class, Login, Own, View},
    upgrade,
};

/// Nothing to see.
const PICTURE: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' \
                       viewBox='0 0 1 1'/%3E";

/// To whom the answer is shown.
pub(crate) struct Face {
    wants_page: bool,
}

impl Face {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        Self {
            wants_page: respond::wants_page(request.method(), request.headers()),
        }
    }
}

impl Inner {
    /// Does what the permit is for.
    pub(super) async fn dispatch(
        self: &Arc<Self>,
        visit: Visit,
        body: Body,
        permit: Permit,
    ) -> Result<Response<Body>, Denial> {
        // What is rare stands in a box of its own, so that the common request is small to move.
        match permit.class() {
            Class::Own(Own::Enter) => Box::pin(self.enter(&visit)).await,
            Class::Own(Own::Kiosk) => Box::pin(self.open_kiosk(&visit)).await,
            Class::Own(Own::Leave) | Class::Login(Login::Revoke) => {
                Box::pin(self.leave(&visit)).await
            }
            Class::Login(Login::Describe) => Ok(describe_login(&visit)),
            Class::History if !visit.is_upgrade => Box::pin(self.history(&visit)).await,
            Class::Comms => Box::pin(comms::accept(self, visit, &permit)).await,
            Class::Change(change) => Box::pin(intercept::take(self, visit, body, change)).await,
            Class::Effect(_) => Box::pin(effect::trigger(self, visit, body, &permit)).await,
            Class::Write(write) => {
                Box::pin(effect::write(self, visit, body, &permit, *write)).await
            }
            Class::Endpoint if visit.is_upgrade => {
                Box::pin(upgrade::tunnel(self, visit, &permit)).await
            }
            _ if visit.is_upgrade => Err(Refusal::Unknown.into()),
            _ => self.pass(visit, body, &permit).await,
        }
    }

    /// Forwards a request as it is, and its answer with what the class asks for.
    async fn pass(
        &self,
        visit: Visit,
        body: Body,
        permit: &Permit,
    ) -> Result<Response<Body>, Denial> {
        let session = session(permit);
        if *permit.class() == Class::Asset
            && let Some(shelf) = self.shelf.get()
        {
            if let Some(session) = session.filter(|_| shelf.is_heavy(&visit.target)) {
                self.holds.wait(session).await;
            }
            if let Some(response) = shelf.answer(&visit).await? {
                return Ok(response);
            }
        }
        if recall::keeps(&visit, permit)
            && let Some(response) = Box::pin(self.recall(&visit, permit)).await?
        {
            return Ok(response);
        }
        if let Some(session) = session.filter(|_| *permit.class() == Class::Page) {
            self.holds.open(session);
        }
        // Gone when they were sent, or when there are none.
        let flows = session
            .filter(|_| visit.target.is("flows"))
            .map(|session| self.holds.flows(session));
        let limits = &self.config.limits;
        let body = match (visit.request.method(), permit.class()) {
            (&Method::GET | &Method::HEAD, _) => empty(),
            // A rule's own bound was laid on already.
            (_, Class::Endpoint) if permit.bounds().body_bytes.is_some() => body,
            (_, Class::Endpoint) => boxed(Limited::new(body, limits.endpoint_bytes_max)),
            _ => boxed(Limited::new(body, limits.body_bytes_max)),
        };
        let view = match permit.class() {
            Class::Read(view) => Some(*view),
            _ => None,
        };
        let is_patched = view.is_some_and(editor::patches);
        let mut request = self.upstream_request(&visit, permit, body);
        if is_patched {
            // What is changed on the way must come whole.
            for name in [
                header::IF_NONE_MATCH,
                header::IF_MODIFIED_SINCE,
                header::RANGE,
            ] {
                request.headers_mut().remove(name);
            }
        }
        let response = self.forwarder.send(permit, request).await?;
        let response = downstream(response);
        match view {
            Some(view) if is_patched => {
                let patch = editor::patch(self, &visit, permit, view, response);
                let response = Box::pin(patch).await?;
                Ok(match view {
                    View::EditorTexts | View::Plugins => compress::text(&visit, response),
                    _ => response,
                })
            }
            Some(View::Catalogue) => Ok(compress::text(&visit, response)),
            Some(View::Context | View::Credentials) => Ok(no_store(response)),
            _ if *permit.class() == Class::Asset => Ok(compress::asset(&visit, response)),
            _ => Ok(match flows {
                Some(flows) => response.map(|body| body::hold(body, flows)),
                None => response,
            }),
        }
    }

    /// The request as Node-RED gets it.
    pub(crate) fn upstream_request(
        &self,
        visit: &Visit,
        permit: &Permit,
        body: Body,
    ) -> Request<Body> {
        let is_endpoint = *permit.class() == Class::Endpoint;
        let keep_login = is_endpoint && visit.is_foreign_login;
        let mut headers =
            headers::upstream(visit.request.headers(), &visit.client(self), keep_login);
        if !is_endpoint {
            headers.remove(header::ACCEPT_ENCODING);
            self.set_identity(&mut headers, permit);
        }
        let mut request = Request::new(body);
        *request.method_mut() = visit.request.method().clone();
        *request.uri_mut() = upstream_uri(&visit.target.path_and_query());
        *request.headers_mut() = headers;
        request
    }

    /// Says who acts. Endpoints are not told: a flow has no use for a header that opens the admin
    /// API for a minute.
    pub(crate) fn set_identity(&self, headers: &mut HeaderMap, permit: &Permit) {
        let now = self.store.clock().now();
        let value = permit
            .principal()
            .and_then(|principal| self.identities.header(principal, now));
        if let Some(value) = value {
            headers.insert(HeaderName::from_static(runtime::identity::HEADER), value);
        }
    }

    /// The last headers.
    pub(super) fn finish(&self, mut response: Response<Body>, sort: Sort) -> Response<Body> {
        headers::protect(response.headers_mut(), sort, &self.host);
        response
    }

    /// A browser is sent to the console; a program is told.
    pub(super) fn ask_to_log_in(&self, visit: &Visit, face: &Face) -> Response<Body> {
        let config = &self.config;
        let way = face.wants_page.then(|| {
            entry::leave_for_login(
                &config.console_origin,
                config.instance.as_str(),
                &visit.target,
            )
        });
        let response = if let Some((location, cookie)) = way.flatten() {
            let mut response = respond::see_other(&location);
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        } else {
            let mut response = respond::error(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "log in on the gate, or send an access token as Authorization: Bearer",
            );
            let challenge = if history::asks(visit) {
                history::CHALLENGE
            } else {
                "Bearer realm=\"redkeep\""
            };
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
            response
        };
        self.finish(response, Sort::Own)
    }

    /// Comes back from the console's login with a code.
    async fn enter(&self, visit: &Visit) -> Result<Response<Body>, Denial> {
        let code = visit.target.parameter("code").unwrap_or_default();
        let state = visit.target.parameter("state").unwrap_or_default();
        let headers = visit.request.headers();
        let wanted = entry::wanted(headers, &state);
        let redeemed = wanted
            .as_ref()
            .and_then(|_| Store::redeem_entry_code(&self.store, &code, &state));
        let (Some(to), Some((user, parent))) = (wanted, redeemed) else {
            return Ok(self.page(&Message {
                status: StatusCode::BAD_REQUEST,
                title: "This link cannot be used".to_owned(),
                text: "It was used already, is older than a minute, or belongs to another \
                       browser. Start again from the editor."
                    .to_owned(),
                links: vec![("Open the editor".to_owned(), "/".to_owned())],
            }));
        };
        let agent = headers
            .get(header::USER_AGENT)
            .and_then(|v| v.to_str().ok())
            .unwrap_or("");
        let address = Some(visit.peer.address().ip());
        let (_, secret) = self
            .store
            .open_session(user, SessionKind::Gate, Some(parent), address, agent)
            .await?;
        let mut response = respond::see_other(&to);
        entry::open(response.headers_mut(), &secret.0);
        Ok(response)
    }

    /// Opens a wall display with its link, once.
    async fn open_kiosk(&self, visit: &Visit) -> Result<Response<Body>, Denial> {
        let code = visit.target.parameter("code").unwrap_or_default();
        let headers = visit.request.headers();
        let agent = headers.get(header::USER_AGENT);
        let agent = agent.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let (instance, from) = (&self.config.instance, visit.peer.address().ip());
        // A link is opened by a person or a scanner's browser, never fetched by another page.
        let is_opened = respond::wants_page(visit.request.method(), headers);
        let opened = if is_opened {
            self.store.open_kiosk(&code, instance, from, agent).await?
        } else {
            None
        };
        let Some((secret, path)) = opened else {
            return Ok(self.page(&Message {
                status: StatusCode::BAD_REQUEST,
                title: "This link cannot be used".to_owned(),
                text: "It was used already, is older than a day, or is not for this place. An \
                       administrator makes another in the console under Access."
                    .to_owned(),
                links: Vec::new(),
            }));
        };
        let mut response = respond::see_other(&entry::local(&path));
        entry::open_lasting(response.headers_mut(), &secret.0);
        Ok(response)
    }

    async fn leave(&self, visit: &Visit) -> Result<Response<Body>, Denial> {
        if let Some(known) = &visit.known
            && let Via::GateSession { session } | Via::KioskSession { session } =
                known.principal.via
        {
            let address = Some(visit.peer.address().ip());
            let actor = model::principal::Actor::principal(&known.principal, address);
            self.store.revoke_session(session, &actor).await?;
        }
        let mut response = respond::see_other(&format!("{}/", self.config.console_origin));
        if visit.target.normal().starts_with("/auth") {
            response = respond::json(StatusCode::OK, &json!({ "redirect": "/" }));
        }
        entry::close(response.headers_mut());
        Ok(response)
    }

    fn page(&self, message: &Message) -> Response<Body> {
        let mut response = Response::new(full(self.pages.message(message)));
        *response.status_mut() = message.status;
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, html);
        response
    }

    /// Says no.
    pub(super) fn deny(&self, denial: &Denial, face: &Face) -> Response<Body> {
        let (status, code) = kind(denial);
        if status.is_server_error() {
            tracing::warn!(error = %denial, source = ?std::error::Error::source(denial), "a request failed");
        }
        let mut text = denial.to_string();
        if let Some(first) = text.get(..1).map(str::to_uppercase) {
            text.replace_range(..1, &first);
        }
        let mut response = if face.wants_page {
            let title = match status {
                StatusCode::SERVICE_UNAVAILABLE => "Node-RED is not there yet",
                StatusCode::FORBIDDEN => "You may not do this",
                _ => "This did not work",
            };
            self.page(&Message {
                status,
                title: title.to_owned(),
                text: format!("{text}."),
                links: vec![
                    ("Try again".to_owned(), "/".to_owned()),
                    (
                        "Open the console".to_owned(),
                        format!("{}/", self.config.console_origin),
                    ),
                ],
            })
        } else {
            respond::error(status, code, &text)
        };
        let retry = matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        );
        if retry {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if matches!(denial, Denial::Unsigned(_)) {
            // RFC 9110, 15.5.2 asks for one; no registered scheme is meant.
            let challenge = HeaderValue::from_static("Signature realm=\"redkeep\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, challenge);
        }
        if matches!(denial, Denial::Malformed(_)) {
            // Whoever sends this may mean something else by the rest of it.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.finish(response, Sort::Own)
    }
}

/// The browser session by which the permit's holder came; none for a token, which has no page.
fn session(permit: &Permit) -> Option<SessionId> {
    match permit.principal()?.via {
        Via::GateSession { session } | Via::KioskSession { session } => Some(session),
        _ => None,
    }
}

/// How to log in, as the editor asks.
fn describe_login(visit: &Visit) -> Response<Body> {
    let answer = if visit.known.is_some() {
        json!({})
    } else {
        json!({
            "prompts": [{ "type": "button", "label": "Sign in", "url": "/" }],
            "loginMessage": "Your session has ended.",
            // The editor shows its dialog once the picture is there; its own needs a session.
            "image": PICTURE,
        })
    };
    respond::json(StatusCode::OK, &answer)
}

fn kind(denial: &Denial) -> (StatusCode, &'static str) {
    match denial {
        Denial::Malformed(_) | Denial::Forward(ForwardError::Body) => {
            (StatusCode::BAD_REQUEST, "invalid_request")
        }
        Denial::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "wrong_host"),
        Denial::Refused(Refusal::NotIdentified) => (StatusCode::UNAUTHORIZED, "unauthorized"),
        Denial::Refused(Refusal::CrossSite) => (StatusCode::FORBIDDEN, "cross_site"),
        Denial::Refused(Refusal::Unknown) => (StatusCode::FORBIDDEN, "route_not_allowed"),
        Denial::Refused(_) => (StatusCode::FORBIDDEN, "forbidden"),
        Denial::Unsigned(_) => (StatusCode::UNAUTHORIZED, "not_signed"),
        Denial::Answered { status, code, .. } => (*status, code),
        Denial::TooMany | Denial::TooFast => (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"),
        Denial::TooLarge { .. } | Denial::Forward(ForwardError::BodyTooLong) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
        }
        Denial::Forward(ForwardError::NotRunning) => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Denial::Forward(ForwardError::TooSlow) => (StatusCode::GATEWAY_TIMEOUT, "too_slow"),
        Denial::Forward(ForwardError::Broken) => (StatusCode::BAD_GATEWAY, "broken"),
        Denial::Store(_) | Denial::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, "failed"),
    }
}

/// Node-RED's address of a path that was read already.
pub(crate) fn upstream_uri(path_and_query: &str) -> Uri {
    Uri::builder()
        .scheme("http")
        .authority("node-red")
        .path_and_query(path_and_query)
        .build()
        .expect("the path was read by Target::parse, which takes less than Uri does")
}

/// Node-RED's answer, its headers cleaned.
pub(crate) fn downstream(response: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    parts.headers = headers::downstream(&parts.headers);
    parts.version = http::Version::default();
    parts.extensions.clear();
    Response::from_parts(parts, boxed(body))
}

fn no_store(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
