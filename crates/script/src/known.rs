//! What calls of known names do: the tables behind the facts.

use crate::Access;
use crate::value::{Path, Root};

/// What kind of thing a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    File(Access),
    Network,
    Listen,
    Command,
    Vm,
    Worker,
    Wasm,
    Native,
}

/// What calling this path does, if it is known.
pub(crate) fn call(path: &Path) -> Option<Known> {
    let last = path.last();
    match &path.root {
        Root::Module(name) => match name.as_str() {
            "fs" | "fs/promises" | "fs-extra" | "graceful-fs" | "original-fs" => {
                file(last).map(Known::File)
            }
            "child_process" if COMMANDS.contains(&last) => Some(Known::Command),
            "execa" | "cross-spawn" | "shelljs" | "node-pty" | "sudo-prompt" => {
                Some(Known::Command)
            }
            "http" | "https" | "http2" | "net" | "tls" | "dgram" | "dns" | "dns/promises"
            | "quic" => socket(path),
            "vm" => matches!(
                last,
                "runInContext"
                    | "runInNewContext"
                    | "runInThisContext"
                    | "Script"
                    | "compileFunction"
                    | "SourceTextModule"
            )
            .then_some(Known::Vm),
            "worker_threads" => (last == "Worker").then_some(Known::Worker),
            "cluster" => (last == "fork").then_some(Known::Worker),
            "bindings" | "node-gyp-build" | "node-pre-gyp" => Some(Known::Native),
            _ if CLIENTS.contains(&name.as_str()) => Some(Known::Network),
            "ws" => Some(if last.contains("Server") {
                Known::Listen
            } else {
                Known::Network
            }),
            "express" | "fastify" | "koa" | "aedes" => (last == "listen").then_some(Known::Listen),
            _ => None,
        },
        Root::Global(name) => match name.as_str() {
            "fetch" | "XMLHttpRequest" | "WebSocket" | "EventSource" | "WebTransport"
            | "RTCPeerConnection" | "axios" => Some(Known::Network),
            "navigator" => (last == "sendBeacon").then_some(Known::Network),
            "$" | "jQuery" => matches!(last, "ajax" | "get" | "post" | "getJSON" | "getScript")
                .then_some(Known::Network),
            "Worker" | "SharedWorker" => Some(Known::Worker),
            "WebAssembly" => Some(Known::Wasm),
            "process" => (last == "dlopen").then_some(Known::Native),
            _ => None,
        },
        Root::This | Root::Other => None,
    }
}

const COMMANDS: &[&str] = &[
    "exec",
    "execSync",
    "execFile",
    "execFileSync",
    "spawn",
    "spawnSync",
    "fork",
];

/// Packages whose calls go out to the network.
const CLIENTS: &[&str] = &[
    "axios",
    "got",
    "request",
    "request-promise",
    "request-promise-native",
    "node-fetch",
    "superagent",
    "undici",
    "needle",
    "mqtt",
    "nodemailer",
    "ssh2",
    "ftp",
    "basic-ftp",
    "socket.io-client",
    "phin",
    "bent",
    "ky",
    "amqplib",
    "kafkajs",
    "pg",
    "mysql",
    "mysql2",
    "mongodb",
    "redis",
    "ioredis",
    "influx",
    "modbus-serial",
    "nodes7",
    "telnet-client",
    "ping",
    "net-ping",
    "snmp",
    "net-snmp",
];

fn socket(path: &Path) -> Option<Known> {
    let is_server = path.parts.iter().any(|part| part.ends_with("Server"));
    match path.last() {
        "listen" | "bind" => Some(Known::Listen),
        "request" | "get" | "connect" | "createConnection" | "lookup" | "resolve" | "resolve4"
        | "resolve6" | "resolveTxt" | "resolveAny" | "reverse" | "send"
            if !is_server =>
        {
            Some(Known::Network)
        }
        _ => None,
    }
}

/// What a function of `fs` does to a file.
fn file(name: &str) -> Option<Access> {
    match name.strip_suffix("Sync").unwrap_or(name) {
        "readFile" | "readdir" | "stat" | "lstat" | "access" | "exists" | "createReadStream"
        | "watch" | "watchFile" | "readlink" | "realpath" | "opendir" | "readJson"
        | "pathExists" | "glob" | "statfs" | "openAsBlob" => Some(Access::Read),
        "writeFile" | "appendFile" | "createWriteStream" | "mkdir" | "mkdtemp" | "copyFile"
        | "cp" | "copy" | "rename" | "move" | "link" | "symlink" | "chmod" | "lchmod" | "chown"
        | "lchown" | "utimes" | "lutimes" | "truncate" | "ensureDir" | "ensureFile" | "mkdirp"
        | "outputFile" | "writeJson" | "outputJson" => Some(Access::Write),
        "rm" | "rmdir" | "unlink" | "remove" | "emptyDir" => Some(Access::Delete),
        "open" => Some(Access::Unknown),
        _ => None,
    }
}

/// Objects that everyone shares, whose prototypes everyone inherits.
pub(crate) fn is_shared(name: &str) -> bool {
    matches!(
        name,
        "Object"
            | "Array"
            | "String"
            | "Number"
            | "Boolean"
            | "Function"
            | "Promise"
            | "Date"
            | "RegExp"
            | "Error"
            | "Map"
            | "Set"
            | "Buffer"
            | "JSON"
            | "Math"
            | "Symbol"
            | "Reflect"
            | "EventTarget"
            | "XMLHttpRequest"
            | "Element"
            | "Node"
            | "Uint8Array"
    )
}

/// Parts of a browser worth telling.
pub(crate) fn is_browser(path: &Path) -> bool {
    let part = path.part(0);
    match path.root_global() {
        Some("document") => matches!(part, "cookie" | "domain" | "write" | "writeln" | "location"),
        Some(
            "localStorage" | "sessionStorage" | "indexedDB" | "caches" | "opener" | "location",
        ) => true,
        Some("navigator") => matches!(
            part,
            "serviceWorker" | "clipboard" | "credentials" | "geolocation"
        ),
        Some("$" | "jQuery") => matches!(
            part,
            "ajaxPrefilter"
                | "ajaxSetup"
                | "ajaxTransport"
                | "ajaxSend"
                | "ajaxComplete"
                | "getScript"
        ),
        Some("postMessage" | "open" | "addEventListener") => path.parts.is_empty(),
        Some("XMLHttpRequest") => part == "prototype",
        _ => false,
    }
}

/// Whether calling it with a name gives a module.
#[expect(clippy::unnested_or_patterns, reason = "one pattern for each spelling")]
pub(crate) fn is_loader(path: &Path) -> bool {
    match (
        &path.root,
        path.parts
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice(),
    ) {
        (Root::Global(name), []) => name == "require",
        (Root::Global(name), parts) => {
            matches!(
                (name.as_str(), parts),
                (
                    "module",
                    ["require"] | ["constructor", "_load"] | ["parent", "require"]
                ) | (
                    "process",
                    ["mainModule", "require"] | ["getBuiltinModule"] | ["binding"]
                ) | ("require", ["main", "require"])
                    | ("RED", ["require"] | ["import"])
            )
        }
        (Root::Module(name), parts) => {
            name == "module" && matches!(parts, ["_load" | "createRequire"])
        }
        _ => false,
    }
}

/// Whether Node.js has a module of this name.
pub(crate) fn is_own_module(name: &str) -> bool {
    let name = name.strip_prefix("node:").unwrap_or(name);
    OWN_MODULES.contains(&name.split('/').next().unwrap_or_default())
}

const OWN_MODULES: &[&str] = &[
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];
