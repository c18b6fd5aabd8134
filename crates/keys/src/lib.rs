//! The keys: a process of its own that signs and opens, and gives no key out.
//!
//! It holds the private keys of the TLS certificates, of our own root, and the master key that all
//! secrets at rest are sealed with. The process that parses the network asks it: sign this
//! handshake, open this secret for this purpose. No request has a key as its answer.
//!
//! Where to read first: [`process`] is what the process does, from its start to giving up all
//! rights; [`wire`](self) is what can be asked; [`Keeper`] starts it, and starts it again.
//!
//! **Invariant:** nothing here is reached but over two socket pairs that the process inherits: they
//! have no name, so nobody else can connect, and no peer needs to be checked. **Invariant:** in the
//! process that starts it no key is ever read: [`Keyring::open`] and [`Handshakes::own`], which hold
//! keys themselves, are for verbs on a stopped installation and for tests.
#![forbid(unsafe_code)]

pub mod process;

mod authority;
mod certificate;
mod error;
mod handshake;
mod handshakes;
mod keeper;
mod keyring;
mod line;
mod purpose;
mod secret;
mod service;
mod starter;
mod vault;
mod wire;

pub use authority::{
    AuthorityState, IssuedState, RootState, RotationState,
    away::{export_root_key, forget_root_key, import_root_key},
};
pub use certificate::{Chain, Source};
pub use error::{KeysError, Refusal};
pub use handshakes::{Handshakes, Presented};
pub use keeper::Keeper;
pub use keyring::Keyring;
pub use process::Setup;
pub use purpose::Signing;
pub use secret::{Secret, is_signed_by};
pub use starter::{Stamp, Stamps, Starter};
