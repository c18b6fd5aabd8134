//! A real OpenID Connect provider on loopback: npm's certified `oidc-provider`, with its own pages.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
};

use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};

use crate::npm;

/// Our name there.
pub const CLIENT: &str = "redkeep";
/// Our secret there.
pub const SECRET: &str = "brass-otter-41";

/// What it does, written for Node.js. It learns where the browser comes back to once Redkeep listens.
const SERVER: &str = r"
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';
import Provider from 'oidc-provider';
const set = JSON.parse(process.argv[2]);
let handle = (request, response) => { response.statusCode = 503; response.end(); };
const files = { key: readFileSync(set.key), cert: readFileSync(set.cert) };
const server = createServer(files, (request, response) => handle(request, response));
function open({ back, after }) {
  const provider = new Provider(`https://localhost:${server.address().port}`, {
    clients: [{
      client_id: set.client, client_secret: set.secret, redirect_uris: [back],
      post_logout_redirect_uris: [after], response_types: ['code'],
      grant_types: ['authorization_code', 'refresh_token'],
    }],
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    pkce: { required: () => true },
    cookies: { keys: ['of a test'] },
    features: { devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    async findAccount(context, id) {
      const person = JSON.parse(readFileSync(set.people))[id];
      if (!person) return undefined;
      return { accountId: id, claims: async () => ({ sub: id, ...person }) };
    },
  });
  handle = provider.callback();
}
createInterface({ input: process.stdin }).on('line', line => { open(JSON.parse(line)); console.log('open'); });
server.listen(set.port, '127.0.0.1', () => console.log(server.address().port));
";

/// A provider. Whoever types a name it knows, with any password, is that person.
#[derive(Debug)]
pub struct OpenIdProvider {
    folder: tempfile::TempDir,
    port: u16,
    running: Option<(Child, ChildStdin, BufReader<std::process::ChildStdout>)>,
}

impl OpenIdProvider {
    /// One that listens; nobody is known to it.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let modules = npm::installed("openid-provider");
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).expect("a link");
        fs::write(folder.path().join("server.mjs"), SERVER).expect("the server");
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
        let leaf = leaf.self_signed(&key).expect("a certificate");
        for (name, text) in [
            ("leaf.pem", leaf.pem()),
            ("leaf.key", key.serialize_pem()),
            ("people.json", "{}".to_owned()),
            ("secret", SECRET.to_owned()),
        ] {
            fs::write(folder.path().join(name), text).expect("a file");
        }
        let secret = folder.path().join("secret");
        fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).expect("its mode");
        let mut provider = Self {
            folder,
            port: 0,
            running: None,
        };
        provider.up();
        provider
    }

    /// Listens, again where it did.
    pub fn up(&mut self) {
        let settings = json!({
            "port": self.port, "key": self.file("leaf.key"), "cert": self.file("leaf.pem"),
            "people": self.file("people.json"), "client": CLIENT, "secret": SECRET,
        });
        let mut child = Command::new("node")
            .arg("server.mjs")
            .arg(settings.to_string())
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is not installed: install Debian's package nodejs");
        let stdin = child.stdin.take().expect("piped");
        let mut lines = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("a port");
        self.port = line.trim().parse().expect("a port");
        self.running = Some((child, stdin, lines));
    }

    /// Says where the browser comes back to, to a console at this origin; from then on it answers.
    pub fn open_for(&mut self, name: &str, console: &str) {
        let (_, stdin, lines) = self.running.as_mut().expect("it runs");
        let said = json!({
            "back": format!("{console}/sign-in/back/{name}"), "after": format!("{console}/sign-in"),
        });
        writeln!(stdin, "{said}").expect("it listens");
        let mut line = String::new();
        lines.read_line(&mut line).expect("an answer");
        assert_eq!(line.trim(), "open");
    }

    /// Who is known, and their claims.
    pub fn set_people(&self, people: &Value) {
        let (file, new) = (self.file("people.json"), self.file("people.new"));
        fs::write(&new, people.to_string()).expect("the people");
        fs::rename(new, file).expect("the people");
    }

    /// Ends it: it forgets all sessions and tokens.
    pub fn down(&mut self) {
        if let Some((mut child, ..)) = self.running.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }

    /// `[[oidc]]` for it, and more of this section.
    pub fn config(&self, name: &str, more: &str) -> String {
        let (port, secret, root) = (self.port, self.file("secret"), self.file("leaf.pem"));
        let (secret, root) = (secret.display(), root.display());
        format!(
            "[[oidc]]\nname = {name:?}\nlabel = \"Plant ID\"\nissuer = \"https://localhost:{port}\"\n\
             client_id = {CLIENT:?}\nclient_secret_file = \"{secret}\"\nroots = \"{root}\"\n\
             scopes = [\"profile\", \"groups\", \"offline_access\"]\nconsent = true\n{more}\n"
        )
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        self.down();
    }
}
