//! Clearing a work folder as the jail's own user: what hostile code made is taken away with no more
//! rights than that code had, so that no trap in it reaches anything else.

use std::{io::Write as _, path::Path, process::ExitCode};

use sandbox::{UserIds, apart};

use crate::folder::clear_work;

/// First argument that makes the binary do this. The second is the user; fd 0 is the folder.
pub const VERB: &str = "__clear";
/// Where folders are moved to before they are removed; in the work folder, since no other is the
/// user's.
const TRASH: &str = ".redkeep-trash";

/// When this process was started to clear a work folder, does that. `None` otherwise.
///
/// Must be the first thing in `main`, before any thread, async runtime or open file.
pub fn run_if_asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != VERB {
        return None;
    }
    let user = arguments.next().and_then(|it| it.to_str()?.parse().ok());
    let cleared = match user {
        Some(uid) if sandbox::users::is_ours(uid) => clear(UserIds { uid, gid: uid }),
        _ => Err("it is not said as whom".to_owned()),
    };
    Some(match cleared {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // Whoever asked reads it; when nobody does, the exit code is left.
            drop(writeln!(std::io::stderr(), "{why}"));
            ExitCode::FAILURE
        }
    })
}

fn clear(user: UserIds) -> Result<(), String> {
    apart::enter_as(user).map_err(|error| format!("its user could not be had: {error}"))?;
    let here = Path::new(".");
    clear_work(here, &here.join(TRASH)).map_err(|error| error.to_string())
}
