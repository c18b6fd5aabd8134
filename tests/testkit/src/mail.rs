//! A real mail server on this machine, which keeps what it takes.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;

use crate::{npm::SMTP_SERVER, until};

/// How it is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS.
    StartTls,
    /// No encryption at all.
    Plain,
}

/// The account everybody logs in with.
pub const USER: &str = "keep";
/// Its password.
pub const PASSWORD: &str = "lantern-pump-38";

/// What the server does, written for Node.js.
const SERVER: &str = r"
const { SMTPServer } = require('smtp-server');
const fs = require('fs');
const set = JSON.parse(process.argv[2]);
let count = fs.readdirSync(set.folder).filter(name => name.endsWith('.eml')).length;
const options = {
  secure: set.speaks === 'Tls',
  authOptional: set.speaks === 'Plain',
  disabledCommands: set.speaks === 'Plain' ? ['STARTTLS', 'AUTH'] : [],
  onAuth(auth, session, done) {
    const right = auth.username === set.user && auth.password === set.password;
    done(right ? null : new Error('no such account'), right ? { user: auth.username } : undefined);
  },
  onRcptTo(address, session, done) {
    if (address.address.startsWith('nobody@')) {
      const error = new Error('no such person here');
      error.responseCode = 550;
      return done(error);
    }
    done();
  },
  onData(stream, session, done) {
    const parts = [];
    stream.on('data', part => parts.push(part));
    stream.on('end', () => {
      count += 1;
      const file = `${set.folder}/${String(count).padStart(4, '0')}`;
      fs.writeFileSync(file, Buffer.concat(parts));
      fs.renameSync(file, `${file}.eml`);
      done();
    });
  },
};
if (set.speaks !== 'Plain') {
  options.key = fs.readFileSync(set.key);
  options.cert = fs.readFileSync(set.cert);
}
const server = new SMTPServer(options);
server.on('error', () => {});
server.listen(set.port, '127.0.0.1', () => console.log(server.server.address().port));
";

/// A mail server with certificates of its own; it keeps every mail as a file.
#[derive(Debug)]
pub struct MailServer {
    folder: tempfile::TempDir,
    speaks: Speaks,
    port: u16,
    child: Option<Child>,
}

/// A mail, read.
#[derive(Debug)]
pub struct Got {
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// `text/plain`.
    pub text: String,
    /// `text/html`.
    pub html: String,
    /// `image/png`: its Content-ID and its bytes.
    pub picture: Option<(String, Vec<u8>)>,
}

impl Got {
    fn read(bytes: &[u8]) -> Self {
        let mail = mailparse::parse_mail(bytes).expect("a mail");
        let headers = mail.headers.iter();
        let mut got = Self {
            headers: headers.map(|it| (it.get_key(), it.get_value())).collect(),
            text: String::new(),
            html: String::new(),
            picture: None,
        };
        for part in mail.parts() {
            match part.ctype.mimetype.as_str() {
                "text/plain" => got.text = part.get_body().expect("a text"),
                "text/html" => got.html = part.get_body().expect("a page"),
                "image/png" => {
                    let mut headers = part.headers.iter();
                    let name = headers.find(|it| it.get_key() == "Content-ID");
                    let name = name.expect("its name").get_value();
                    got.picture = Some((name, part.get_body_raw().expect("a picture")));
                }
                _ => {}
            }
        }
        got
    }

    /// The header of this name, which stands once.
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        let (_, value) = found
            .next()
            .unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert!(found.next().is_none(), "{name} stands twice: {self:?}");
        value
    }
}

impl MailServer {
    /// One that listens.
    pub fn start(speaks: Speaks) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // As root, Redkeep becomes a user who has to pass.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("its mode");
        for package in &SMTP_SERVER {
            package.unpack(&folder.path().join("node_modules"));
        }
        fs::create_dir(folder.path().join("mails")).expect("a folder for mails");
        fs::write(folder.path().join("server.js"), SERVER).expect("the server");
        make_certificates(folder.path());
        let mut server = Self {
            folder,
            speaks,
            port: 0,
            child: None,
        };
        server.set_password(PASSWORD, 0o600);
        server.up();
        server
    }

    /// Writes another password into the file Redkeep reads it from, with this mode.
    pub fn set_password(&self, password: &str, mode: u32) {
        let file = self.file("password");
        fs::write(&file, password).expect("the password");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    /// Listens, again where it did.
    pub fn up(&mut self) {
        let settings = json!({
            "speaks": format!("{:?}", self.speaks),
            "port": self.port,
            "folder": self.file("mails"),
            "key": self.file("leaf.key"),
            "cert": self.file("leaf.pem"),
            "user": USER,
            "password": PASSWORD,
        });
        let mut child = Command::new("node")
            .arg("server.js")
            .arg(settings.to_string())
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is not installed: install Debian's package nodejs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a port");
        self.child = Some(child);
        self.port = line.trim().parse().expect("a port");
    }

    /// Ends it. What it took stays.
    pub fn down(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `[mail]` for it.
    pub fn config(&self) -> String {
        let scheme = match self.speaks {
            Speaks::Tls => "smtps",
            Speaks::StartTls | Speaks::Plain => "smtp",
        };
        let port = self.port;
        let config = format!(
            "[mail]\nserver = \"{scheme}://localhost:{port}\"\nfrom = \"keep@plant.example\"\n\
             minutes_between = 1\n"
        );
        if self.speaks == Speaks::Plain {
            return config;
        }
        let (password, root) = (self.file("password"), self.file("root.pem"));
        let (password, root) = (password.display(), root.display());
        format!("{config}user = {USER:?}\npassword_file = \"{password}\"\ntrust = \"{root}\"\n")
    }

    /// Every mail it took, oldest first.
    pub fn mails(&self) -> Vec<Got> {
        let files = fs::read_dir(self.file("mails")).expect("mails");
        let mut files: Vec<_> = files.flatten().map(|it| it.path()).collect();
        files.retain(|path| path.extension().is_some_and(|it| it == "eml"));
        files.sort();
        let files = files.iter();
        files
            .map(|it| Got::read(&fs::read(it).expect("a mail")))
            .collect()
    }

    /// Waits for a mail to this person with these words in its subject.
    pub async fn mail_to(&self, to: &str, words: &str) -> Got {
        let what = format!("a mail to {to} with {words:?} in its subject");
        until(&what, || async {
            let mut mails = self.mails().into_iter();
            mails.find(|it| it.header("To").contains(to) && it.header("Subject").contains(words))
        })
        .await
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.down();
    }
}

fn make_certificates(folder: &Path) {
    let mut root = CertificateParams::new(Vec::new()).expect("parameters");
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate().expect("a key");
    let root_made = root.self_signed(&root_key).expect("a root");
    let issuer = Issuer::new(root, root_key);
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    let leaf_key = KeyPair::generate().expect("a key");
    let leaf = leaf.signed_by(&leaf_key, &issuer).expect("a leaf");
    for (name, text) in [
        ("root.pem", root_made.pem()),
        ("leaf.pem", leaf.pem()),
        ("leaf.key", leaf_key.serialize_pem()),
    ] {
        fs::write(folder.join(name), text).expect("a certificate");
    }
}
