//! What the record says of it.

use serde_json::Value;

use crate::{Redkeep, until, verbs::listed};

impl Redkeep {
    /// Entries of the record of this kind, newest first.
    pub async fn audit(&self, kind: &str) -> Vec<Value> {
        let found = self
            .cli(&["audit", "list", "-n", "500", "--kind", kind])
            .await
            .ok()
            .json();
        listed(&found, "entries")
    }

    /// Waits until the record holds an entry of this kind that fits, and gives it.
    pub async fn recorded(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let what = format!("an entry {kind} in the record");
        until(&what, || async {
            self.audit(kind).await.into_iter().find(|entry| fits(entry))
        })
        .await
    }

    /// Fails unless the record is whole.
    pub async fn assert_record_whole(&self) {
        let verified = self.cli(&["audit", "verify"]).await;
        assert_eq!(
            verified.code,
            Some(0),
            "the record is not whole: {}",
            verified.stdout
        );
    }
}
