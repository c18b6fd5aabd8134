//! Node-RED's settings, written anew at each start of Redkeep: the scripts that are part of this
//! program, and the paths of this instance as data beside them.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use model::id::Hash;

use crate::{
    InstancePlan, RuntimeError,
    folder::{Folder, failed, remove},
    identity::{HEADER, Signer},
};

const SCRIPTS: [(&str, &str); 4] = [
    ("settings.js", include_str!("../js/settings.js")),
    ("acts.js", include_str!("../js/acts.js")),
    ("identity.js", include_str!("../js/identity.js")),
    ("storage.js", include_str!("../js/storage.js")),
];

/// Writes the settings folder; the digest covers every file in it, with its name.
pub(crate) fn write(plan: &InstancePlan, signer: &Signer) -> Result<Hash, RuntimeError> {
    let folder = Folder::new(plan);
    for (name, text) in files(&folder, signer) {
        write_file(&folder.settings(), name, &text)?;
    }
    Ok(digest(plan, signer))
}

/// The digest [`write`] gives, without writing anything.
pub(crate) fn digest(plan: &InstancePlan, signer: &Signer) -> Hash {
    let mut covered = String::from("redkeep-settings-1\n");
    for (name, text) in files(&Folder::new(plan), signer) {
        writeln!(covered, "{name} {}", Hash::of(text.as_bytes())).expect("a String takes all text");
    }
    Hash::of(covered.as_bytes())
}

fn files(folder: &Folder, signer: &Signer) -> Vec<(&'static str, String)> {
    let data = serde_json::json!({
        "socket": folder.socket(),
        "bridge": folder.bridge(),
        "userDir": folder.work(),
        "identityHeader": HEADER,
        "identityKey": signer.public_key(),
    });
    let scripts = SCRIPTS
        .into_iter()
        .map(|(name, text)| (name, text.to_owned()));
    scripts
        .chain([("redkeep.json", format!("{data:#}\n"))])
        .collect()
}

/// The path Node-RED is given with `--settings`.
pub(crate) fn entry(folder: &Folder) -> PathBuf {
    folder.settings().join(SCRIPTS[0].0)
}

fn write_file(dir: &Path, name: &str, text: &str) -> Result<(), RuntimeError> {
    let path = dir.join(name);
    let fresh = dir.join(format!(".{name}.new"));
    remove(&fresh)?;
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&fresh)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            // Whatever the umask says: the jail's user reads it, nobody writes it.
            file.set_permissions(fs::Permissions::from_mode(0o444))
        })
        .and_then(|()| fs::rename(&fresh, &path));
    written.map_err(|error| failed("write", &path, &error))
}
