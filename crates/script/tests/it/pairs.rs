//! For each fact, code that shows it and code that looks like it and does not.

use script::{Facts, How, Lib, Part};

/// How a source is read.
#[derive(Debug, Clone, Copy)]
enum As {
    Function,
    File,
    Page,
}
use As::{File, Function, Page};

fn facts(how: As, code: &str) -> Facts {
    match how {
        Function => script::function(code, &How::default()),
        File => script::file(code),
        Page => script::page(code),
    }
}

fn told(facts: &Facts) -> Vec<String> {
    facts
        .uses
        .iter()
        .map(|one| format!("{:?}", one.fact))
        .collect()
}

/// How it is read, what must be told, code that shows it, code that must not.
const PAIRS: &[(As, &str, &str, &str)] = &[
    // Loading.
    (
        File,
        r#"Load { by: Require, module: Some("fs") }"#,
        r#"require("fs")"#,
        r#"function f(require) { require("fs") }"#,
    ),
    (
        File,
        r#"Load { by: Require, module: Some("fs") }"#,
        r#"const r = require; r("node:fs")"#,
        r#"const r = resolve; r("node:fs")"#,
    ),
    (
        File,
        r#"Load { by: Require, module: Some("fs") }"#,
        r#"globalThis["req" + "uire"](`f${"s"}`)"#,
        r#"x["req" + "uired"]("fs")"#,
    ),
    (
        File,
        r#"Load { by: Require, module: None }"#,
        "require(name)",
        r#"require("name")"#,
    ),
    (
        File,
        r#"Load { by: Require, module: Some("child_process") }"#,
        r#"process.mainModule["require"]; module.require("child_process")"#,
        r#"modules.require("child_process")"#,
    ),
    (
        File,
        r#"Load { by: Import, module: Some("fs") }"#,
        r#"import fs from "fs""#,
        r#"const x = 'import fs from "fs"'"#,
    ),
    (
        File,
        r#"Load { by: DynamicImport, module: Some("net") }"#,
        r#"import("net")"#,
        r#"imports("net")"#,
    ),
    (
        File,
        "Load { by: Passed",
        "load(require)",
        "load(required); typeof require",
    ),
    (
        File,
        "Load { by: CreateRequire",
        r#"require("module").createRequire(x)"#,
        "createRequire(x)",
    ),
    (
        File,
        r#"Load { by: Binding, module: Some("spawn_sync") }"#,
        r#"process.binding("spawn_sync")"#,
        r#"shader.binding("spawn_sync")"#,
    ),
    (
        File,
        r#"Load { by: Binding, module: Some("fs") }"#,
        r#"process.getBuiltinModule("fs")"#,
        r#"x.getBuiltinModule("fs")"#,
    ),
    (
        File,
        r#"Load { by: MainModule, module: Some("fs") }"#,
        r#"process.mainModule.require("fs")"#,
        r#"x.mainModule.require("fs")"#,
    ),
    (
        File,
        "Load { by: Loader",
        "require.cache[x] = 1",
        "x.cache[x] = 1",
    ),
    // Process, environment.
    (
        File,
        r#"Process { member: Some("exit") }"#,
        "process.exit(1)",
        "let process = {}; process.exit(1)",
    ),
    (
        File,
        r#"Process { member: Some("kill") }"#,
        "const { kill } = process",
        "const { kill } = processes",
    ),
    (
        File,
        "Process { member: None }",
        "steal(process)",
        "const process = 1; steal(process)",
    ),
    (
        File,
        r#"Environment { api: "process.env", key: Some("HOME"), touch: Read }"#,
        "x = process.env.HOME",
        "x = my.env.HOME",
    ),
    (
        File,
        r#"Environment { api: "process.env", key: Some("HOME"), touch: Read }"#,
        "const { env } = process; f(env.HOME)",
        "const { env } = config; f(env.HOME)",
    ),
    (
        File,
        r#"key: Some("PATH"), touch: Write }"#,
        "process.env.PATH = 1",
        "f(process.env.PATH)",
    ),
    (
        File,
        r#"key: Some("PATH"), touch: Delete }"#,
        "delete process.env.PATH",
        "f(process.env.PATH)",
    ),
    (
        Function,
        r#"Environment { api: "env", key: Some("TOKEN"), touch: Read }"#,
        r#"env.get("TOKEN")"#,
        r#"let env = new Map(); env.get("TOKEN")"#,
    ),
    // Escapes.
    (
        Function,
        "Escape { by: Constructor, code: Some(\"return process\") }",
        r#"this.constructor.constructor("return process")()"#,
        r#"msg.constructors("return process")"#,
    ),
    (
        Function,
        "Escape { by: Constructor, code: Some(\"return process\") }",
        r#"msg["con" + "structor"]["constructor"]("return process")()"#,
        "msg.payload",
    ),
    (
        Function,
        "Escape { by: Constructor",
        "const c = []['constructor']",
        "class A { constructor() {} }",
    ),
    (
        File,
        "Escape { by: Prototype",
        "Object.getPrototypeOf(x)",
        "x.getPrototypeOf(x)",
    ),
    (File, "Escape { by: Proto", "x.__proto__.y", "x.proto.y"),
    (
        Function,
        "Escape { by: Wrapper",
        "__node__.send(1)",
        "node.send(1)",
    ),
    (
        Function,
        "Escape { by: Stack",
        "Error.prepareStackTrace = f",
        "Errors.prepareStack = f",
    ),
    (
        Function,
        "BreaksOut",
        "})(); evil(); (async function(){",
        "(async function(){})()",
    ),
    // Code from text.
    (
        File,
        r#"Dynamic { by: Eval, code: Some("1+1") }"#,
        r#"eval("1+1")"#,
        r#"evaluate("1+1"); x.eval("1+1")"#,
    ),
    (File, "Dynamic { by: Eval", "(0, eval)(x)", "(0, evil)(x)"),
    (
        File,
        r#"Dynamic { by: Function, code: Some("return 1") }"#,
        r#"new Function("a", "return 1")"#,
        "x instanceof Functions",
    ),
    (
        File,
        r#"Dynamic { by: Timer, code: Some("x()") }"#,
        r#"setTimeout("x()", 1)"#,
        "setTimeout(() => x(), 1)",
    ),
    (
        File,
        "Dynamic { by: Vm",
        r#"const vm = require("vm"); vm.runInNewContext(x)"#,
        "const vm = {}; vm.runInNewContext(x)",
    ),
    (
        File,
        "Dynamic { by: Compile",
        r#"m._compile("x")"#,
        r#"m.compile("x")"#,
    ),
    (
        Page,
        "Dynamic { by: Html",
        "e.innerHTML = x",
        "e.textContent = x",
    ),
    // Time.
    (
        Function,
        r#"Timer { api: "setInterval", delay_ms: Some(1000), kept: Dropped }"#,
        "setInterval(f, 1000)",
        "let t = setInterval(f, 1000); clearInterval(t)",
    ),
    (
        Function,
        "kept: NeverCleared",
        "const t = setInterval(f, 1000)",
        "const t = setInterval(f, 1000); node.on('close', () => clearInterval(t))",
    ),
    (
        Function,
        "kept: Cleared",
        "const t = setTimeout(f, 5); clearTimeout(t)",
        "const t = setTimeout(f, 5)",
    ),
    (
        Function,
        "EndlessLoop",
        "while (true) { x++ }",
        "while (true) { if (x) break; }",
    ),
    (
        Function,
        "EndlessLoop",
        "for (;;) { switch (x) { case 1: break } }",
        "for (;;) { await x }",
    ),
    (
        Function,
        "EndlessLoop",
        "do { f(() => { return 1 }) } while (1)",
        "do { return 1 } while (1)",
    ),
    (
        Function,
        "EndlessLoop",
        "while (!0) { for (;;) { break } }",
        "a: while (!0) { for (;;) { break a } }",
    ),
    // No way out that is never taken.
    (
        Function,
        "EndlessLoop",
        "while (true) { continue; break }",
        "while (true) { if (x) continue; break }",
    ),
    (
        Function,
        "EndlessLoop",
        "for (;;) { if (false) break; if (0 && x) return; if (1 > 2) throw 1 }",
        "for (;;) { if (false) x(); else break }",
    ),
    (
        Function,
        "EndlessLoop",
        "const no = !1; for (;;) { if (no) { break } }",
        "let no = false; for (;;) { [no] = f(); if (no) { break } }",
    ),
    (
        Function,
        "EndlessLoop",
        "let i = 0; while (i < 10) { x() }",
        "let i = 0; while (i < 10) { i++ }",
    ),
    (
        Function,
        "EndlessLoop",
        "while ([]) { list.pop() }",
        "const list = [1]; while (list.length > 0) { list.pop() }",
    ),
    (
        Function,
        "EndlessLoop",
        "while (true) { try { throw 1 } catch (e) {} }",
        "while (true) { try { throw 1 } finally {} }",
    ),
    (
        Function,
        "EndlessLoop",
        "while (true) { try { return } finally { continue } }",
        "while (true) { try { continue } finally { return } }",
    ),
    (
        Function,
        "EndlessLoop",
        "a: for (;;) { for (const x of y) continue a }",
        "a: for (const x of y) { for (;;) continue a }",
    ),
    (
        Function,
        "EndlessLoop",
        "a: for (;;) { b: { break b } }",
        "b: { for (;;) { break b } }",
    ),
    (
        Function,
        "EndlessLoop",
        "for (;;) { await null; await Promise.resolve(1); false && await x }",
        "const p = [1]; p[0] = x; for (;;) { true && await p[0] }",
    ),
    (
        Function,
        "EndlessLoop",
        "for (;;) { const f = async () => { await x; return }; class A { m() { return } } }",
        "for (;;) { class A extends (await x) {} }",
    ),
    (
        Function,
        "EndlessLoop",
        "for (;;) { switch (x) { default: continue; } break }",
        "for (;;) { switch (x) { default: break; } break }",
    ),
    (
        Function,
        "EndlessLoop",
        "for (;;) { for (;;) {} break }",
        "for (;;) { for (;;) { return } }",
    ),
    // A variable that is written to in some other way is no constant.
    (
        File,
        "Load { by: Require, module: None }",
        r#"let m = "path"; [m] = ["fs"]; require(m)"#,
        r#"let m = "path"; require(m)"#,
    ),
    (
        File,
        "Load { by: Require, module: None }",
        r#"var m = "path"; for (var m of ["fs"]) require(m)"#,
        r#"var m = "path"; for (var n of ["fs"]) require(m)"#,
    ),
    // Network.
    (
        File,
        r#"Network { api: "http.request", target: Some("http://a.b/c"), port: None }"#,
        r#"require("http").request("http://a.b/c")"#,
        r#"my.request("http://a.b/c")"#,
    ),
    (
        File,
        r#"target: Some("a.b"), port: Some("8080") }"#,
        r#"const o = { host: "a.b", port: 8080 }; require("https").get(o)"#,
        r#"const o = { host: "a.b", port: 8080 }; cache.get(o)"#,
    ),
    (
        File,
        r#"Network { api: "net.connect", target: Some("h"), port: Some("502") }"#,
        r#"import { connect } from "net"; connect(502, "h")"#,
        r#"connect(502, "h")"#,
    ),
    (
        File,
        r#"Network { api: "net.Socket.connect", target: Some("h"), port: Some("502") }"#,
        r#"const net = require("net"); const s = new net.Socket(); s.connect(502, "h")"#,
        "const s = new Socket(); s.connect(502, 'h')",
    ),
    (
        Function,
        r#"Network { api: "fetch", target: Some("https://x.y/…")"#,
        r#"fetch("https://x.y/…")"#,
        r#"const fetch = f; fetch("https://x.y/…")"#,
    ),
    (
        File,
        r#"Network { api: "axios.post""#,
        r#"const { default: a } = require("axios"); a.post(u)"#,
        "app.post(u)",
    ),
    (
        Page,
        r#"Network { api: "XMLHttpRequest.open", target: Some("/flows")"#,
        r#"const x = new XMLHttpRequest(); x.open("POST", "/flows")"#,
        r#"const x = new Dialog(); x.open("POST", "/flows")"#,
    ),
    (
        Page,
        r#"Network { api: "WebSocket", target: Some("ws://h")"#,
        r#"new WebSocket("ws://h")"#,
        r#"new Socket("ws://h")"#,
    ),
    (
        File,
        r#"Network { api: "dgram.createSocket.send""#,
        r#"require("dgram").createSocket("udp4").send(x)"#,
        "socket.send(x)",
    ),
    (
        File,
        r#"Listen { api: "http.createServer.listen", port: Some("8080") }"#,
        r#"require("http").createServer(f).listen(8080)"#,
        "shop.listen(8080)",
    ),
    (
        File,
        r#"Unverified { api: "rejectUnauthorized" }"#,
        "f({ rejectUnauthorized: false })",
        "f({ rejectUnauthorized: true })",
    ),
    (
        File,
        "Unverified",
        r#"process.env.NODE_TLS_REJECT_UNAUTHORIZED = "0""#,
        r#"process.env.NODE_TLS_REJECT_UNAUTHORIZED = "1""#,
    ),
    // Files, commands.
    (
        File,
        r#"File { api: "fs.readFileSync", access: Read, path: Some("/etc/passwd") }"#,
        r#"require("fs").readFileSync("/etc/passwd")"#,
        r#"my.readFileSync("/etc/passwd")"#,
    ),
    (
        File,
        r#"access: Write, path: Some("/tmp/x") }"#,
        r#"const { promises: p } = require("fs"); await0(p.writeFile("/tmp/x", y))"#,
        r#"const { promises: p } = q; p.writeFile("/tmp/x", y)"#,
    ),
    (
        File,
        "access: Delete",
        r#"import { rm as gone } from "node:fs/promises"; gone(x)"#,
        "rm(x)",
    ),
    (
        Function,
        "access: Read",
        r#"const fs = global.get("fs"); fs.readFile("/x", f)"#,
        r#"const fs = global.get("files"); fs.readFile("/x", f)"#,
    ),
    (
        File,
        r#"Command { api: "child_process.exec", command: Some("rm -rf /") }"#,
        r#"require("child_process").exec("rm -rf /")"#,
        r#"/x/.exec("rm -rf /")"#,
    ),
    (
        File,
        r#"command: Some("ls -l …")"#,
        r#"require("child_process").spawn("ls", ["-l", x])"#,
        r#"spawn("ls", ["-l", x])"#,
    ),
    (
        File,
        r#"Command { api: "child_process.exec""#,
        r#"const run = require("util").promisify(require("child_process").exec); run(x)"#,
        "const run = promisify(exec); run(x)",
    ),
    (
        File,
        r#"Command { api: "child_process.exec", command: Some("id") }"#,
        r#"(function (c) { c.exec("id") })(require("child_process"))"#,
        r#"(function (c) { c.exec("id") })(regex)"#,
    ),
    (
        File,
        r#"command: Some("id") }"#,
        r#"require("child_process").exec.call(null, "id")"#,
        r#"require("child_process").exec.call(null, "no")"#,
    ),
    // Context, credentials, Node-RED.
    (
        Function,
        r#"Context { store: Flow, touch: Read, key: Some("a"), named: None, style: Direct }"#,
        r#"flow.get("a")"#,
        r#"const flow = {}; flow.get("a")"#,
    ),
    (
        Function,
        r#"Context { store: Global, touch: Write, key: Some("a"), named: Some("disk"), style: Callback }"#,
        r#"global.set("a", 1, "disk", () => {})"#,
        r#"global.set("a", 1)"#,
    ),
    (
        Function,
        r#"Context { store: Node, touch: Read, key: Some("a")"#,
        r#"context.get("a")"#,
        r#"contexts.get("a")"#,
    ),
    (
        File,
        r#"Context { store: Flow, touch: Write, key: Some("a")"#,
        r#"this.context().flow.set("a", 1)"#,
        r#"this.flow.set("a", 1)"#,
    ),
    (
        Function,
        r#"touch: Read, key: Some("b"), named: None"#,
        r#"flow.get(["a", "b"])"#,
        r#"flow.get("a", "b")"#,
    ),
    (
        Function,
        r#"store: Flow, touch: Read, key: None"#,
        r#"flow.get("a." + msg.topic)"#,
        r#"flow.get("a" + ".b")"#,
    ),
    (
        Function,
        r#"touch: Write, key: Some("a"), named: Some("disk")"#,
        r##"flow.set("#:(disk)::a", 1)"##,
        r##"flow.set("#disk::a", 1)"##,
    ),
    (
        Function,
        r#"store: Global, touch: List, key: None, named: Some("disk")"#,
        r#"global.keys("disk")"#,
        r#"Object.keys("disk")"#,
    ),
    (
        Function,
        r#"store: Flow, touch: Write, key: Some("a")"#,
        r#"const f = flow; f.set("a", 1)"#,
        r#"const f = flows; f.set("a", 1)"#,
    ),
    (
        Function,
        r#"store: Global, touch: Write, key: Some("a")"#,
        r#"const { global: { set } } = context; set("a", 1)"#,
        r#"const { global: { set } } = contexts; set("a", 1)"#,
    ),
    (
        Function,
        "store: Flow, touch: Write, key: None",
        "f(flow)",
        r#"const f = flow; typeof flow; f.get("a"); const { get } = flow; get("b")"#,
    ),
    (
        Function,
        "store: Global, touch: Write, key: None",
        r#"let c = flow; c = global; c.set("a", 1)"#,
        r#"let c; c = global; c.set("a", 1)"#,
    ),
    (
        Function,
        "store: Flow, touch: Read, key: None",
        r#"["a", "b"].map(flow.get)"#,
        r#"const get = flow.get; get("a")"#,
    ),
    (
        Function,
        "store: Global, touch: Write, key: None",
        "f(context)",
        r#"context.set("a", 1)"#,
    ),
    (
        Function,
        r#"store: Global, touch: Read, key: Some("a")"#,
        r#"RED.util.evaluateNodeProperty("a", "global", node)"#,
        r#"RED.util.evaluateNodeProperty("a", "env", node)"#,
    ),
    (
        File,
        r#"Credentials { api: "this.credentials.password", key: Some("password") }"#,
        "x = this.credentials.password",
        "x = this.credential.password",
    ),
    (
        File,
        r#"Credentials { api: "RED.nodes.getCredentials""#,
        "module.exports = function (R) { R.nodes.getCredentials(id) }",
        "module.exports = function () { R.nodes.getCredentials(id) }",
    ),
    (
        File,
        r#"NodeType { name: Some("my-node"), has_credentials: true }"#,
        r#"module.exports = r => { r.nodes.registerType("my-node", F, { credentials: {} }) }"#,
        r#"module.exports = r => { r.nodes.registerType("my-node", F) }"#,
    ),
    (
        File,
        r#"Route { api: "RED.httpAdmin", method: "get", path: Some("/x"), permission: None }"#,
        r#"module.exports = RED => RED.httpAdmin.get("/x", f)"#,
        r#"module.exports = RED => RED.httpAdmin.get("/x", RED.auth.needsPermission("x.read"), f)"#,
    ),
    (
        File,
        r#"permission: Some("x.read") }"#,
        r#"module.exports = RED => RED.httpAdmin.get("/x", RED.auth.needsPermission("x.read"), f)"#,
        r#"module.exports = RED => RED.httpAdmin.get("/x", f)"#,
    ),
    (
        File,
        r#"Red { api: "RED.settings.userDir", argument: None, touch: Read }"#,
        "module.exports = RED => RED.settings.userDir",
        "module.exports = RED => 1",
    ),
    (
        Page,
        r#"Red { api: "RED.events.on", argument: Some("deploy"), touch: Call }"#,
        r#"RED.events.on("deploy", f)"#,
        r#"red.events.on("deploy", f)"#,
    ),
    // Messages.
    (
        Function,
        r#"Send { api: "return", outputs: First }"#,
        "return msg",
        "f(() => { return msg })",
    ),
    (
        Function,
        r#"Send { api: "return", outputs: Some([1]) }"#,
        "return [null, msg]",
        "return [msg, null]",
    ),
    (
        Function,
        r#"Send { api: "return", outputs: None }"#,
        "return",
        "return msg",
    ),
    (
        Function,
        r#"Send { api: "node.send", outputs: Some([0, 1]) }"#,
        "node.send([msg, [a, b]])",
        "node.send([msg])",
    ),
    (
        Function,
        "Report { level: Error",
        r#"node.error("x")"#,
        r#"console.error("x")"#,
    ),
    (
        Function,
        "Report { level: Status",
        "node.status({})",
        "msg.status({})",
    ),
    (Function, "Done", "node.done()", "done()"),
    (Function, "Throw", "throw new Error()", "'throw'"),
    // Pollution and globals.
    (
        File,
        r#"Pollutes { target: "Object.prototype.x" }"#,
        "Object.prototype.x = 1",
        "Own.prototype.x = 1",
    ),
    (
        File,
        "Pollutes { target: \"Array.prototype\"",
        "Object.defineProperty(Array.prototype, 'x', {})",
        "Object.defineProperty(Own.prototype, 'x', {})",
    ),
    (
        File,
        "Pollutes",
        r#"a["__pro" + "to__"].x = 1"#,
        "a[b].x = 1",
    ),
    (Page, "Pollutes", "window.fetch = f", "my.fetch = f"),
    (Function, r#"Global { name: "x" }"#, "x = 1", "let x; x = 1"),
    // Other doors.
    (
        File,
        r#"Native { api: "require", path: Some("./build/x.node") }"#,
        r#"require("./build/x.node")"#,
        r#"require("./build/x.nodes")"#,
    ),
    (
        File,
        "Native { api: \"process.dlopen\"",
        "process.dlopen(m, f)",
        "x.dlopen(m, f)",
    ),
    (
        File,
        r#"Worker { api: "worker_threads.Worker", file: Some("./w.js") }"#,
        r#"const { Worker } = require("worker_threads"); new Worker("./w.js")"#,
        r#"class Worker {} new Worker("./w.js")"#,
    ),
    (
        File,
        "Wasm",
        "WebAssembly.instantiate(x)",
        "Assembly.instantiate(x)",
    ),
    (
        Page,
        r#"Browser { api: "$.ajaxPrefilter", touch: Call }"#,
        "$.ajaxPrefilter(f)",
        "$.each(f)",
    ),
    (
        Page,
        r#"Browser { api: "document.cookie""#,
        "x = document.cookie",
        "x = document.title",
    ),
    // What hides.
    (
        File,
        r#"HiddenName { name: "require" }"#,
        r"\u0072equire('x')",
        "require('x')",
    ),
    (
        File,
        r#"ComputedName { name: "constructor" }"#,
        r#"x["con" + "structor"]"#,
        r#"x["constructor"]"#,
    ),
    (
        File,
        r#"ComputedName { name: "exec" }"#,
        r#"x[["e", "x", "e", "c"].join("")]"#,
        "x[['e'].join(y)]",
    ),
    (
        File,
        r#"ComputedName { name: "eval" }"#,
        r"x[String.fromCharCode(101, 118, 97, 108)]",
        "x[String.fromCharCode(y)]",
    ),
    (
        File,
        r#"ComputedName { name: "eval" }"#,
        r#"x[atob("ZXZhbA==")]"#,
        "x[atob(y)]",
    ),
    (
        File,
        r#"ComputedName { name: "eval" }"#,
        r#"x[Buffer.from("6576616c", "hex").toString()]"#,
        "x[Buffer.from(y).toString()]",
    ),
    (
        File,
        r#"ComputedName { name: "eval" }"#,
        r#"x["lave".split("").reverse().join("")]"#,
        "x[y.split('').reverse().join('')]",
    ),
    (
        File,
        r#"ComputedName { name: "exec" }"#,
        r#"x["\x65xec"]"#,
        r#"x["exec"]"#,
    ),
    (
        File,
        "Obfuscated { sign: HexNames }",
        "var _0x1a2b, _0x1a2c, _0x1a2d, _0x1a2e, _0x1a2f",
        "var _0x1a2b, a, b, c, d",
    ),
    (
        File,
        r#"Invisible { character: "U+202E" }"#,
        "x = '\u{202e}'",
        "x = 'é'",
    ),
];

#[test]
fn every_fact_is_told_where_it_is_true_and_only_there() {
    let mut wrong = Vec::new();
    for (how, fact, fires, quiet) in PAIRS {
        let (yes, no) = (facts(*how, fires), facts(*how, quiet));
        if !told(&yes).iter().any(|one| one.contains(fact)) {
            wrong.push(format!(
                "{fires}\n  lacks {fact}\n  has {:?} {:?}",
                told(&yes),
                yes.parsed
            ));
        }
        if told(&no).iter().any(|one| one.contains(fact)) {
            wrong.push(format!(
                "{quiet}\n  must not have {fact}\n  has {:?}",
                told(&no)
            ));
        }
        if yes.is_cut || no.is_cut {
            wrong.push(format!("{fires}: cut"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn libs_are_modules() {
    let libs = vec![Lib {
        name: "run".into(),
        module: "child_process".into(),
    }];
    let how = How {
        part: Part::Setup,
        libs,
    };
    let facts = script::function("run.exec('id')", &how);
    assert!(told(&facts)[0].starts_with("Command"), "{:?}", told(&facts));
}

#[test]
fn places_count_in_the_code_that_was_given() {
    let facts = script::function("let é = 1;\n  é; eval(x)", &How::default());
    let one = &facts.uses[0];
    assert_eq!(
        (one.place.line, one.place.column, one.snippet.as_str()),
        (2, 6, "eval(x)")
    );
    assert_eq!(
        &"let é = 1;\n  é; eval(x)"[one.place.start..one.place.end],
        "eval(x)"
    );
}

#[test]
fn texts_have_names_and_are_put_together() {
    let facts = script::file(
        r#"const password = "x1"; f({ host: "a" + ".b", k: `u${v}w` }); o.token = 'z'"#,
    );
    let texts: Vec<_> = facts
        .strings
        .iter()
        .map(|one| (one.name.as_deref(), one.text.as_str()))
        .collect();
    for wanted in [
        (Some("password"), "x1"),
        (Some("host"), "a.b"),
        (Some("k"), "u…w"),
        (Some("token"), "z"),
    ] {
        assert!(texts.contains(&wanted), "{wanted:?} in {texts:?}");
    }
}

#[test]
fn comments_are_kept() {
    let facts = script::function("// one\n/* two */ x", &How::default());
    let texts: Vec<_> = facts.comments.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(texts, [" one", " two "]);
}
