//! `[client_authorities.NAME]`: whose client certificates rules can name.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, bail};
use gate::ClientAuthority;
use model::rules::is_authority;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, pem::PemObject as _};
use serde::Deserialize;

/// Bytes of a file at most: lists can be long.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// One authority.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    /// Its root certificates (PEM).
    pub(crate) certificates: PathBuf,
    /// Its revocation lists (PEM); none: nothing is revoked.
    pub(crate) revoked: Option<PathBuf>,
}

/// All of them, by the names that rules use.
pub(crate) type Sections = BTreeMap<String, Section>;

/// Whether they can be what they should.
pub(crate) fn check(sections: Sections) -> anyhow::Result<Sections> {
    match sections.keys().find(|name| !is_authority(name)) {
        Some(name) => bail!(
            "[client_authorities.{name}]: a name has at most 32 lower-case letters, digits and hyphens"
        ),
        None => Ok(sections),
    }
}

/// Reads the files of all.
pub(crate) fn read(sections: &Sections) -> anyhow::Result<Vec<ClientAuthority>> {
    let one = |(name, section): (&String, &Section)| {
        let at = || format!("[client_authorities.{name}]");
        let text = file(&section.certificates).with_context(at)?;
        let roots = CertificateDer::pem_slice_iter(&text);
        let roots: Vec<_> = roots.collect::<Result<_, _>>().with_context(at)?;
        if roots.is_empty() {
            bail!(
                "{}: there is no certificate in {}",
                at(),
                section.certificates.display()
            );
        }
        let mut lists = Vec::new();
        if let Some(path) = &section.revoked {
            let text = file(path).with_context(at)?;
            let found = CertificateRevocationListDer::pem_slice_iter(&text);
            lists = found.collect::<Result<_, _>>().with_context(at)?;
            // An empty file would let in what was revoked.
            if lists.is_empty() {
                bail!(
                    "{}: there is no revocation list in {}",
                    at(),
                    path.display()
                );
            }
        }
        Ok(ClientAuthority {
            name: name.clone(),
            roots,
            lists,
        })
    };
    sections.iter().map(one).collect()
}

fn file(path: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    use std::io::Read as _;
    let name = || path.display().to_string();
    let opened = std::fs::File::open(path).with_context(name)?;
    let mut text = Vec::new();
    opened
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .with_context(name)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        bail!("{} is longer than {FILE_BYTES_MAX} bytes", path.display());
    }
    Ok(text)
}
