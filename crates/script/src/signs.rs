//! What shows in the plain text of a source, before anyone parses it.

use model::letter::is_invisible;

use crate::place::Lines;
use crate::{Fact, Sign, Use};

/// From this length on nobody reads a line.
const LINE_MAX: usize = 5_000;
/// So much white space inside a line pushes the rest off the screen.
const GAP_MAX: usize = 200;
/// How many invisible characters are told one by one.
const INVISIBLE_MAX: usize = 50;

/// The signs in a source.
pub(crate) fn signs(source: &str, lines: &Lines<'_>) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut tell = |fact: Fact, start: usize, end: usize| {
        let place = lines.place(start, end);
        uses.push(Use {
            fact,
            place,
            snippet: lines.snippet(place),
        });
    };
    let (mut start, mut is_long, mut is_off) = (0, false, false);
    for line in source.split_inclusive('\n') {
        if line.len() > LINE_MAX && !is_long {
            is_long = true;
            tell(
                Fact::Obfuscated {
                    sign: Sign::LongLine,
                },
                start,
                start + line.len(),
            );
        }
        if !is_off
            && line.len() > GAP_MAX
            && let Some(at) = off_screen(line)
        {
            is_off = true;
            tell(
                Fact::Obfuscated {
                    sign: Sign::OffScreen,
                },
                start + at,
                start + line.len(),
            );
        }
        start += line.len();
    }
    if source.is_ascii() && !source.contains('\r') {
        return uses;
    }
    // A carriage return alone ends a line, and with it a comment, where no line is seen to end.
    let ends_line = |at: usize, one: char| {
        one == '\r'
            && source
                .as_bytes()
                .get(at + 1)
                .is_none_or(|next| *next != b'\n')
    };
    let invisible = source.char_indices().filter(|(at, one)| {
        ends_line(*at, *one) || is_invisible(*one) && (*at > 0 || *one != '\u{feff}')
    });
    for (at, one) in invisible.take(INVISIBLE_MAX) {
        let character = format!("U+{:04X}", u32::from(one));
        tell(Fact::Invisible { character }, at, at + one.len_utf8());
    }
    uses
}

/// Where a line goes on behind a gap.
fn off_screen(line: &str) -> Option<usize> {
    let text = line.trim_end();
    let mut gap = 0;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' | b'\t' => gap += 1,
            _ if gap >= GAP_MAX => return Some(at),
            _ => gap = 0,
        }
    }
    None
}
