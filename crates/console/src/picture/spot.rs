//! Where nodes are and what their wires lead to, without reading all of them.

use model::flow::NodeRef;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::area::Area;

/// The members of a node that are read of every node on a tab.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default)]
    x: Option<&'a RawValue>,
    #[serde(borrow, default)]
    y: Option<&'a RawValue>,
    #[serde(borrow, default)]
    w: Option<&'a RawValue>,
    #[serde(borrow, default)]
    h: Option<&'a RawValue>,
    #[serde(borrow, default)]
    wires: Option<&'a RawValue>,
}

/// A node on the tab.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'f> {
    pub(super) node: NodeRef<'f>,
    /// About where it is: a node's width takes reading its label.
    pub(super) area: Area,
    /// Its wires, as they are written.
    wires: &'f str,
    /// Whether it was here and is here no more.
    pub(super) is_gone: bool,
}

/// A coordinate that can be drawn. The editor's canvas ends at 8000; what a flow places far outside
/// is drawn near its edge, lest one far node make all others too small to see.
pub(super) fn clamp(value: f64) -> f64 {
    value.clamp(-500.0, 8_500.0)
}

impl<'f> Spot<'f> {
    pub(super) fn of(node: NodeRef<'f>, is_gone: bool) -> Self {
        let members: Members<'f> = serde_json::from_str(node.raw()).unwrap_or(Members {
            x: None,
            y: None,
            w: None,
            h: None,
            wires: None,
        });
        let number = |raw: Option<&RawValue>| {
            let number = raw.and_then(|raw| raw.get().parse().ok());
            clamp(number.filter(|it: &f64| it.is_finite()).unwrap_or(0.0))
        };
        let (x, y) = (number(members.x), number(members.y));
        let area = if node.kind() == "group" {
            let side = |raw| number(raw).max(40.0);
            Area {
                x,
                y,
                w: side(members.w),
                h: side(members.h),
            }
        } else if node.kind() == "junction" {
            Area::around(x, y, 10.0, 10.0)
        } else {
            Area::around(x, y, 140.0, 30.0)
        };
        Self {
            node,
            area,
            wires: members.wires.map_or("", RawValue::get),
            is_gone,
        }
    }

    /// Calls `each` with the output and the target of every wire.
    pub(super) fn wires(&self, mut each: impl FnMut(usize, &str)) {
        // The shape nearly all have, without an allocation per text.
        if let Ok(ports) = serde_json::from_str::<Vec<Vec<&str>>>(self.wires) {
            for (port, targets) in ports.iter().enumerate() {
                for to in targets {
                    each(port, to);
                }
            }
            return;
        }
        let ports: Value = serde_json::from_str(self.wires).unwrap_or_default();
        for (port, targets) in ports.as_array().into_iter().flatten().enumerate() {
            let targets = targets.as_array().into_iter().flatten();
            for to in targets.filter_map(Value::as_str) {
                each(port, to);
            }
        }
    }
}
