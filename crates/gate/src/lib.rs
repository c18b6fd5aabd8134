//! The door: the only way in to Node-RED.
//!
//! `listen → identify → authorize → limit → (intercept | forward) → respond`, each in a file of its
//! name; [`Gate::answer`] puts them in order.
#![forbid(unsafe_code)]

pub mod authorize;
pub mod body;
pub mod certificate;
mod clients;
mod comms;
mod conditional;
mod editor;
mod effect;
mod forward;
mod gate;
mod headers;
mod hold;
pub mod hostile;
mod identify;
mod intercept;
mod issued;
pub mod limit;
pub mod listen;
mod live;
mod outline;
mod press;
mod promise;
mod recall;
mod record;
mod respond;
pub mod route;
mod shelf;
mod signature;
mod tls;
mod upgrade;

pub use certificate::Certificates;
pub use clients::{ClientAuthority, Clients};
pub use forward::{Connected, Reloaded, Upstream};
pub use gate::{ConfigError, File, Gate, GateConfig, History};
pub use issued::{Issued, LIST};
pub use limit::Limits;
pub use listen::{Arriving, ConnectionService, Peer, Proxies, Speaks, serve, serve_plain};
pub use promise::Promise;
pub use recall::Generation;
pub use respond::{Message, Pages};
pub use shelf::{EDITOR_FILES, Listed, Shelf};
