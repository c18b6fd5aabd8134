//! What a request asks for: one class for every path and method, and "no" for the rest.

pub mod endpoint;
pub mod path;
pub mod table;

pub use endpoint::Endpoints;
pub use path::{PathError, Target};
pub use table::admin;

use http::Method;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// The editor's page.
    Page,
    /// A file of the editor; the same for everybody.
    Asset,
    /// Something read, and how the answer is changed on its way.
    Read(View),
    /// The editor's WebSocket.
    Comms,
    /// Something that would change what runs: it ends in the queue.
    Change(Change),
    /// An effect in what already runs.
    Effect(Effect),
    /// Something kept that does not change what runs.
    Write(Write),
    /// Node-RED's own login, which the gate answers.
    Login(Login),
    /// A page of the gate itself.
    Own(Own),
    /// A file of the instance's history, as Git's clients ask for it.
    History,
    /// An http-in node, a WebSocket listener or a dashboard.
    Endpoint,
    /// A route of a node that no table knows: a GET.
    UnknownRead,
    /// A route of a node that no table knows: anything but a GET.
    Unknown,
    /// A route of a node that an administrator allowed.
    Allowed,
    /// Nobody, ever; with the reason.
    Never(&'static str),
}

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Forwarded as it is.
    Plain,
    /// What nodes there are and their texts: the same for everybody, so compressed as files are.
    Catalogue,
    /// The runtime's settings: the permissions in it are patched.
    Settings,
    /// The editor's texts: the word for a successful deploy is patched.
    EditorTexts,
    /// Plugins: a small block of ours is appended.
    Plugins,
    /// Context values, in clear.
    Context,
    /// Credentials of one node, text fields in clear; with the type's name as it is in the path.
    Credentials,
    /// Facts about the machine: administrators only.
    Diagnostics,
}

/// What would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// All flows.
    Flows,
    /// One flow more.
    AddFlow,
    /// One flow, by id.
    UpdateFlow(String),
    /// One flow less, by id.
    RemoveFlow(String),
    /// Packages: install, enable, disable, remove.
    Palette,
}

/// What effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// An inject node's button.
    Inject(String),
    /// A debug node's switch.
    Debug(String),
    /// Several debug nodes' switches.
    DebugMany,
    /// A context value is deleted.
    Context,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// A user's editor settings.
    UserSettings,
    /// An entry of the library.
    Library,
}

/// Which of Node-RED's login routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// How to log in.
    Describe,
    /// The editor's "log out".
    Revoke,
}

/// Which of the gate's own pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Coming in with a code from the console.
    Enter,
    /// Opening a wall display with its link.
    Kiosk,
    /// Going out.
    Leave,
}

/// The class of a request. Node-RED's own routes come first: an endpoint cannot stand in for them.
pub fn classify(
    method: &Method,
    is_upgrade: bool,
    target: &Target,
    endpoints: &Endpoints,
    is_allowed: impl Fn(&str, &str) -> bool,
) -> Class {
    if let Some(class) = admin(method, is_upgrade, target) {
        return class;
    }
    if endpoints.covers(method, is_upgrade, target) {
        return Class::Endpoint;
    }
    if is_upgrade {
        return Class::Unknown;
    }
    if is_allowed(method.as_str(), &target.normal()) {
        return Class::Allowed;
    }
    match *method {
        Method::GET | Method::HEAD => Class::UnknownRead,
        _ => Class::Unknown,
    }
}
