//! The gate's table against Node-RED's real routers: thousands of paths as a stranger could write
//! them, each judged by the gate and asked of a real Node-RED 5 and 4.1 (`express.js`).

use std::{fs, path::Path, process::Stdio, sync::Arc, time::Duration};

use gate::route::{Class, Endpoints, Target, classify};
use http::{Method, Uri};
use model::instance::NodeRedMajor;
use registry::{
    Lock, Npmrc, Platform, Trees, Upstream, VerifiedTree, progress::Silent, upstream::Limits,
};
use tokio::{io::AsyncWriteExt as _, process::Command};

const METHODS: [&str; 8] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "COPY",
];

/// Every route of Node-RED's that does something, and some that only show something.
const SEEDS: [&str; 44] = [
    "/",
    "/flows",
    "/flows/state",
    "/flow",
    "/flow/t1",
    "/flow/global",
    "/nodes",
    "/nodes/node-red",
    "/nodes/node-red/inject",
    "/nodes/@scope/name",
    "/nodes/@scope/name/set",
    "/nodes/messages",
    "/plugins",
    "/plugins/messages",
    "/plugins/@scope/name/set",
    "/context/global",
    "/context/global/key",
    "/context/flow/t1/key",
    "/context/node/i1/key",
    "/context/flow/t1",
    "/credentials/tls-config/c1",
    "/library/local/flows/a/b",
    "/library/local/functions/x.js",
    "/library/local",
    "/inject/i1",
    "/debug/d1/enable",
    "/debug/d1/disable",
    "/debug/enable",
    "/debug/view/view.html",
    "/projects",
    "/projects/p1",
    "/projects/p1/branches/b",
    "/projects/p1/stage/a",
    "/settings",
    "/settings/user",
    "/settings/user/keys",
    "/settings/user/keys/k",
    "/auth/login",
    "/auth/token",
    "/auth/revoke",
    "/comms",
    "/red/red.min.js",
    "/icons/a/b.svg",
    "/locales/nodes",
];

/// A small generator of numbers (xorshift), the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }
}

/// A path, written in another way, or bent into another one.
fn bent(path: &str, dice: &mut Dice) -> String {
    const PIECES: [&str; 20] = [
        "/", "//", "/.", "/..", ".", ";", ";x=1", "%2f", "%2F", "%5c", "\\", "%00", "%20", "%25",
        "%c3%a4", "@", "*", "(x)", "+", "%2e%2e",
    ];
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len() + 1);
        match dice.roll(8) {
            0 => bytes.make_ascii_uppercase(),
            1 if at < bytes.len() => {
                let byte = bytes[at];
                bytes.splice(at..=at, format!("%{byte:02x}").bytes());
            }
            2 => bytes.push(b'/'),
            3 => drop(bytes.splice(at..at, PIECES[dice.roll(PIECES.len())].bytes())),
            4 => bytes.extend(PIECES[dice.roll(PIECES.len())].bytes()),
            5 => bytes.extend(SEEDS[dice.roll(SEEDS.len())].bytes()),
            6 if at < bytes.len() => bytes[at].make_ascii_uppercase(),
            _ => bytes.extend(*b"?a=/../flows"),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A request the gate would let on as something that changes nothing.
struct Asked {
    method: &'static str,
    class: Class,
    /// As it came, and as it would go on.
    targets: [String; 2],
}

fn asked() -> Vec<Asked> {
    let endpoints = Endpoints::default();
    let mut dice = Dice(20_261_130);
    let mut paths: Vec<String> = SEEDS.iter().map(|&seed| seed.to_owned()).collect();
    for seed in SEEDS {
        paths.extend((0..150).map(|_| bent(seed, &mut dice)));
    }
    let mut asked = Vec::new();
    for raw in paths {
        let Some(target) = raw
            .parse::<Uri>()
            .ok()
            .and_then(|uri| Target::parse(&uri).ok())
        else {
            continue;
        };
        for method in METHODS {
            let known: Method = method.parse().unwrap();
            let class = classify(&known, false, &target, &endpoints, |_, _| false);
            asked.push(Asked {
                method,
                class,
                targets: [raw.clone(), target.path_and_query()],
            });
        }
    }
    asked
}

/// Whether a handler of Node-RED's may be reached by a request of this class.
fn is_right(class: &Class, verb: &str, pattern: &str) -> bool {
    if matches!(class, Class::Never(_) | Class::Unknown) {
        // Not forwarded at all.
        return true;
    }
    match (verb, pattern) {
        ("get", _) => !matches!(class, Class::Change(_) | Class::Effect(_) | Class::Write(_)),
        ("post", "/auth/revoke") => matches!(class, Class::Login(_)),
        ("post", "/settings/user") => matches!(class, Class::Write(_)),
        ("post", "/inject/:id" | "/debug/:id/:state" | "/debug/:state") => {
            matches!(class, Class::Effect(_))
        }
        ("post", pattern) if pattern.contains("library") => matches!(class, Class::Write(_)),
        ("delete", pattern) if pattern.starts_with("/context/") => {
            matches!(class, Class::Effect(_))
        }
        // Everything else that is no GET changes what runs.
        _ => matches!(class, Class::Change(_)),
    }
}

async fn against(major: NodeRedMajor) {
    let asked = asked();
    let questions: Vec<[&str; 2]> = asked
        .iter()
        .flat_map(|it| it.targets.iter().map(|target| [it.method, target.as_str()]))
        .collect();
    let answers = ask(&tree(major).await, &serde_json::json!(questions)).await;
    assert_eq!(answers.len(), questions.len());
    let (mut changing, mut wrong) = (0, Vec::new());
    for (asked, answers) in asked.iter().zip(answers.chunks(2)) {
        for (target, answer) in asked.targets.iter().zip(answers) {
            let Some([verb, pattern]) = answer else {
                continue;
            };
            changing += usize::from(verb != "get");
            if !is_right(&asked.class, verb, pattern) {
                wrong.push(format!(
                    "{} {target}: {verb} {pattern}, but {:?}",
                    asked.method, asked.class
                ));
            }
        }
    }
    // Else the questions would not have reached what they are for.
    assert!(asked.len() > 10_000, "{} requests", asked.len());
    assert!(changing > 500, "{changing} reached a handler that changes");
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn no_changing_route_of_node_red_5_is_taken_for_another() {
    against(NodeRedMajor::V5).await;
}

#[tokio::test]
async fn no_changing_route_of_node_red_4_is_taken_for_another() {
    against(NodeRedMajor::V4).await;
}

async fn ask(tree: &VerifiedTree, questions: &serde_json::Value) -> Vec<Option<[String; 2]>> {
    let dir = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/express.js");
    let mut node = Command::new(tree.node_binary())
        .arg(script)
        .arg(tree.modules_dir())
        .arg(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = node.stdin.take().unwrap();
    let text = questions.to_string();
    let (written, output) = tokio::join!(
        async move { stdin.write_all(text.as_bytes()).await },
        tokio::time::timeout(Duration::from_mins(2), node.wait_with_output()),
    );
    written.unwrap();
    let output = output.expect("Node-RED answers").unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Node.js and Node-RED, fetched once and then kept under `target/test-trees`, as for the tests of
/// `runtime`.
async fn tree(major: NodeRedMajor) -> VerifiedTree {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-trees");
    fs::create_dir_all(&kept).unwrap();
    let kept = kept.canonicalize().unwrap();
    let _lock = loop {
        match sandbox::process::lock_file(&kept.join("lock")).unwrap() {
            Some(lock) => break lock,
            None => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let trees = Trees::open(&kept).unwrap();
    let lock = Lock::of(major, Platform::here().unwrap());
    let upstream = (!trees.has(&lock)).then(upstream);
    let installed = trees
        .ensure(&lock, None, upstream.as_ref(), Arc::new(Silent))
        .await;
    installed
        .expect("Node.js and Node-RED are needed for this test")
        .tree
}

#[expect(clippy::disallowed_methods, reason = "a test is its own program")]
fn upstream() -> Upstream {
    let registry = std::env::var("NPM_CONFIG_REGISTRY").unwrap_or_else(|_| {
        let npm = std::process::Command::new("npm")
            .args(["config", "get", "registry"])
            .output();
        let npm = npm.expect("set NPM_CONFIG_REGISTRY: there is no npm to ask for the registry");
        String::from_utf8(npm.stdout).unwrap().trim().to_owned()
    });
    let npmrc = std::env::var("HOME").ok();
    let npmrc = npmrc.and_then(|home| fs::read_to_string(Path::new(&home).join(".npmrc")).ok());
    let npmrc = Npmrc::parse(&npmrc.unwrap_or_default(), |name| std::env::var(name).ok());
    Upstream::new(npmrc.address(&registry), None, Limits::default()).unwrap()
}
