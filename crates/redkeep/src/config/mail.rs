//! `[mail]`: the server mails go to, and how it is trusted.

use std::{
    fs,
    net::IpAddr,
    num::NonZeroU16,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use model::mail::MailAddress;
use serde::Deserialize;

/// The section, as it stands in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    /// `smtps://host[:465]`, or `smtp://host[:587]` with STARTTLS.
    server: String,
    /// Whom mails come from.
    from: MailAddress,
    /// The name to log in with.
    #[serde(default)]
    user: Option<String>,
    /// Where the password is: a file only its owner can read. It stands nowhere else.
    #[serde(default)]
    password_file: Option<PathBuf>,
    /// Root certificates (PEM) to trust in place of the system's.
    #[serde(default)]
    trust: Option<PathBuf>,
    /// Minutes between two mails to one person about one matter.
    #[serde(default)]
    minutes_between: Option<NonZeroU16>,
    /// Whether reviewers get a picture of the flow.
    #[serde(default)]
    pictures: Option<bool>,
}

/// How the way to the server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS, or nothing is sent.
    StartTls,
    /// A server on this machine that asks for no login: nothing leaves it.
    Loopback,
}

/// Where mails go, decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// As it was written, for people.
    pub(crate) server: String,
    pub(crate) protection: Protection,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) from: MailAddress,
    pub(crate) login: Option<Login>,
    pub(crate) trust: Option<PathBuf>,
    pub(crate) seconds_between: i64,
    pub(crate) has_pictures: bool,
}

/// How Redkeep logs in to the server. The password is read when it is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password_file: PathBuf,
    /// That file, opened while root could; none: it is opened when it is needed.
    pub(crate) opened: Option<Opened>,
}

/// An open file; another one is another.
#[derive(Debug, Clone)]
pub(crate) struct Opened(Arc<fs::File>);

impl PartialEq for Opened {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Opened {}

const MINUTES: u16 = 15;
/// No password is longer.
const PASSWORD_MAX: usize = 4096;

impl Section {
    /// What it says, or what is wrong with it.
    pub(crate) fn decide(self) -> anyhow::Result<Mail> {
        let (mut protection, host, port) =
            address(&self.server).with_context(|| format!("[mail] server = {:?}", self.server))?;
        let login = match (self.user, self.password_file) {
            (None, None) => None,
            (Some(user), Some(password_file)) => Some(Login {
                user,
                password_file,
                opened: None,
            }),
            _ => bail!("[mail] user and password_file go together: give both or neither"),
        };
        // Whoever names certificates expects them to be asked for. And any program on this machine
        // can listen where the server should: it must not be told a password.
        let is_asked = self.trust.is_some() || login.is_some();
        if protection == Protection::Loopback && is_asked {
            protection = Protection::StartTls;
        }
        let minutes = self.minutes_between.map_or(MINUTES, NonZeroU16::get);
        Ok(Mail {
            server: self.server,
            protection,
            host,
            port,
            from: self.from,
            login,
            trust: self.trust,
            seconds_between: i64::from(minutes) * 60,
            has_pictures: self.pictures.unwrap_or(true),
        })
    }
}

fn address(text: &str) -> anyhow::Result<(Protection, String, u16)> {
    let form = "write it like smtps://mail.example or smtp://mail.example:587";
    let (scheme, rest) = text.split_once("://").context(form)?;
    // Nothing of a URL but the server: no path, and above all no password.
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']').context(form)?,
        None => rest.split_at(rest.find(':').unwrap_or(rest.len())),
    };
    let default = match scheme {
        "smtps" => 465,
        "smtp" => 587,
        _ => bail!("{form}"),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port
            .parse::<u16>()
            .ok()
            .filter(|port| *port > 0)
            .context(form)?,
        None if port.is_empty() => default,
        None => bail!("{form}"),
    };
    let ip = host.parse::<IpAddr>().ok();
    if ip.is_none() {
        super::check_name(host).context(form)?;
    }
    let is_loopback = ip.map_or(host == "localhost", |ip| ip.is_loopback());
    let protection = match scheme {
        "smtps" => Protection::Tls,
        _ if is_loopback => Protection::Loopback,
        _ => Protection::StartTls,
    };
    Ok((protection, host.to_owned(), port))
}

impl Login {
    /// Opens the file for later, when this process may not any more. One that is not there is told of
    /// when it is needed.
    pub(crate) fn open_early(&mut self) {
        let file = fs::File::open(&self.password_file).ok();
        self.opened = file.map(|file| Opened(Arc::new(file)));
    }

    /// The password: the file's first line. Refused when others than its owner could read it.
    pub(crate) fn password(&self) -> anyhow::Result<String> {
        let read = match &self.opened {
            Some(Opened(file)) => secret_line(file),
            None => fs::File::open(&self.password_file)
                .map_err(Into::into)
                .and_then(|file| secret_line(&file)),
        };
        read.with_context(|| {
            let file = self.password_file.display();
            format!("the mail password in {file} cannot be used")
        })
    }
}

pub(super) fn secret_line(file: &fs::File) -> anyhow::Result<String> {
    // Of the open file: nobody swaps it in between.
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        bail!("it is not a file");
    }
    if metadata.mode() & 0o077 != 0 {
        bail!("others can read or change it: run `chmod 600` on it");
    }
    if metadata.nlink() == 0 {
        bail!("another was put in its place: start Redkeep again, so that it is opened as root");
    }
    let mut text = vec![0; PASSWORD_MAX];
    // From its beginning, however often it was read.
    let read = file.read_at(&mut text, 0)?;
    text.truncate(read);
    let text = String::from_utf8(text)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        bail!("it is empty");
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn decided(toml: &str) -> anyhow::Result<Mail> {
        let section: Section = toml::from_str(toml)?;
        section.decide()
    }

    fn server(server: &str) -> anyhow::Result<(Protection, String, u16)> {
        let mail = decided(&format!(
            "server = {server:?}\nfrom = \"keep@plant.example\""
        ))?;
        Ok((mail.protection, mail.host, mail.port))
    }

    #[test]
    fn only_a_server_on_this_machine_is_spoken_to_unencrypted() {
        let found = |text: &str| {
            server(text)
                .map(|(protection, _, port)| (protection, port))
                .ok()
        };
        assert_eq!(found("smtps://mail.example"), Some((Protection::Tls, 465)));
        assert_eq!(found("smtps://127.0.0.1:25"), Some((Protection::Tls, 25)));
        assert_eq!(
            found("smtp://mail.example"),
            Some((Protection::StartTls, 587))
        );
        assert_eq!(
            found("smtp://192.0.2.1:25"),
            Some((Protection::StartTls, 25))
        );
        assert_eq!(
            found("smtp://localhost:25"),
            Some((Protection::Loopback, 25))
        );
        assert_eq!(found("smtp://[::1]"), Some((Protection::Loopback, 587)));
        let trusting = "server = \"smtp://localhost\"\nfrom = \"k@x.example\"\ntrust = \"/r.pem\"";
        assert_eq!(decided(trusting).unwrap().protection, Protection::StartTls);
        let with_login = "server = \"smtp://127.0.0.1\"\nfrom = \"k@x.example\"\n\
                          user = \"keep\"\npassword_file = \"/p\"";
        assert_eq!(
            decided(with_login).unwrap().protection,
            Protection::StartTls
        );
        // A name that only begins like it is somebody else's.
        assert_eq!(
            found("smtp://localhost.evil.example"),
            Some((Protection::StartTls, 587))
        );
    }

    #[test]
    fn nothing_but_a_server_stands_in_its_address() {
        for bad in [
            "mail.example",
            "http://mail.example",
            "smtp://ann:secret@mail.example",
            "smtp://mail.example/x",
            "smtp://mail.example:",
            "smtp://mail.example:0",
            "smtp://mail.example:99999",
            "smtp://mail example",
            "smtp://[::1]x",
            "smtp://",
        ] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn unknown_keys_and_half_a_login_are_errors() {
        let whole = "server = \"smtps://mail.example\"\nfrom = \"keep@plant.example\"\n";
        assert!(decided(whole).is_ok());
        assert!(decided(&format!("{whole}password = \"x\"")).is_err());
        assert!(decided(&format!("{whole}user = \"keep\"")).is_err());
        assert!(decided("server = \"smtps://mail.example\"\nfrom = \"Keep <k@x>\"").is_err());
    }

    #[test]
    fn a_password_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let password_file = dir.path().join("password");
        fs::write(&password_file, "s3cret\nmore\n").unwrap();
        let login = Login {
            user: "keep".to_owned(),
            password_file: password_file.clone(),
            opened: None,
        };
        let mode = |mode| fs::set_permissions(&password_file, fs::Permissions::from_mode(mode));
        for open in [0o644, 0o640, 0o604, 0o620] {
            mode(open).unwrap();
            let error = format!("{:#}", login.password().unwrap_err());
            assert!(
                error.contains("chmod 600") && !error.contains("s3cret"),
                "{error}"
            );
        }
        mode(0o600).unwrap();
        assert_eq!(login.password().unwrap(), "s3cret");
    }
}
