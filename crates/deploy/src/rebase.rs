//! Putting a stale deployment onto the present baseline: what it changed then is changed now.

use std::collections::BTreeMap;

use model::{
    access::Permission,
    deployment::{Deployment, Proposal, State},
    flow::{
        Flows, Limits,
        change::{Aspect, Change, WireChange},
        diff::{Diff, KEY_ORDER},
    },
    id::DeploymentId,
};
use serde_json::{Map, Value};

use crate::{Caller, DeployError, Deployments};

type Node = Map<String, Value>;

impl Deployments {
    /// Puts a stale deployment onto the present baseline. Its proposer or a reviewer may. All
    /// decisions are void, and the new difference is what is reviewed: where both sides changed
    /// the same property, the page shows the present value against the proposed one.
    pub async fn rebase(
        &self,
        caller: &Caller,
        id: DeploymentId,
    ) -> Result<Deployment, DeployError> {
        caller.require(Permission::Propose)?;
        let review = self.examine(id).await?;
        let (deployment, reading) = (review.deployment, review.reading);
        if deployment.proposer.user() != Some(caller.principal.user) {
            caller.require(Permission::Decide)?;
        }
        if !matches!(deployment.state, State::Stale { .. }) {
            let state = deployment.state.word();
            return Err(DeployError::WrongState {
                id,
                state,
                why: "only a stale one is rebased",
            });
        }
        let base = self.store.baseline(&deployment.instance).await?;
        let base = base.ok_or(DeployError::NoBaseline)?;
        let current = base.flows.clone();
        let turn = self.desk.sure_turn().await?;
        let moved = turn.work(move || {
            let current = Flows::from_canonical(current)?;
            let text = moved(&reading.proposal, &reading.diff, &current);
            Flows::submitted(text.as_bytes(), &Limits::default()).map(|it| it.flows)
        });
        let moved = moved.await??;
        self.store.keep_blob(moved.text()).await?;
        let proposal = Proposal {
            base: base.baseline.hash(),
            base_flows: base.baseline.flows,
            flows: moved.hash(),
            ..deployment.proposal
        };
        Ok(self.store.rebase(id, &proposal, &caller.actor()).await?)
    }
}

/// `current` with the changes of `diff`, which lead to `proposed`.
fn moved(proposed: &Flows, diff: &Diff, current: &Flows) -> String {
    let mut nodes: Vec<(String, Node)> = current
        .nodes()
        .map(|node| (node.id().to_owned(), node.properties()))
        .collect();
    let places: BTreeMap<String, usize> = nodes
        .iter()
        .enumerate()
        .map(|(place, (id, _))| (id.clone(), place))
        .collect();
    for change in &diff.changes {
        let theirs = proposed.get(&change.node).map(|node| node.properties());
        let ours = places
            .get(&change.node)
            .and_then(|place| nodes.get_mut(*place));
        match (change.aspect, ours, theirs) {
            (Aspect::Added, None, Some(theirs)) => nodes.push((change.node.clone(), theirs)),
            (Aspect::Added | Aspect::Changed | Aspect::Layout, Some((_, ours)), Some(_)) => {
                set_properties(ours, change);
            }
            (Aspect::Removed, Some((_, ours)), _) => ours.clear(),
            (Aspect::Wired, Some((_, ours)), _) => rewire(ours, change),
            // What is gone cannot be changed; the order stays the present one.
            (Aspect::Changed | Aspect::Layout | Aspect::Wired | Aspect::Removed, None, _)
            | (Aspect::Order, _, _)
            | (_, _, None) => {}
        }
    }
    let kept = nodes
        .into_iter()
        .map(|(_, node)| node)
        .filter(|node| !node.is_empty());
    Value::Array(kept.map(Value::Object).collect()).to_string()
}

fn set_properties(node: &mut Node, change: &Change) {
    // The order of a node's keys is told like a property, but is none.
    for property in change.properties.iter().filter(|it| it.key != KEY_ORDER) {
        match &property.after {
            Some(value) => {
                node.insert(property.key.clone(), value.clone());
            }
            None => {
                node.shift_remove(&property.key);
            }
        }
    }
}

/// Adds and takes away the wires that the proposal added and took away.
fn rewire(node: &mut Node, change: &Change) {
    // Nobody else touched these wires: exactly as proposed, empty outputs and order included.
    let told = change.properties.iter().find(|it| it.key == "wires");
    if let Some(told) = told
        && told.before.as_ref() == node.get("wires")
    {
        set_properties(node, change);
        return;
    }
    let mut ports: Vec<Vec<String>> = node
        .get("wires")
        .and_then(|wires| serde_json::from_value(wires.clone()).ok())
        .unwrap_or_default();
    for WireChange {
        added, port, to, ..
    } in &change.wires
    {
        if ports.len() <= *port && *added && *port < PORTS_MAX {
            ports.resize(*port + 1, Vec::new());
        }
        let Some(wires) = ports.get_mut(*port) else {
            continue;
        };
        wires.retain(|wire| wire != to);
        if *added {
            wires.push(to.clone());
        }
    }
    node.insert("wires".to_owned(), serde_json::json!(ports));
}

/// More outputs than any node has: a hostile port number must not allocate.
const PORTS_MAX: usize = 10_000;
