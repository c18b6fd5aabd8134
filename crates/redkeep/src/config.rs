//! What can be set: one TOML file, over it the environment, over it the command line.
//!
//! The only code that reads the environment and configuration files.

pub(crate) mod acme;
pub(crate) mod clients;
pub(crate) mod mail;
pub(crate) mod oidc;
pub(crate) mod roles;
pub(crate) mod upstream;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use model::{access::Role, hsts::Wish, id::InstanceId, instance::NodeRedMajor};
use serde::Deserialize;

/// The file, `redkeep.toml` in the data directory unless named. Every key may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    /// Where the gate of the first instance listens, such as `"0.0.0.0:443"`.
    pub(crate) listen: Option<SocketAddr>,
    /// Where the console listens.
    pub(crate) console_listen: Option<SocketAddr>,
    /// The gate's host name, as people type it.
    pub(crate) name: Option<String>,
    /// The console's host name; another than the gate's.
    pub(crate) console_name: Option<String>,
    /// Where npm tarballs come from: the npm upstream's address.
    pub(crate) npm_registry: Option<String>,
    /// Own certificate and key files (PEM) in place of Redkeep's own CA.
    pub(crate) tls: Option<Tls>,
    /// How people sign in to the console.
    pub(crate) login: Login,
    /// Whether browsers are told to come by HTTPS alone (HSTS).
    pub(crate) hsts: Wish,
    /// Providers people can sign in by, beside local accounts.
    pub(crate) oidc: Vec<oidc::Section>,
    /// A certificate authority to ask for certificates.
    pub(crate) acme: Option<acme::Section>,
    /// Whose client certificates rules can name.
    pub(crate) client_authorities: clients::Sections,
    /// What is looked at while it runs, and how often.
    pub(crate) watch: Watch,
    /// What is kept of what nothing runs from any more.
    pub(crate) keep: Keep,
    /// Proxies in front of the doors; none: nobody's word about an address is taken.
    pub(crate) proxies: ProxySection,
    /// Where mails go; none: nobody is written to.
    pub(crate) mail: Option<mail::Section>,
    /// The instances by name; none: one, called `main`.
    pub(crate) instance: BTreeMap<InstanceId, InstanceSection>,
}

/// How people sign in to the console.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Login {
    /// The roles that sign in with a passkey, and with nothing less.
    pub(crate) passkey_required: Vec<Role>,
    /// Minutes for which a sign-in, or a proof since, is enough for what is dangerous.
    pub(crate) proof_minutes: std::num::NonZeroU16,
    /// Days a wall display lasts without being used, unless said otherwise.
    pub(crate) kiosk_days: std::num::NonZeroU16,
}

impl Default for Login {
    fn default() -> Self {
        let number = |count| std::num::NonZeroU16::new(count).expect("a number above 0");
        Self {
            passkey_required: Vec::new(),
            proof_minutes: number(10),
            kiosk_days: number(30),
        }
    }
}

impl Login {
    fn terms(&self) -> anyhow::Result<console::Terms> {
        if self.kiosk_days.get() > 366 {
            bail!("[login] kiosk_days: a wall display lasts 366 days without being used at most");
        }
        Ok(console::Terms {
            proof_seconds: i64::from(self.proof_minutes.get()) * 60,
            kiosk_seconds: i64::from(self.kiosk_days.get()) * 86_400,
        })
    }
}

/// How often what runs and what lies on disk is compared with the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Watch {
    /// Seconds between two looks at the flows in Node-RED's memory.
    pub(crate) memory_seconds: std::num::NonZeroU32,
    /// Seconds between two verifications of every file of Node.js and Node-RED.
    pub(crate) trees_seconds: std::num::NonZeroU32,
}

impl Default for Watch {
    fn default() -> Self {
        let seconds = |count| std::num::NonZeroU32::new(count).expect("a number above 0");
        Self {
            memory_seconds: seconds(60),
            trees_seconds: seconds(3600),
        }
    }
}

/// How much is kept of what nothing runs from any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Keep {
    /// Different trees of Node.js and Node-RED an instance had, the present one counted.
    pub(crate) trees: std::num::NonZeroU16,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            trees: std::num::NonZeroU16::new(3).expect("a number above 0"),
        }
    }
}

/// Proxies in front of the doors.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProxySection {
    /// Addresses and blocks of those whose word is taken.
    pub(crate) trusted: Vec<String>,
    /// How they say where a client comes from.
    pub(crate) speaks: Option<SpeaksWord>,
}

/// How a proxy says where a client comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SpeaksWord {
    /// The PROXY protocol, version 2.
    Proxy,
    /// `Forwarded`.
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

impl ProxySection {
    fn decide(self) -> anyhow::Result<gate::Proxies> {
        if self.trusted.is_empty() {
            return Ok(gate::Proxies::default());
        }
        // Guessed, a client could choose the way the proxy does not write itself.
        let Some(speaks) = self.speaks else {
            bail!(
                "[proxies] names trusted proxies and not how they speak: add speaks = \"proxy\", \
                 \"forwarded\" or \"x-forwarded-for\""
            );
        };
        let trusted = self
            .trusted
            .iter()
            .map(|text| model::rules::read_network(text));
        Ok(gate::Proxies {
            trusted: trusted
                .collect::<Result<_, _>>()
                .context("[proxies] trusted")?,
            speaks: match speaks {
                SpeaksWord::Proxy => gate::Speaks::Proxy,
                SpeaksWord::Forwarded => gate::Speaks::Forwarded,
                SpeaksWord::XForwardedFor => gate::Speaks::XForwardedFor,
            },
        })
    }
}

/// Own certificate files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// The chain, leaf first.
    pub(crate) certificate: PathBuf,
    /// The leaf's private key; refused when everybody on the machine can read it.
    pub(crate) key: PathBuf,
}

/// One instance's section.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InstanceSection {
    /// Where its gate listens (the first instance: `listen` above).
    pub(crate) listen: Option<SocketAddr>,
    /// `"5"` or `"4"`.
    pub(crate) node_red: Option<NodeRedMajor>,
}

/// What `up` was told on the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) config: Option<PathBuf>,
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) console_listen: Option<SocketAddr>,
    pub(crate) node_red: Option<NodeRedMajor>,
    pub(crate) npm_registry: Option<String>,
}

/// Everything decided.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) console_listen: SocketAddr,
    pub(crate) name: String,
    pub(crate) console_name: String,
    pub(crate) npm_registry: Option<String>,
    /// What `.npmrc` files say of npm registries.
    pub(crate) npmrc: registry::Npmrc,
    pub(crate) tls: Option<Tls>,
    pub(crate) passkey_required: Vec<Role>,
    pub(crate) terms: console::Terms,
    pub(crate) hsts: Wish,
    pub(crate) oidc: Vec<oidc::OpenId>,
    pub(crate) acme: Option<acme::Acme>,
    pub(crate) client_authorities: clients::Sections,
    pub(crate) watch: Watch,
    pub(crate) keep: Keep,
    pub(crate) proxies: gate::Proxies,
    pub(crate) mail: Option<mail::Mail>,
    pub(crate) instances: Vec<InstanceConfig>,
}

/// One instance, decided.
#[derive(Debug, Clone)]
pub(crate) struct InstanceConfig {
    pub(crate) id: InstanceId,
    pub(crate) listen: SocketAddr,
    pub(crate) node_red: Option<NodeRedMajor>,
}

const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8443);
const CONSOLE_LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8444);

impl Config {
    /// Reads the file (if there is one) and lays the command line over it.
    pub(crate) fn load(data_dir: PathBuf, over: Overrides) -> anyhow::Result<Self> {
        let file = read(&data_dir, over.config.as_deref())?;
        let first_listen = over.listen.or(file.listen).unwrap_or(LISTEN);
        let name = file.name.unwrap_or_else(|| "localhost".to_owned());
        // Another host name than the gate's, so that the editor's page shares no cookie with it.
        let console_name = file.console_name.unwrap_or_else(|| format!("keep.{name}"));
        check_name(&name)?;
        check_name(&console_name)?;
        let terms = file.login.terms()?;
        let passkey_required = file.login.passkey_required;
        let is_address = console_name.parse::<std::net::IpAddr>().is_ok();
        if is_address && !passkey_required.is_empty() {
            // Nobody of that role would ever come in.
            bail!(
                "passkeys need a host name, and the console is reached as {console_name}: set \
                 `console_name`, or leave `[login] passkey_required` out"
            );
        }
        if file.tls.is_some() && file.acme.is_some() {
            bail!("[tls] and [acme] are two ways to a certificate: remove one of them");
        }
        let names = [name.clone(), console_name.clone()];
        let acme = file.acme.map(|acme| acme.decide(&names)).transpose()?;
        let instances = instances(file.instance, &over, first_listen)?;
        Ok(Self {
            data_dir,
            console_listen: over
                .console_listen
                .or(file.console_listen)
                .unwrap_or(CONSOLE_LISTEN),
            name,
            console_name,
            npm_registry: over.npm_registry.or(file.npm_registry),
            npmrc: upstream::npmrc(),
            tls: file.tls,
            passkey_required,
            terms,
            hsts: file.hsts,
            oidc: oidc::decide(file.oidc)?,
            acme,
            client_authorities: clients::check(file.client_authorities)?,
            watch: file.watch,
            keep: file.keep,
            proxies: file.proxies.decide()?,
            mail: file.mail.map(mail::Section::decide).transpose()?,
            instances,
        })
    }
}

/// The instances there are, at least one, each with an address of its own.
fn instances(
    mut sections: BTreeMap<InstanceId, InstanceSection>,
    over: &Overrides,
    first_listen: SocketAddr,
) -> anyhow::Result<Vec<InstanceConfig>> {
    if sections.is_empty() {
        sections.insert("main".parse()?, InstanceSection::default());
    }
    let mut instances: Vec<InstanceConfig> = Vec::new();
    for (id, section) in sections {
        let is_first = instances.is_empty();
        let listen = match (section.listen, is_first) {
            (Some(listen), _) => listen,
            (None, true) => first_listen,
            (None, false) => bail!(
                "instance {id} needs an address of its own: add `listen = \"…\"` to [instance.{id}]"
            ),
        };
        let listen = if is_first {
            over.listen.unwrap_or(listen)
        } else {
            listen
        };
        if let Some(other) = instances
            .iter()
            .find(|it| it.listen == listen && listen.port() != 0)
        {
            bail!(
                "instances {} and {id} both listen on {listen}: give each its own",
                other.id
            );
        }
        instances.push(InstanceConfig {
            id,
            listen,
            node_red: over.node_red.or(section.node_red),
        });
    }
    Ok(instances)
}

fn read(data_dir: &Path, named: Option<&Path>) -> anyhow::Result<File> {
    let default = data_dir.join("redkeep.toml");
    let path = named.unwrap_or(&default);
    not_written_by_us(path)?;
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok(File::default());
        }
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read the configuration {}", path.display()));
        }
    };
    toml::from_str(&text).with_context(|| {
        format!(
            "the configuration {} is not valid; mend it or remove it",
            path.display()
        )
    })
}

/// As root, what the configuration names is opened with root's rights. The process that parses the
/// network has none, owns the data directory, and must not get them back by what it leaves there.
fn not_written_by_us(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let is_ours = sandbox::users::is_ours(found.uid()) || sandbox::users::is_ours(found.gid());
    if sandbox::process::is_root() && is_ours {
        bail!(
            "the configuration {} belongs to a user of Redkeep's own, so it was not written by you: \
             look at it, then `chown root:root` it or remove it",
            path.display()
        );
    }
    Ok(())
}

/// Host names only: what stands here goes into certificates, addresses and headers.
fn check_name(name: &str) -> anyhow::Result<()> {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(label) {
        return Ok(());
    }
    bail!("{name:?} is not a host name: use lower-case letters, digits, - and dots")
}

/// The data directory when none is named: `/var/lib/redkeep` for root, else below the user's home.
pub(crate) fn default_data_dir() -> anyhow::Result<PathBuf> {
    if sandbox::process::is_root() {
        return Ok(PathBuf::from("/var/lib/redkeep"));
    }
    let var = |name: &str| {
        environment(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    if let Some(base) = var("XDG_DATA_HOME") {
        return Ok(base.join("redkeep"));
    }
    let home =
        var("HOME").context("HOME is not set: say where to keep data with --data-dir DIR")?;
    Ok(home.join(".local/share/redkeep"))
}

/// A variable of the environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the environment is read"
    )]
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests;
