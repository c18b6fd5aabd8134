//! Loads, by wrk and h2load, on this machine only.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use house_benches::median;

use crate::{
    cost,
    process::{self, Place},
};

/// How a load asks.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    /// HTTP/1.1 over so many connections.
    Http1(u16),
    /// HTTP/2 over so many connections with so many requests at a time on each.
    Http2(u16, u16),
}

/// One load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    pub(crate) path: &'static str,
    /// Bytes of each body, where they are what counts.
    pub(crate) body: Option<u32>,
}

/// Against whom.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) name: &'static str,
    /// `localhost:port`.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The proxy's processes.
    pub(crate) pids: Vec<u32>,
    pub(crate) token: Option<String>,
    /// The certificate a client trusts (PEM).
    pub(crate) trust: PathBuf,
}

impl Door {
    /// The header line by which a client says who it is, if it must.
    pub(crate) fn authorization(&self) -> String {
        let token = self.token.as_ref();
        token.map_or_else(String::new, |token| {
            format!("authorization: Bearer {token}\r\n")
        })
    }
}

/// What a load found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Requests a second, by the wall clock.
    pub(crate) rate: f64,
    /// Microseconds of the proxy's CPU for a request.
    pub(crate) cpu: f64,
    /// Milliseconds until half and until 99 of 100 requests were answered.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// How busy the proxy was, of one core.
    pub(crate) busy: f64,
}

/// The medians of several rounds.
pub(crate) fn medians(rounds: &[Found]) -> Found {
    let of = |field: fn(&Found) -> f64| median(rounds.iter().map(field).collect());
    Found {
        rate: of(|it| it.rate),
        cpu: of(|it| it.cpu),
        p50: of(|it| it.p50),
        p99: of(|it| it.p99),
        busy: of(|it| it.busy),
    }
}

/// Loads a door for so long.
pub(crate) fn run(
    door: &Door,
    load: &Load,
    last: Duration,
    place: Place,
    folder: &Path,
) -> Result<Found> {
    let before = cost::cpu_microseconds(&door.pids)?;
    let mut found = match load.way {
        Way::Http1(connections) => wrk(door, load, connections, last, place),
        Way::Http2(connections, streams) => {
            h2load(door, load, (connections, streams), last, place, folder)
        }
    }
    .with_context(|| format!("{} against {}", load.name, door.host))?;
    let used = cost::cpu_microseconds(&door.pids)? - before;
    let requests = found.cpu;
    found.cpu = used / requests;
    found.busy = used / 1e6 / last.as_secs_f64();
    Ok(found)
}

/// Gives the number of requests in `cpu`, for [`run`] to divide by.
fn wrk(door: &Door, load: &Load, connections: u16, last: Duration, place: Place) -> Result<Found> {
    let mut command = process::command("wrk", place);
    command.args(["-t", "1", "--latency", "--timeout", "10s"]);
    command.args([
        "-c",
        &connections.to_string(),
        "-d",
        &format!("{}s", last.as_secs()),
    ]);
    if let Some(token) = &door.token {
        command.args(["-H", &format!("authorization: Bearer {token}")]);
    }
    let said = process::output(command.arg(format!("https://{}{}", door.host, load.path)))?;
    let word = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name));
    ensure!(
        word("Non-2xx").is_none(),
        "not every answer was 200: {said}"
    );
    ensure!(
        word("Socket errors").is_none(),
        "not every request was answered: {said}"
    );
    let requests = said
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "));
    let requests: f64 = requests.context("wrk counted nothing")?.0.parse()?;
    let latency = |name| word(name).and_then(milliseconds).context("wrk's latencies");
    let rate = word("Requests/sec:")
        .context("wrk's rate")?
        .trim()
        .parse()?;
    Ok(Found {
        rate,
        cpu: requests,
        p50: latency("50%")?,
        p99: latency("99%")?,
        busy: 0.0,
    })
}

/// `616.00us`, `1.06ms`, `1.20s`.
fn milliseconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let (number, scale) = match text {
        _ if text.ends_with("us") => (text.strip_suffix("us")?, 1e-3),
        _ if text.ends_with("ms") => (text.strip_suffix("ms")?, 1.0),
        _ => (text.strip_suffix('s')?, 1e3),
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}

fn h2load(
    door: &Door,
    load: &Load,
    (connections, streams): (u16, u16),
    last: Duration,
    place: Place,
    folder: &Path,
) -> Result<Found> {
    let log = folder.join("h2load.log");
    let mut command = process::command("h2load", place);
    command.args([
        "-t",
        "1",
        "-c",
        &connections.to_string(),
        "-m",
        &streams.to_string(),
    ]);
    command
        .args(["-D", &last.as_secs().to_string()])
        .arg(format!("--log-file={}", log.display()));
    command.arg(format!("--connect-to=127.0.0.1:{}", door.port));
    if let Some(token) = &door.token {
        command.args(["-H", &format!("authorization: Bearer {token}")]);
    }
    process::output(command.arg(format!("https://{}{}", door.host, load.path)))?;
    // One line a request: when it began, its status, how long it took in microseconds.
    let text = fs::read_to_string(&log)?;
    fs::remove_file(&log)?;
    let mut took = Vec::new();
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split('\t').skip(1);
        match (
            fields.next(),
            fields.next().and_then(|it| it.parse::<f64>().ok()),
        ) {
            (Some("200"), Some(microseconds)) => took.push(microseconds / 1e3),
            (status, _) => *others.entry(status.unwrap_or("?")).or_default() += 1,
        }
    }
    // What is under way when the time is over ends with the status -1.
    others.remove("-1");
    ensure!(
        !took.is_empty() && others.is_empty(),
        "not every answer was 200: {others:?}"
    );
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    let requests = f64::from(u32::try_from(took.len())?);
    let rate = requests / last.as_secs_f64();
    Ok(Found {
        rate,
        cpu: requests,
        p50: at(50),
        p99: at(99),
        busy: 0.0,
    })
}
