//! `[acme]`: whom certificates are asked of, for which names, and how those are proven.

use std::{
    fs,
    io::Read as _,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use acme::{Authority, ExternalAccount, Method, Name, Settings};
use anyhow::{Context as _, bail};
use model::mail::MailAddress;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde::Deserialize;

/// Bytes of a file of root certificates, and of a key.
const FILE_MAX: u64 = 1 << 20;

/// The section, as it stands in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    #[serde(flatten)]
    first: Server,
    /// Where the authority may write to.
    #[serde(default)]
    contact: Vec<MailAddress>,
    /// What the certificate is for; none: the gate's and the console's names.
    #[serde(default)]
    names: Option<Vec<String>>,
    /// How they are proven.
    #[serde(default)]
    challenge: Option<Method>,
    /// The program that sets DNS records.
    #[serde(default)]
    hook: Option<PathBuf>,
    /// Where plain HTTP is answered for http-01.
    #[serde(default)]
    http_listen: Option<SocketAddr>,
    /// Whom to ask when the first fails.
    #[serde(default)]
    fallback: Option<Server>,
}

/// One authority.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Server {
    /// Its directory's URL.
    directory: String,
    /// The profile to ask for.
    #[serde(default)]
    profile: Option<String>,
    /// The name of the external account's key.
    #[serde(default)]
    eab_key_id: Option<String>,
    /// The file that key is in (base64url), readable by its owner alone.
    #[serde(default)]
    eab_key_file: Option<PathBuf>,
    /// Root certificates (PEM) to trust in place of the system's.
    #[serde(default)]
    roots: Option<PathBuf>,
}

/// Decided.
#[derive(Debug, Clone)]
pub(crate) struct Acme {
    pub(crate) settings: Settings,
    pub(crate) hook: Option<PathBuf>,
    pub(crate) http_listen: Option<SocketAddr>,
}

impl Section {
    /// What it says, or what is wrong with it. `names`: of the gate and the console.
    pub(crate) fn decide(self, names: &[String]) -> anyhow::Result<Acme> {
        let method = self.challenge.unwrap_or(Method::Http01);
        let wanted = self.names.unwrap_or_else(|| names.to_vec());
        let names = wanted.iter().map(|name| name.parse::<Name>());
        let mut authorities = vec![self.first.decide().context("[acme]")?];
        if let Some(fallback) = self.fallback {
            authorities.push(fallback.decide().context("[acme.fallback]")?);
        }
        let settings = Settings {
            names: names.collect::<Result<_, _>>().context("[acme] names")?,
            method,
            contact: self
                .contact
                .iter()
                .map(|it| format!("mailto:{it}"))
                .collect(),
            authorities,
        };
        settings.check().context("[acme]")?;
        match (&self.hook, method) {
            (None, Method::Dns01) => bail!(
                "[acme] dns-01 needs a program that sets DNS records: name it with `hook`, see \
                 docs/certificates.md"
            ),
            (Some(hook), Method::Dns01) if !hook.is_absolute() => {
                bail!("[acme] hook = \"{}\": give its whole path", hook.display())
            }
            (Some(_), Method::Http01 | Method::TlsAlpn01) => {
                bail!("[acme] hook is for challenge = \"dns-01\" only")
            }
            _ => {}
        }
        let listens = method == Method::Http01;
        if self.http_listen.is_some() && !listens {
            bail!("[acme] http_listen is for challenge = \"http-01\" only");
        }
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80));
        Ok(Acme {
            settings,
            hook: self.hook,
            http_listen: listens.then(|| self.http_listen.unwrap_or(everywhere)),
        })
    }
}

impl Server {
    fn decide(self) -> anyhow::Result<Authority> {
        let external_account = match (self.eab_key_id, self.eab_key_file) {
            (None, None) => None,
            (Some(key_id), Some(file)) => {
                let key = external_key(&file)
                    .with_context(|| format!("the external account's key in {}", file.display()))?;
                Some(ExternalAccount { key_id, key })
            }
            _ => bail!("eab_key_id and eab_key_file go together: give both or neither"),
        };
        let roots = self.roots.as_deref().map(|file| {
            roots(file).with_context(|| format!("the root certificates in {}", file.display()))
        });
        Ok(Authority {
            directory: self.directory,
            roots: roots.transpose()?,
            external_account,
            profile: self.profile,
        })
    }
}

/// The key: the file's first line, base64url. Refused when others than its owner could read it.
fn external_key(file: &Path) -> anyhow::Result<zeroize::Zeroizing<Vec<u8>>> {
    let mut open = fs::File::open(file)?;
    if open.metadata()?.mode() & 0o077 != 0 {
        bail!("others can read or change it: run `chmod 600` on it");
    }
    let mut text = zeroize::Zeroizing::new(String::new());
    open.by_ref().take(FILE_MAX).read_to_string(&mut text)?;
    let line = text.lines().next().unwrap_or_default().trim();
    let key = data_encoding::BASE64URL_NOPAD.decode(line.trim_end_matches('=').as_bytes());
    match key {
        Ok(key) if !key.is_empty() => Ok(key.into()),
        _ => bail!("it is not base64url as authorities give it"),
    }
}

pub(super) fn roots(file: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let mut text = Vec::new();
    fs::File::open(file)?
        .take(FILE_MAX)
        .read_to_end(&mut text)?;
    let roots: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>()?;
    if roots.is_empty() {
        bail!("there is no certificate (PEM) in it");
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn decided(toml: &str) -> anyhow::Result<Acme> {
        let section: Section = toml::from_str(toml)?;
        section.decide(&["plant.example".to_owned(), "keep.plant.example".to_owned()])
    }

    const DIRECTORY: &str = "directory = \"https://ca.example/dir\"\n";

    #[test]
    fn little_is_needed_and_names_are_the_doors() {
        let acme = decided(DIRECTORY).unwrap();
        let names: Vec<String> = acme
            .settings
            .names
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(names, ["plant.example", "keep.plant.example"]);
        assert_eq!(acme.settings.method, Method::Http01);
        assert_eq!(acme.http_listen.unwrap().port(), 80);
    }

    #[test]
    fn what_cannot_work_is_said_with_the_way_out() {
        for (toml, way) in [
            ("names = [\"*.plant.example\"]", "dns-01"),
            ("challenge = \"dns-01\"", "hook"),
            ("challenge = \"dns-01\"\nhook = \"hook\"", "whole path"),
            ("hook = \"/hook\"", "dns-01"),
            (
                "challenge = \"tls-alpn-01\"\nhttp_listen = \"0.0.0.0:80\"",
                "http-01",
            ),
            ("eab_key_id = \"kid\"", "both"),
            ("unknown = 1", "unknown"),
            ("challenge = \"dns\"", "dns-01"),
            ("roots = \"/nowhere/roots.pem\"", "/nowhere/roots.pem"),
            ("[fallback]\ndirectory = \"http://ca.example\"", "https://"),
        ] {
            let error = decided(&format!("{DIRECTORY}{toml}")).unwrap_err();
            let error = format!("{error:#}");
            assert!(error.contains(way), "{toml}: {error}");
        }
    }

    #[test]
    fn an_external_key_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        fs::write(&file, "c2VjcmV0\n").unwrap();
        let toml = format!(
            "{DIRECTORY}eab_key_id = \"kid\"\neab_key_file = {:?}",
            file.display().to_string()
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = format!("{:#}", decided(&toml).unwrap_err());
        assert!(error.contains("chmod 600"), "{error}");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let acme = decided(&toml).unwrap();
        let account = acme.settings.authorities[0]
            .external_account
            .clone()
            .unwrap();
        assert_eq!(account.key.as_slice(), b"secret");
        assert!(!format!("{acme:?}").contains("115, 101"));
    }
}
