//! What loading the editor costs: bytes on the wire, requests, CPU of the proxy.
//!
//! The bytes are counted by a relay between curl and the proxy, so TLS and HTTP/2 framing are in
//! them. Requests go one after the other over one HTTP/2 connection.

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use anyhow::{Context as _, Result, ensure};
use house_benches::median;

use crate::{cost, load::Door, process};

/// The requests, in order.
const LIST: &str = include_str!("editor.txt");

/// What one load of the editor cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit {
    pub(crate) requests: f64,
    /// Of them, answered 304.
    pub(crate) unchanged: f64,
    /// Bytes to the browser, and from it.
    pub(crate) down: f64,
    pub(crate) up: f64,
    /// Milliseconds of the proxy's CPU.
    pub(crate) cpu: f64,
}

/// The medians of several visits.
pub(crate) fn medians(visits: &[Visit]) -> Visit {
    let of = |field: fn(&Visit) -> f64| median(visits.iter().map(field).collect());
    Visit {
        requests: of(|it| it.requests),
        unchanged: of(|it| it.unchanged),
        down: of(|it| it.down),
        up: of(|it| it.up),
        cpu: of(|it| it.cpu),
    }
}

/// A file the browser has, by its place in the list.
enum Kept {
    /// It need not ask for it.
    Fresh,
    /// It asks whether this is still the one.
    Tagged(String),
    /// It asks anew.
    No,
}

/// Loads the editor with an empty cache, then again with what that left in the cache.
pub(crate) fn visit(door: &Door, folder: &Path) -> Result<(Visit, Visit)> {
    let first: Vec<Kept> = list(door, "0").iter().map(|_| Kept::No).collect();
    let version = version(door)?;
    let wishes = list(door, &version);
    let cold = fetch(door, folder, &wishes, &first).context("the first visit")?;
    let kept: Vec<_> = (0..wishes.len()).map(|at| kept(folder, at)).collect();
    let warm = fetch(door, folder, &wishes, &kept).context("the second visit")?;
    Ok((cold, warm))
}

/// Accept header and address of each request.
fn list(door: &Door, version: &str) -> Vec<(&'static str, String)> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    let wish = |line: &'static str| {
        let (sort, path) = line.split_once(' ')?;
        let accept = match sort {
            "html" => "text/html",
            "json" => "application/json",
            _ => "*/*",
        };
        let path = path.replace("{v}", version);
        Some((accept, format!("https://{}{path}", door.host)))
    };
    lines.filter_map(wish).collect()
}

/// The version in the addresses of the page's own files.
fn version(door: &Door) -> Result<String> {
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--fail",
        "--insecure",
        "--header",
        "accept: text/html",
    ])
    .args([
        "--connect-to",
        &format!("{}:127.0.0.1:{}", door.host, door.port),
    ]);
    if let Some(token) = &door.token {
        curl.args(["--header", &format!("authorization: Bearer {token}")]);
    }
    let page = process::output(curl.arg(format!("https://{}/", door.host)))?;
    let rest = page
        .split_once("red.min.js?v=")
        .context("the page names no version")?
        .1;
    Ok(rest.chars().take_while(char::is_ascii_hexdigit).collect())
}

fn fetch(door: &Door, folder: &Path, wishes: &[(&str, String)], kept: &[Kept]) -> Result<Visit> {
    let relay = Relay::start(door.port)?;
    let mut config = String::new();
    let mut requests = 0_u32;
    for (at, ((accept, url), kept)) in wishes.iter().zip(kept).enumerate() {
        let tag = match kept {
            Kept::Fresh => continue,
            Kept::Tagged(tag) => Some(tag.replace('"', "\\\"")),
            Kept::No => None,
        };
        if requests > 0 {
            config.push_str("next\n");
        }
        requests += 1;
        let body = folder.join("editor.body");
        let head = folder.join(format!("editor.head.{at}"));
        writeln!(
            config,
            "silent\nshow-error\ninsecure\nhttp2\nurl = \"{url}\"\nheader = \"accept: {accept}\"\n\
             header = \"accept-encoding: gzip, deflate, br\"\n\
             connect-to = \"{}:127.0.0.1:{}\"\noutput = \"{}\"\ndump-header = \"{}\"\n\
             write-out = \"%{{http_code}} %{{num_connects}}\\n\"",
            door.host,
            relay.port,
            body.display(),
            head.display(),
        )?;
        if let Some(token) = &door.token {
            writeln!(config, "header = \"authorization: Bearer {token}\"")?;
        }
        if let Some(tag) = tag {
            writeln!(config, "header = \"if-none-match: {tag}\"")?;
        }
    }
    let file = folder.join("editor.curl");
    fs::write(&file, config)?;
    let before = cost::cpu_microseconds(&door.pids)?;
    let said = process::output(Command::new("curl").arg("--config").arg(&file))?;
    let cpu = (cost::cpu_microseconds(&door.pids)? - before) / 1e3;
    let count = |status: &str| said.lines().filter(|line| line.starts_with(status)).count();
    let (good, unchanged) = (count("200 "), u32::try_from(count("304 "))?);
    ensure!(
        u32::try_from(good)? + unchanged == requests,
        "not every request was answered with 200 or 304: {said}"
    );
    Ok(Visit {
        requests: requests.into(),
        unchanged: unchanged.into(),
        down: relay.down.load(Ordering::Relaxed).into(),
        up: relay.up.load(Ordering::Relaxed).into(),
        cpu,
    })
}

/// What a browser would make of the answer's header.
fn kept(folder: &Path, at: usize) -> Kept {
    let head = fs::read_to_string(folder.join(format!("editor.head.{at}"))).unwrap_or_default();
    let field = |name: &str| {
        let found = head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        });
        found.unwrap_or_default()
    };
    let rule = field("cache-control");
    if rule.contains("no-store") {
        return Kept::No;
    }
    let age = rule.split("max-age=").nth(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u32>().unwrap_or(0)
    });
    match (age, field("etag")) {
        (Some(1..), _) if !rule.contains("no-cache") => Kept::Fresh,
        (_, tag) if !tag.is_empty() => Kept::Tagged(tag),
        _ => Kept::No,
    }
}

/// A relay on loopback that counts.
struct Relay {
    port: u16,
    down: Arc<AtomicU32>,
    up: Arc<AtomicU32>,
}

impl Relay {
    fn start(to: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let relay = Self {
            port: listener.local_addr()?.port(),
            down: Arc::default(),
            up: Arc::default(),
        };
        let (down, up) = (Arc::clone(&relay.down), Arc::clone(&relay.up));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(proxy) = TcpStream::connect(("127.0.0.1", to)) else {
                    return;
                };
                let (Ok(client_too), Ok(proxy_too)) = (client.try_clone(), proxy.try_clone())
                else {
                    return;
                };
                let (down, up) = (Arc::clone(&down), Arc::clone(&up));
                thread::spawn(move || carry(client_too, proxy_too, &up));
                thread::spawn(move || carry(proxy, client, &down));
            }
        });
        Ok(relay)
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, count: &AtomicU32) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        count.fetch_add(u32::try_from(size).unwrap_or(0), Ordering::Relaxed);
        if to.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    // The other side may have hung up already.
    drop(to.shutdown(Shutdown::Write));
}
