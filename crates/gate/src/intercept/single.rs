//! One flow added, replaced or removed: the whole that Node-RED would make of it
//! (`addFlow`, `updateFlow`, `removeFlow` of `@node-red/runtime/lib/flows/index.js`, 5.0.7).

use std::collections::HashSet;

use model::flow::Flows;
use serde_json::{Map, Value};

type Node = Map<String, Value>;

/// The name of everything that is on no tab.
const GLOBAL: &str = "global";

/// Why one flow cannot be put into the whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SingleError {
    /// There is no such flow.
    #[error("there is no such flow")]
    Unknown,
    /// The global flow cannot be removed.
    #[error("the global configuration cannot be removed")]
    Global,
    /// A list or an entry is not what it should be.
    #[error("{0}")]
    Shape(&'static str),
    /// A node's id is taken.
    #[error("a node of the flow has the id of one that runs")]
    DuplicateId,
}

/// A new id, as Node-RED makes them: 8 random bytes in hexadecimal.
pub(super) fn new_id() -> Option<String> {
    let mut random = [0; 8];
    aws_lc_rs::rand::fill(&mut random).ok()?;
    Some(data_encoding::HEXLOWER.encode(&random))
}

/// The flows with one more, `id`.
pub(super) fn add(running: &Flows, flow: Value, id: &str) -> Result<Vec<Value>, SingleError> {
    let mut flow = object(flow)?;
    let Some(nodes) = flow.remove("nodes") else {
        return Err(SingleError::Shape("the flow has no \"nodes\""));
    };
    let mut added = list(Some(nodes))?;
    added.extend(list(flow.remove("configs"))?);
    for node in &mut added {
        if text(node, "id").is_some_and(|id| running.get(id).is_some()) {
            return Err(SingleError::DuplicateId);
        }
        if matches!(text(node, "type"), Some("tab" | "subflow")) {
            return Err(SingleError::Shape("a flow cannot hold a tab or a subflow"));
        }
        node.insert("z".to_owned(), id.into());
    }
    let mut whole = nodes_of(running);
    whole.push(tab(flow, id));
    whole.extend(added);
    Ok(values(whole))
}

/// The flows with flow `id` (or `global`) replaced.
pub(super) fn update(running: &Flows, flow: Value, id: &str) -> Result<Vec<Value>, SingleError> {
    let mut flow = object(flow)?;
    let mut whole = nodes_of(running);
    if id == GLOBAL {
        let tabs = tabs(running);
        whole.retain(|node| {
            text(node, "type") == Some("tab")
                || text(node, "z").is_some_and(|tab| tabs.contains(tab))
        });
        whole.extend(list(flow.remove("configs"))?);
        for mut subflow in list(flow.remove("subflows"))? {
            whole.extend(list(subflow.remove("nodes"))?);
            whole.extend(list(subflow.remove("configs"))?);
            whole.push(subflow);
        }
        return Ok(values(whole));
    }
    if !tabs(running).contains(id) {
        return Err(SingleError::Unknown);
    }
    whole.retain(|node| !belongs_to(node, id));
    let mut placed = list(flow.remove("nodes"))?;
    placed.extend(list(flow.remove("configs"))?);
    for node in &mut placed {
        if text(node, "type") != Some("tab") {
            node.insert("z".to_owned(), id.into());
        }
    }
    whole.push(tab(flow, id));
    whole.extend(placed);
    Ok(values(whole))
}

/// The flows without flow `id`.
pub(super) fn remove(running: &Flows, id: &str) -> Result<Vec<Value>, SingleError> {
    if id == GLOBAL {
        return Err(SingleError::Global);
    }
    if !tabs(running).contains(id) {
        return Err(SingleError::Unknown);
    }
    let mut whole = nodes_of(running);
    whole.retain(|node| !belongs_to(node, id));
    Ok(values(whole))
}

/// The tab's own node: what Node-RED takes over of the flow, in its order.
fn tab(mut flow: Node, id: &str) -> Node {
    let mut tab = Node::new();
    tab.insert("type".to_owned(), "tab".into());
    if let Some(label) = flow.remove("label") {
        tab.insert("label".to_owned(), label);
    }
    tab.insert("id".to_owned(), id.into());
    for key in ["info", "disabled", "env", "credentials"] {
        if let Some(value) = flow.remove(key) {
            tab.insert(key.to_owned(), value);
        }
    }
    tab
}

fn nodes_of(flows: &Flows) -> Vec<Node> {
    flows.nodes().map(|node| node.properties()).collect()
}

fn tabs(flows: &Flows) -> HashSet<&str> {
    flows
        .nodes()
        .filter(|node| node.kind() == "tab")
        .map(|node| node.id())
        .collect()
}

fn belongs_to(node: &Node, id: &str) -> bool {
    text(node, "z") == Some(id) || text(node, "id") == Some(id)
}

fn text<'a>(node: &'a Node, key: &str) -> Option<&'a str> {
    node.get(key).and_then(Value::as_str)
}

fn object(value: Value) -> Result<Node, SingleError> {
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(SingleError::Shape("the body is no object")),
    }
}

fn list(value: Option<Value>) -> Result<Vec<Node>, SingleError> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.into_iter().map(object).collect(),
        Some(_) => Err(SingleError::Shape(
            "\"nodes\", \"configs\" and \"subflows\" are lists",
        )),
    }
}

fn values(nodes: Vec<Node>) -> Vec<Value> {
    nodes.into_iter().map(Value::Object).collect()
}

#[cfg(test)]
mod tests {
    use model::flow::Limits;
    use serde_json::json;

    use super::*;

    fn running() -> Flows {
        let text = br#"[{"id":"t","type":"tab","label":"T"},{"id":"u","type":"tab","label":"U"},
            {"id":"a","type":"inject","z":"t","wires":[["b"]]},{"id":"b","type":"debug","z":"t"},
            {"id":"c","type":"mqtt-broker"},{"id":"s","type":"subflow","name":"S"},
            {"id":"n","type":"function","z":"s"},{"id":"d","type":"debug","z":"u"}]"#;
        Flows::submitted(text, &Limits::default()).unwrap().flows
    }

    fn ids(whole: &[Value]) -> Vec<&str> {
        whole
            .iter()
            .map(|node| node["id"].as_str().unwrap())
            .collect()
    }

    #[test]
    fn a_flow_is_added_at_the_end_on_its_own_tab() {
        let flow = json!({"label":"New","nodes":[{"id":"x","type":"debug","z":"wrong"}],"configs":[{"id":"y","type":"k"}]});
        let whole = add(&running(), flow, "new").unwrap();
        assert_eq!(
            ids(&whole),
            ["t", "u", "a", "b", "c", "s", "n", "d", "new", "x", "y"]
        );
        assert_eq!(whole[8], json!({"type":"tab","label":"New","id":"new"}));
        assert_eq!(whole[9]["z"], "new");
        assert_eq!(
            add(&running(), json!({"label":"x"}), "new").unwrap_err(),
            SingleError::Shape("the flow has no \"nodes\"")
        );
        let taken = json!({"nodes":[{"id":"a","type":"debug"}]});
        assert_eq!(
            add(&running(), taken, "new").unwrap_err(),
            SingleError::DuplicateId
        );
        assert!(
            add(
                &running(),
                json!({"nodes":[{"id":"q","type":"subflow"}]}),
                "new"
            )
            .is_err()
        );
    }

    #[test]
    fn a_flow_is_replaced_as_node_red_replaces_it() {
        let flow = json!({"label":"T2","disabled":true,"nodes":[{"id":"z1","type":"debug"}]});
        let whole = update(&running(), flow, "t").unwrap();
        assert_eq!(ids(&whole), ["u", "c", "s", "n", "d", "t", "z1"]);
        assert_eq!(
            whole[5],
            json!({"type":"tab","label":"T2","id":"t","disabled":true})
        );
        assert_eq!(whole[6]["z"], "t");
        assert_eq!(
            update(&running(), json!({}), "s").unwrap_err(),
            SingleError::Unknown
        );
    }

    #[test]
    fn the_global_flow_holds_configs_and_subflows() {
        let flow = json!({"configs":[{"id":"c2","type":"mqtt-broker"}],
            "subflows":[{"id":"s2","type":"subflow","nodes":[{"id":"n2","type":"function","z":"s2"}]}]});
        let whole = update(&running(), flow, "global").unwrap();
        assert_eq!(ids(&whole), ["t", "u", "a", "b", "d", "c2", "n2", "s2"]);
        assert!(whole[7].get("nodes").is_none());
    }

    #[test]
    fn a_flow_is_removed_with_its_nodes() {
        assert_eq!(
            ids(&remove(&running(), "t").unwrap()),
            ["u", "c", "s", "n", "d"]
        );
        assert_eq!(
            remove(&running(), "global").unwrap_err(),
            SingleError::Global
        );
        assert_eq!(
            remove(&running(), "nope").unwrap_err(),
            SingleError::Unknown
        );
        assert_eq!(remove(&running(), "c").unwrap_err(), SingleError::Unknown);
    }
}
