//! The ledger: everything Redkeep must not forget.
//!
//! One `Store` per data directory. SQL stands nowhere else. Every state change and its audit row
//! are one transaction; every write begins with `BEGIN IMMEDIATE` and commits durably.
#![forbid(unsafe_code)]

mod accounts;
mod anchor;
mod audit;
mod baselines;
mod deployments;
mod entry;
mod error;
mod instances;
mod json;
mod logs;
mod mails;
mod open;
mod rehearsals;
mod risks;
mod roles;
mod rules;
mod session_cache;
mod sessions;
mod tokens;

pub use accounts::{
    Bound, Ceremony, CheckedTouch, Due, Enrolment, External, ExternalSignIn, HalfWay, ImportedHash,
    LoginAttempt, NewPasskey, NewUser, Passkey, PasskeyError, PasswordError, RelyingParty, Says,
    SecondFactor, User, is_touched,
};
pub use audit::{AuditFilter, AuditProblem};
pub use baselines::{BaselineContent, Snapshot};
pub use deployments::{Commit, NewDeployment, Seen};
pub use error::StoreError;
pub use instances::RefusedRoute;
pub use keys::{Keyring, KeysError, Secret, Signing, is_signed_by};
pub use logs::{LogLevel, LogLine};
pub use mails::WaitingMail;
pub use open::Store;
pub use risks::NewRisk;
pub use rules::{KeptRules, Trial};
pub use sessions::{Session, SessionKind, SessionSecret};
pub use tokens::{AccessToken, NewToken};
