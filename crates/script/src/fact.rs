//! The facts: what a reader can say about a piece of code without an opinion on it.
//!
//! A name in a fact is the one the code comes to in the end: `const r = require; r("fs").readFile(p)`
//! is `Fact::File { api: "fs.readFile", .. }`. A constant is given when it can be known without
//! running anything, else `None`: "something, decided while it runs".

use serde::Serialize;

/// What is true of a place in the code.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fact {
    /// Loads a module, or gets hold of a loader.
    Load {
        /// By which means.
        by: Load,
        /// Its name, if it is a constant. Without `node:` for Node.js' own modules.
        module: Option<String>,
    },
    /// Touches Node.js' `process`.
    Process {
        /// What of it (`exit`, `kill`, `on`), or `None` for the whole object.
        member: Option<String>,
    },
    /// Reads or changes the environment: `process.env` or Node-RED's `env.get`.
    Environment {
        /// Whose: `process.env` (the program's) or `env` (the flow's).
        api: Api,
        /// Which variable.
        key: Option<String>,
        /// Read, written or deleted.
        touch: Touch,
    },
    /// Reaches for what lies outside its sandbox or scope.
    Escape {
        /// By which means.
        by: Escape,
        /// The code handed over, if it is a constant.
        code: Option<String>,
    },
    /// Turns text into code.
    Dynamic {
        /// By which means.
        by: Dynamic,
        /// The text, if it is a constant.
        code: Option<String>,
    },
    /// Starts a timer.
    Timer {
        /// `setTimeout`, `setInterval`, `setImmediate`…
        api: Api,
        /// Milliseconds, if constant.
        delay_ms: Option<u64>,
        /// What becomes of its handle.
        kept: Kept,
    },
    /// A loop that has no way out: a head that is always true, and no `break`, `return`, `throw`, `await`
    /// or `yield` that can be reached and leads out. What is awaited must not be there at once.
    EndlessLoop,
    /// Talks to the network.
    Network {
        /// By which call (`http.request`, `fetch`, `axios.get`, `WebSocket`).
        api: Api,
        /// To where (an address, or a host), if it is a constant. For an object of options, what it says.
        target: Option<String>,
        /// Which port, if it is said apart from the target.
        port: Option<String>,
    },
    /// Opens a port or a socket for others.
    Listen {
        /// By which call (`net.createServer.listen`, `RED.httpNode.get`).
        api: Api,
        /// Port or path, if it is a constant.
        port: Option<String>,
    },
    /// Does not check who is at the other end of TLS (`rejectUnauthorized: false`).
    Unverified {
        /// The name of the setting.
        api: Api,
    },
    /// Touches files.
    File {
        /// By which call (`fs.readFile`, `fs.promises.rm`).
        api: Api,
        /// In which way.
        access: Access,
        /// Which file, if it is a constant.
        path: Option<String>,
    },
    /// Starts another program.
    Command {
        /// By which call (`child_process.exec`).
        api: Api,
        /// The program or command line, if it is a constant.
        command: Option<String>,
    },
    /// Uses Node-RED's context. Several keys in one call are as many facts. A context that is handed on
    /// (`f(flow)`, `const { set } = flow; f(set)`) is written under any key.
    Context {
        /// `flow`, `global` or the node's own.
        store: Store,
        /// Read, written or listed.
        touch: Touch,
        /// Which key, as it is written (`pump.level[0]` is a part of `pump`); `None` if it is worked out
        /// while it runs, or if the keys are listed.
        key: Option<String>,
        /// Which context store, if it is named, by an argument or in the key (`#:(disk)::level`).
        named: Option<String>,
        /// Whether the answer comes at once or through a callback.
        style: Style,
    },
    /// Reads credentials (`this.credentials`, `RED.nodes.getCredentials`).
    Credentials {
        /// By which means.
        api: Api,
        /// Which field, if it is a constant.
        key: Option<String>,
    },
    /// Uses Node-RED's own interface (`RED.util.cloneMessage`, `RED.settings.userDir`).
    Red {
        /// What of it, from `RED` on.
        api: Api,
        /// The constant it is given first, or the member read (`RED.settings.get("x")`), if any.
        argument: Option<String>,
        /// Called, read or written.
        touch: Touch,
    },
    /// Adds a route to Node-RED's admin or flow server.
    Route {
        /// `RED.httpAdmin` or `RED.httpNode`.
        api: Api,
        /// `get`, `post`, `use`…
        method: String,
        /// Its path, if it is a constant.
        path: Option<String>,
        /// The permission it asks for, if a constant; `Some("")` if it asks for one that is not; `None` if for none.
        permission: Option<String>,
    },
    /// Declares a node type.
    NodeType {
        /// Its name, if it is a constant.
        name: Option<String>,
        /// Whether it declares credentials.
        has_credentials: bool,
    },
    /// Sends messages on.
    Send {
        /// `node.send`, `return`.
        api: Api,
        /// To which outputs.
        outputs: Outputs,
    },
    /// Says something to people: log, status, the debug sidebar, the console.
    Report {
        /// How loud.
        level: Level,
        /// By which call.
        api: Api,
    },
    /// Tells Node-RED that a message is finished (`node.done()`).
    Done,
    /// Throws.
    Throw,
    /// Writes to a global or to the prototype of something everyone uses.
    Pollutes {
        /// To what (`Object.prototype`, `__proto__`, `globalThis.x`).
        target: Api,
    },
    /// Sets a name that nothing declares.
    Global {
        /// A name that becomes global because nothing declares it.
        name: String,
    },
    /// Loads compiled code (`.node`, `process.dlopen`, `bindings`).
    Native {
        /// By which means.
        api: Api,
        /// Which file, if it is a constant.
        path: Option<String>,
    },
    /// Starts a worker.
    Worker {
        /// `Worker`, `SharedWorker`, `cluster.fork`.
        api: Api,
        /// Which file or code, if it is a constant.
        file: Option<String>,
    },
    /// Compiles WebAssembly.
    Wasm {
        /// By which call.
        api: Api,
    },
    /// A name written with escapes, so that a search would not find it (`\u0072equire`).
    HiddenName {
        /// What it comes to.
        name: String,
    },
    /// A member named by a text put together from pieces (`x["con" + "structor"]`).
    ComputedName {
        /// What it comes to.
        name: String,
    },
    /// Touches the page or the browser (`document.cookie`, `localStorage`, `$.ajaxPrefilter`).
    Browser {
        /// What of it.
        api: Api,
        /// Called, read or written.
        touch: Touch,
    },
    /// The code looks like it was not meant to be read.
    Obfuscated {
        /// By what.
        sign: Sign,
    },
    /// The code closes the function that Node-RED wraps round it and goes on outside.
    BreaksOut,

    /// Invisible or direction-changing characters stand in the code.
    Invisible {
        /// Which, as `U+202E`.
        character: String,
    },
}

/// A name as the code comes to it, dots between: `fs.promises.readFile`, `RED.nodes.createNode`.
pub type Api = String;

/// How a module is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// `require("x")`
    Require,
    /// `import x from "x"`, `export … from "x"`
    Import,
    /// `import("x")`
    DynamicImport,
    /// `require.resolve("x")`
    Resolve,
    /// The node's `libs` (Node-RED loads it), where the code uses it.
    Lib,
    /// `module.createRequire`
    CreateRequire,
    /// `process.binding`, `process.getBuiltinModule`
    Binding,
    /// `process.mainModule`, `require.main`, `module.parent`
    MainModule,
    /// `Module._load`, `require.cache`, `require.extensions`, `module.register`: changes what loading means
    Loader,
    /// `require` itself is handed on as a value
    Passed,
    /// `importScripts`, `<script>` made by script
    Script,
}

/// How code reaches outside its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Escape {
    /// `x.constructor.constructor`, or `constructor` called with text
    Constructor,
    /// `Object.getPrototypeOf`, `Reflect.getPrototypeOf`, `Object.setPrototypeOf`
    Prototype,
    /// `x.__proto__`
    Proto,
    /// `__node__`, `__send__`, `__done__`: Node-RED's own objects, handed into the sandbox
    Wrapper,
    /// `arguments.callee`, `.caller`
    Caller,
    /// `global.process`, `globalThis.process`, `this.process`, `console.constructor`
    Global,
    /// `Error.prepareStackTrace`: hands out objects from outside
    Stack,
}

/// How text becomes code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dynamic {
    /// `eval(…)`
    Eval,
    /// `Function(…)`, `new Function(…)`, or the constructor of async and generator functions
    Function,
    /// `setTimeout("…")`
    Timer,
    /// `vm.runInNewContext`, `new vm.Script`
    Vm,
    /// `module._compile`
    Compile,
    /// `document.write`, `innerHTML`, `$().html`, `insertAdjacentHTML`: only in a page
    Html,
}

/// What is done to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Touch {
    /// It is read.
    Read,
    /// It is set.
    Write,
    /// It is removed.
    Delete,
    /// Its keys are listed.
    List,
    /// It is called.
    Call,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Read, listed, watched, asked about.
    Read,
    /// Written, made, moved, linked, its rights changed.
    Write,
    /// Removed.
    Delete,
    /// Not known from the call (`fs.open` with flags that are no constant; `fs` handed on).
    Unknown,
}

/// Which context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// The node's own.
    Node,
    /// The tab's.
    Flow,
    /// Everyone's.
    Global,
}

/// How an answer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    /// As the value of the call.
    Direct,
    /// Through a callback.
    Callback,
    /// Through a promise that is awaited.
    Promise,
}

/// What becomes of a timer's handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// Dropped: nobody can stop it.
    Dropped,
    /// Kept, and the matching `clear…` is called somewhere in this code.
    Cleared,
    /// Kept, but never cleared in this code.
    NeverCleared,
}

/// Which outputs a message goes to. Outputs count from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "to", content = "which", rename_all = "kebab-case")]
pub enum Outputs {
    /// Nowhere: `return;`, `return null`.
    None,
    /// Only the first (a single message).
    First,
    /// These.
    Some(Vec<u32>),
    /// Not known before it runs.
    Unknown,
}

/// How loud a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// `node.error`
    Error,
    /// `node.warn`
    Warn,
    /// `node.log`, `debug`, `trace`
    Log,
    /// `node.status`
    Status,
    /// `console.…`
    Console,
}

/// What makes code look hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Lines so long that nobody reads them.
    LongLine,
    /// Names like `_0x3fa2`.
    HexNames,
    /// A large array or text of random-looking strings.
    PackedText,
    /// Most text constants are written in escapes.
    EscapedText,
    /// White space that pushes code off the screen.
    OffScreen,
}
