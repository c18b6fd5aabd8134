//! Stack enough for the parser: a thread of its own for one source, or one for all that is read in a row.
//!
//! Starting a thread with a large stack costs several times what reading a usual function does. Whoever
//! reads many sources asks once for [`with_room`].

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

use crate::Refused;

/// Measured: see the tests of the reader, which go to both its limits in an unoptimised build.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// What whoever asked for room may take of it before the parser begins.
const OWN_BYTES: usize = 4 * 1024 * 1024;

thread_local! {
    /// Whether this thread has the parser's stack, and no parser is on it.
    static HAS_ROOM: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` on a thread on which sources are read one after the other. What is read within the
/// reading of another still gets a thread of its own: the room is measured for one.
pub fn with_room<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if HAS_ROOM.get() {
        return work();
    }
    // Where no thread can be had, each source is refused by itself, as without room.
    let mut left = Some(work);
    let done = thread::scope(|scope| {
        let roomy = || {
            HAS_ROOM.set(true);
            left.take().map(|work| work())
        };
        let reader = thread::Builder::new()
            .name("script".into())
            .stack_size(STACK_BYTES + OWN_BYTES);
        match reader.spawn_scoped(scope, roomy) {
            // A panic is the work's own: what the parser panics at ends in `read`.
            Ok(running) => running.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => None,
        }
    });
    done.or_else(|| left.map(|work| work()))
        .expect("the work is done there or left to be done here")
}

/// Runs the parser where it has the stack it needs. Its panic is an error.
pub(crate) fn parsing<R: Send>(
    parse: impl FnOnce() -> Result<R, Refused> + Send,
) -> Result<R, Refused> {
    if HAS_ROOM.replace(false) {
        let read = catch_unwind(AssertUnwindSafe(parse));
        HAS_ROOM.set(true);
        return read.unwrap_or_else(|_| Err(ended("the parser gave up")));
    }
    thread::scope(|scope| {
        let reader = thread::Builder::new()
            .name("script".into())
            .stack_size(STACK_BYTES);
        match reader.spawn_scoped(scope, parse) {
            Ok(running) => running
                .join()
                .unwrap_or_else(|_| Err(ended("the parser gave up"))),
            Err(fault) => Err(ended(&fault.to_string())),
        }
    })
}

fn ended(reason: &str) -> Refused {
    Refused::Ended {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> thread::ThreadId {
        thread::current().id()
    }

    #[test]
    fn what_is_read_in_a_row_is_read_on_one_thread_and_what_is_read_within_on_another() {
        let alone = parsing(|| Ok(here())).unwrap();
        assert_ne!(alone, here());
        let (room, first, within, second) = with_room(|| {
            let first = parsing(|| Ok((here(), parsing(|| Ok(here()))?)));
            let (first, within) = first.unwrap();
            (here(), first, within, parsing(|| Ok(here())).unwrap())
        });
        assert_eq!([first, second], [room, room]);
        assert_ne!(within, room);
        assert!(with_room(|| with_room(here) == here()));
    }

    #[test]
    fn a_panic_of_the_parser_is_an_error_with_room_and_without() {
        let fails = || parsing::<()>(|| panic!("as a parser might"));
        assert!(matches!(fails(), Err(Refused::Ended { .. })));
        let again = with_room(|| (fails(), parsing(|| Ok(()))));
        assert!(matches!(again, (Err(Refused::Ended { .. }), Ok(()))));
    }
}
