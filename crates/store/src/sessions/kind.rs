//! The kinds of sessions.

use crate::StoreError;

/// On which origin a session is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionKind {
    /// The gate's, where the editor's hostile page runs.
    Gate,
    /// The console's.
    Console,
    /// The gate's, of a wall display: it looks and no more.
    Kiosk,
}

impl SessionKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Console => "console",
            Self::Kiosk => "kiosk",
        }
    }

    pub(crate) fn of(word: &str) -> Result<Self, StoreError> {
        match word {
            "gate" => Ok(Self::Gate),
            "console" => Ok(Self::Console),
            "kiosk" => Ok(Self::Kiosk),
            _ => Err(StoreError::damaged("session", "its kind is unknown")),
        }
    }
}
