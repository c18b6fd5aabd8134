//! What Node-RED says it runs, compared with the baseline from outside.
//!
//! Code inside Node-RED's process can bend its flows in memory, and it can answer for them: what it
//! says is a witness, not a proof. What it says wrongly is found here; a restart from the baseline
//! is the way back in every case.

use std::collections::BTreeSet;

use model::{
    flow::{Flows, Limits, credentials::CredentialChanges, credentials::CredentialNames, diff},
    id::Hash,
};

/// Contents remembered as told of. A flow that makes up another content at each look must not fill
/// the record.
const TOLD_MAX: usize = 32;
/// Looks in a row without an answer after which that is a difference itself.
const SILENT_MAX: u32 = 3;
/// Longest description, in characters.
const WHAT_CHARS_MAX: usize = 300;

/// What one look at the running flows came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// The baseline's flows run.
    Equal {
        /// They did not before, and that was told.
        again: bool,
    },
    /// Something else, for the first time: a reload may be under way. Look again in a moment.
    Unsure,
    /// Something else, twice in a row.
    Different(Difference),
}

/// What runs in place of the baseline's flows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In a sentence, for people. Names and contents of nodes are as hostile as their author.
    pub what: String,
    /// SHA-256 of the flows, credentials taken off.
    pub digest: Hash,
    /// Not told before: it belongs into the record.
    pub is_new: bool,
}

/// One instance's memory watch. It keeps digests only, never the flows.
#[derive(Debug, Default)]
pub struct MemoryWatch {
    baseline: Option<Hash>,
    suspected: Option<Hash>,
    told: BTreeSet<Hash>,
    is_open: bool,
    silent: u32,
}

impl MemoryWatch {
    /// Compares what Node-RED answered (`Err`: why it did not) with the baseline's canonical text.
    pub fn look(&mut self, baseline: &str, running: Result<&[u8], &str>) -> Looked {
        let now = Hash::of(baseline.as_bytes());
        if self.baseline.replace(now) != Some(now) {
            // Measured anew: what differed from the former baseline may be this one.
            (self.suspected, self.silent) = (None, 0);
            self.told.clear();
        }
        let (what, digest) = match running {
            Ok(text) => {
                self.silent = 0;
                match difference(baseline, text) {
                    None => return self.equal(),
                    Some(found) => found,
                }
            }
            Err(_) if self.silent + 1 < SILENT_MAX => {
                self.silent += 1;
                return Looked::Unsure;
            }
            Err(why) => (
                format!("Node-RED does not say what it runs: {why}"),
                Hash::of(b"no answer"),
            ),
        };
        // Another wrong content than the last time is no less wrong: the look is never taken while
        // flows are given.
        let is_sure = running.is_err() || self.suspected.is_some();
        self.suspected = Some(digest);
        // One that differs at every look never shows the same content twice; it is no less wrong.
        if !is_sure && !self.is_open {
            return Looked::Unsure;
        }
        self.is_open = true;
        let is_new = self.told.len() < TOLD_MAX && self.told.insert(digest);
        Looked::Different(Difference {
            what: what.chars().take(WHAT_CHARS_MAX).collect(),
            digest,
            is_new,
        })
    }

    /// Node-RED is not up, or was started anew: what was only suspected is no longer.
    pub fn forget_suspicion(&mut self) {
        (self.suspected, self.silent) = (None, 0);
    }

    fn equal(&mut self) -> Looked {
        self.suspected = None;
        Looked::Equal {
            again: std::mem::take(&mut self.is_open),
        }
    }
}

/// What differs, in words, and the digest of what runs; none when it is the baseline.
fn difference(baseline: &str, running: &[u8]) -> Option<(String, Hash)> {
    if running == baseline.as_bytes() {
        return None;
    }
    let submitted = match Flows::submitted(running, &Limits::default()) {
        Ok(submitted) => submitted,
        Err(error) => {
            let what = format!("what runs cannot be read as flows: {error}");
            return Some((what, Hash::of(running)));
        }
    };
    let flows = submitted.flows;
    if flows.text().as_ref() == baseline {
        return None;
    }
    let digest = flows.hash();
    let what = match Flows::from_canonical(baseline.into()) {
        Ok(base) => {
            let (changes, known) = (CredentialChanges::default(), CredentialNames::default());
            diff::diff(&base, &flows, &changes, &known).summary()
        }
        Err(error) => format!("the baseline itself cannot be read: {error}"),
    };
    Some((format!("what runs, beside the baseline, {what}"), digest))
}

#[cfg(test)]
mod tests;
