//! The names a function node sets and reads. `script` knows them for certain and costs a parser;
//! where every mention has the plain form `flow.get("name")`, and no text, comment or pattern can
//! hold it, it can only say the same.

use script::{Fact, How, Part, Store, Touch};

use super::{Found, literal};

/// Adds what `code` sets and reads.
pub(super) fn look(code: &str, part: Part, found: &mut Found<'_>) {
    if !(code.contains("flow") || code.contains("global")) {
        return;
    }
    match plain(code) {
        Some(touches) => {
            for (owner, name, sets) in touches {
                found.add(owner, name, sets);
            }
        }
        None => parsed(code, part, found),
    }
}

fn parsed(code: &str, part: Part, found: &mut Found<'_>) {
    let how = How {
        part,
        ..How::default()
    };
    for one in script::function(code, &how).uses {
        let Fact::Context {
            store, touch, key, ..
        } = one.fact
        else {
            continue;
        };
        let owner = match store {
            Store::Node => continue,
            Store::Flow => "flow",
            Store::Global => "global",
        };
        let sets = match touch {
            Touch::Write | Touch::Delete => true,
            Touch::Read | Touch::Call => false,
            Touch::List => continue,
        };
        match &key {
            // Several names at once.
            Some(keys) => keys
                .split(", ")
                .for_each(|key| found.add(owner, Some(key), sets)),
            None => found.add(owner, None, sets),
        }
    }
}

/// Whose context, which name, and whether it is set.
type Plain<'c> = (&'static str, Option<&'c str>, bool);

/// Every mention of context, if all have the plain form.
fn plain(code: &str) -> Option<Vec<Plain<'_>>> {
    let mut touches = Vec::new();
    // What is in a comment or text is for the parser to tell, and one of several lines hides anything.
    if ["/*", "`", "\\\n", "\\\r"]
        .iter()
        .any(|it| code.contains(it))
    {
        return None;
    }
    for line in code.split('\n') {
        for owner in ["flow", "global"] {
            for (at, _) in line.match_indices(owner) {
                let (before, after) = (line.get(..at)?, line.get(at + owner.len()..)?);
                let is_word = |c: char| c.is_alphanumeric() || c == '_';
                if before.ends_with(is_word) || after.starts_with(is_word) {
                    continue;
                }
                touches.push(mention(owner, before, after)?);
            }
        }
    }
    Some(touches)
}

/// One mention; none when it is not plain.
fn mention<'c>(owner: &'static str, before: &str, after: &'c str) -> Option<Plain<'c>> {
    let is_own =
        !before.ends_with(['.', '$', '"', '\'', '`', '\\']) || before.ends_with("context.");
    // Within a text or pattern, or behind one: only the parser knows.
    if !is_own || before.contains(['"', '\'', '/']) {
        return None;
    }
    let call = after.strip_prefix('.')?;
    let (sets, call) = match (call.strip_prefix("get("), call.strip_prefix("set(")) {
        (Some(call), _) => (false, call),
        (_, Some(call)) => (true, call),
        _ => return None,
    };
    let (name, rest) = literal(call.trim_start())?;
    rest.trim_start()
        .starts_with([',', ')'])
        .then_some((owner, Some(name), sets))
}
