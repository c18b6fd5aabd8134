//! What may be parsed: the parser has no limit on nesting and ends the process without one.

/// Brackets open at once. Real files reach 224.
const NESTING_MAX: usize = 1_000;

/// Operators in one go, without a statement's end between: `1+1+1+…` nests too.
const CHAIN_MAX: usize = 5_000;

/// Whether `script` may be parsed. It counts brackets and operators wherever they stand, in texts
/// and comments too, because telling those apart is the parser's work; so it errs to the safe side.
pub(super) fn is_shallow(script: &str) -> bool {
    let (mut depth, mut chain) = (0_usize, 0_usize);
    for byte in script.bytes() {
        match byte {
            b'(' | b'[' | b'{' => {
                depth += 1;
                chain += 1;
            }
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b';' | b'\n' | b',' => chain = 0,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | b' ' | b'\r' | b'\t' => {}
            // Everything else may be an operator.
            _ if byte.is_ascii() => chain += 1,
            _ => {}
        }
        if depth > NESTING_MAX || chain > CHAIN_MAX {
            return false;
        }
    }
    true
}
