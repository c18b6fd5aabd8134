//! Two orders made one.

use std::collections::{HashMap, HashSet};

/// The items of `frame` for which `stays` holds, in its order, and the items that only `other` has
/// for which `joins` holds, each behind the item it follows in `other` (of those that are there;
/// first if there is none).
pub(super) fn merge<'k>(
    frame: &[&'k str],
    other: &[&'k str],
    stays: impl Fn(&str) -> bool,
    joins: impl Fn(&str) -> bool,
) -> Vec<&'k str> {
    let framed: HashSet<&str> = frame.iter().copied().collect();
    let mut behind: HashMap<Option<&str>, Vec<&'k str>> = HashMap::new();
    let mut anchor = None;
    for item in other.iter().copied() {
        if framed.contains(item) {
            if stays(item) {
                anchor = Some(item);
            }
        } else if joins(item) {
            behind.entry(anchor).or_default().push(item);
        }
    }
    let mut merged = behind.remove(&None).unwrap_or_default();
    for item in frame.iter().copied().filter(|item| stays(item)) {
        merged.push(item);
        merged.extend(behind.remove(&Some(item)).unwrap_or_default());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_follow_whom_they_followed() {
        let all = |_: &str| true;
        let merged = merge(&["a", "b", "c"], &["n", "a", "m", "o", "c", "p"], all, all);
        assert_eq!(merged, ["n", "a", "m", "o", "b", "c", "p"]);
        let merged = merge(
            &["a", "b"],
            &["a", "b", "x", "y"],
            |item| item != "b",
            |item| item != "x",
        );
        assert_eq!(merged, ["a", "y"]);
    }
}
