//! Reading an exported deployment: nothing in it is believed that can be worked out again.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::{BASE64, HEXLOWER};
use model::{
    deployment::{State, Verdict},
    flow::{
        Flows,
        change::{Aspect, Change, ChangeId},
        compose::compose,
        credentials::{CredentialChanges, CredentialNames},
        diff::{Diff, diff},
    },
    id::Hash,
};

use super::{Envelope, FORM, PAYLOAD_TYPE, Statement, signed_bytes};
use crate::touch::is_about;

/// Bytes of a file at most: two flows of the largest size, their difference, and base64's third.
const FILE_MAX: usize = 512 << 20;

/// A file whose signature and contents agree.
#[derive(Debug)]
pub struct Verified {
    /// What it says.
    pub statement: Statement,
    /// The public key it was signed with, in hexadecimal digits. Whose that is, the reader has to
    /// know: `redkeep audit key` says it on the installation itself.
    pub key: String,
}

/// Why a file is not what it says it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// It is something else, or was cut off.
    #[error("this is no exported deployment: {0}")]
    NotOne(String),
    /// It was altered after it was signed.
    #[error("the signature is not of these contents: the file was altered after it was signed")]
    Altered,
    /// Signed by another key.
    #[error("it was signed with the key {found}, not with {expected}")]
    OtherKey {
        /// The key that is trusted.
        expected: String,
        /// The key in the file.
        found: String,
    },
    /// The signature is good, and yet what is signed contradicts itself.
    #[error("the file contradicts itself: {0}")]
    Contradiction(String),
}

/// Checks an exported deployment. `key`: the public key it must be signed with; none: any.
pub fn verify(file: &[u8], key: Option<&str>) -> Result<Verified, NotGenuine> {
    let not_one = |why: &str| NotGenuine::NotOne(why.to_owned());
    if file.len() > FILE_MAX {
        return Err(not_one("it is larger than any export"));
    }
    let envelope: Envelope =
        serde_json::from_slice(file).map_err(|error| NotGenuine::NotOne(error.to_string()))?;
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(not_one("it holds something else"));
    }
    let [signature] = envelope.signatures.as_slice() else {
        return Err(not_one("it must have exactly one signature"));
    };
    if let Some(expected) = key
        && !expected.eq_ignore_ascii_case(&signature.keyid)
    {
        return Err(NotGenuine::OtherKey {
            expected: expected.chars().take(64).collect(),
            found: signature.keyid.chars().take(64).collect(),
        });
    }
    let decode = |text: &str| BASE64.decode(text.as_bytes());
    let payload = decode(&envelope.payload).map_err(|_| not_one("its payload is not base64"))?;
    let sig = decode(&signature.sig).map_err(|_| not_one("its signature is not base64"))?;
    let public = HEXLOWER.decode(signature.keyid.as_bytes());
    let public = public.map_err(|_| not_one("its key is not hexadecimal"))?;
    if !store::is_signed_by(&public, &signed_bytes(&payload), &sig) {
        return Err(NotGenuine::Altered);
    }
    Ok(Verified {
        statement: consistent(&payload)?,
        key: signature.keyid.clone(),
    })
}

/// Reads a statement (JSON, at most what a file holds) and works out again what follows from it. Who signed
/// it is for [`verify`] to say.
pub fn consistent(payload: &[u8]) -> Result<Statement, NotGenuine> {
    let statement: Statement =
        serde_json::from_slice(payload).map_err(|error| NotGenuine::NotOne(error.to_string()))?;
    agree(&statement).map_err(NotGenuine::Contradiction)?;
    Ok(statement)
}

/// Works out again whatever follows from the two flows and the decisions.
fn agree(statement: &Statement) -> Result<(), String> {
    let must = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    let proposal = &statement.deployment.proposal;
    let of = |text: &str| Hash::of(text.as_bytes());
    must(statement.form == FORM, "its form is not known here")?;
    must(
        proposal.hash() == statement.shown,
        "the digest shown is not that of the proposal",
    )?;
    must(
        statement.base.hash() == proposal.base && statement.base.flows == proposal.base_flows,
        "the base is not the baseline that the proposal names",
    )?;
    must(
        of(&statement.base_flows) == proposal.base_flows,
        "the flows it starts from are not those the proposal names",
    )?;
    must(
        of(&statement.proposed_flows) == proposal.flows,
        "the proposed flows are not those the proposal names",
    )?;
    let flows = |text: &str| Flows::from_canonical(text.into()).map_err(|error| error.to_string());
    let (base, proposed) = (
        flows(&statement.base_flows)?,
        flows(&statement.proposed_flows)?,
    );
    let none = CredentialChanges::default();
    let mut diff = diff(&base, &proposed, &none, &CredentialNames::new());
    same_changes(&diff, &statement.changes)?;
    // From here on with the changes as they were shown, those of credentials among them.
    diff.changes.clone_from(&statement.changes);
    let approved = approved(statement)?;
    if let Some(result) = statement.result {
        let composed = compose(&base, &proposed, &diff, &approved)
            .map_err(|_| "the approved changes do not give whole flows".to_owned())?;
        must(
            composed.hash() == result,
            "the approved changes do not give the result",
        )?;
    }
    touched(statement)?;
    applied(statement)
}

/// Whether a passkey signed exactly this deployment with exactly these decisions.
fn touched(statement: &Statement) -> Result<(), String> {
    let Some(touch) = &statement.touch else {
        return Ok(());
    };
    if !is_about(
        &touch.statement,
        &statement.deployment,
        &statement.decisions,
    ) {
        return Err("the touch is for another deployment, or for other decisions".to_owned());
    }
    store::is_touched(touch).map_err(|error| format!("of the touch: {error}"))
}

/// Whether what ran, or is to run, is what was approved; or all of it, where policy or an emergency applied it
/// before anybody had decided.
fn applied(statement: &Statement) -> Result<(), String> {
    let deployment = &statement.deployment;
    let unreviewed = deployment.emergency.is_some() || statement.decisions.is_empty();
    let expected = if unreviewed {
        Some(deployment.proposal.flows)
    } else {
        statement.result
    };
    match (&deployment.state, &statement.applied) {
        (State::Applied { baseline, .. }, Some(applied)) => {
            if applied.hash() != *baseline {
                Err("the baseline it made is not the one it names".to_owned())
            } else if Some(applied.flows) == expected {
                Ok(())
            } else {
                Err("what ran is not the result of the approved changes".to_owned())
            }
        }
        (State::Applied { .. }, None) | (_, Some(_)) => {
            Err("whether it was applied is said in two ways".to_owned())
        }
        (State::Approved { result, .. } | State::Applying { result, .. }, None)
            if expected != Some(*result) =>
        {
            Err("the result is not the one that was confirmed".to_owned())
        }
        _ => Ok(()),
    }
}

/// The changes that were approved; each decision is on a change there is, and there is one a change.
fn approved(statement: &Statement) -> Result<BTreeSet<ChangeId>, String> {
    let known: BTreeSet<&ChangeId> = statement.changes.iter().map(|it| &it.id).collect();
    let mut decided = BTreeMap::new();
    for decision in &statement.decisions {
        if !known.contains(&decision.change) {
            return Err("a decision is on a change that is not there".to_owned());
        }
        if decided.insert(&decision.change, decision.verdict).is_some() {
            return Err("a change was decided twice".to_owned());
        }
    }
    let approved = decided
        .into_iter()
        .filter(|(_, verdict)| *verdict == Verdict::Approve);
    Ok(approved.map(|(change, _)| change.clone()).collect())
}

/// Whether the changes shown are those between the two flows. Those of credentials cannot be worked
/// out from a file that holds none.
fn same_changes(diff: &Diff, shown: &[Change]) -> Result<(), String> {
    let by_id: BTreeMap<&ChangeId, &Change> = shown.iter().map(|it| (&it.id, it)).collect();
    if by_id.len() != shown.len() {
        return Err("two changes have one name".to_owned());
    }
    for change in &diff.changes {
        let same = by_id.get(&change.id).is_some_and(|shown| {
            (&shown.node, &shown.label, &shown.properties, &shown.wires)
                == (
                    &change.node,
                    &change.label,
                    &change.properties,
                    &change.wires,
                )
        });
        if !same {
            return Err(format!("the change {} is not shown as it is", change.id.0));
        }
    }
    let real: BTreeSet<&ChangeId> = diff.changes.iter().map(|it| &it.id).collect();
    let is_of_credentials = |it: &&Change| {
        it.aspect == Aspect::Changed && it.properties.is_empty() && !it.credentials.is_empty()
    };
    match shown
        .iter()
        .find(|it| !real.contains(&it.id) && !is_of_credentials(it))
    {
        Some(invented) => Err(format!("the change {} does not exist", invented.id.0)),
        None => Ok(()),
    }
}
