// How long the editor takes to open, in a real browser over a slow link: Node-RED directly, nginx in
// front of it, and the gate, side by side in one run.
//
//     NODE benches/opening/opening.js --redkeep target/release/redkeep --shelf FOLDER [--rounds 3]
//
// NODE is the Node.js in the shelf's tree (22 or later), FOLDER a data directory, or what the tests left
// in target/test-data: its `trees` and `cache` are linked, so that nothing is fetched. Needs Debian's
// `chromium` and `nginx-light`. Speaks to 127.0.0.1 alone.
//
// The link is a relay with a token bucket for each direction, shared by all connections, a delay, and one
// round trip for each new connection. It has no packets: no loss and no slow start, for nobody. "Ready" is the Deploy
// button to be seen and the loader gone; "all" is two seconds without a request, less those two.
"use strict";

const { execFileSync, spawn } = require("node:child_process");
const { createHash, X509Certificate } = require("node:crypto");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const tls = require("node:tls");

const LINKS = {
    cellular: { down: 2e6, up: 0.5e6, delay: 60 },
    loopback: { down: Infinity, up: Infinity, delay: 0 },
};
/// IP, TCP and their like on top of what is sent.
const OVERHEAD = 1.04;
const PIECE = 1448;
const QUEUE = 64 * 1024;
const PATIENCE = 180_000;
const PASSWORD = "tupelo gantry 92 quay";
const started = [];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const options = Object.fromEntries(
    process.argv.slice(2).join(" ").split("--").filter(Boolean).map((it) => it.trim().split(" ")),
);
const rounds = Number(options.rounds || 3);
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rk"));

function start(program, args, how = {}) {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "ignore"], ...how });
    started.push(child);
    return child;
}

async function until(what, isSo) {
    for (const since = Date.now(); Date.now() - since < PATIENCE; await pause(50)) {
        const answer = await isSo();
        if (answer) return answer;
    }
    throw new Error(`still not: ${what}`);
}

/// One direction of the link.
class Way {
    constructor(rate, delay) {
        Object.assign(this, { rate, delay, free: 0, queue: [], queued: 0, bytes: 0, timer: null });
    }

    take(data, from, to, extra) {
        if (this.rate === Infinity) {
            this.bytes += data.length;
            to.write(data);
            return;
        }
        for (let at = 0; at < data.length; at += PIECE) {
            const piece = data.subarray(at, at + PIECE);
            this.free = Math.max(this.free, performance.now()) + (piece.length * OVERHEAD * 8e3) / this.rate;
            this.queue.push({ piece, to, due: this.free + this.delay + extra });
            this.bytes += piece.length;
            this.queued += piece.length;
        }
        if (this.queued > QUEUE) from.pause();
        this.froms = (this.froms || new Set()).add(from);
        this.run();
    }

    run() {
        if (this.timer) return;
        while (this.queue.length > 0 && this.queue[0].due <= performance.now()) {
            const { piece, to } = this.queue.shift();
            this.queued -= piece.length;
            if (!to.destroyed) to.write(piece);
        }
        if (this.queued <= QUEUE / 2) this.froms?.forEach((from) => from.resume());
        if (this.queue.length > 0) {
            const wait = Math.max(0, this.queue[0].due - performance.now());
            this.timer = setTimeout(() => ((this.timer = null), this.run()), wait);
        }
    }
}

/// A relay to a port, over a link.
async function relay(port, { down, up, delay }) {
    const ways = { down: new Way(down, delay), up: new Way(up, delay) };
    const server = net.createServer((client) => {
        const far = net.connect(port, "127.0.0.1");
        // The handshake of a connection is a round trip before the first byte.
        const opened = performance.now() + 2 * delay;
        client.on("data", (data) => {
            ways.up.take(data, client, far, Math.max(0, opened - performance.now()));
        });
        far.on("data", (data) => ways.down.take(data, far, client, 0));
        for (const [one, other] of [[client, far], [far, client]]) {
            one.on("error", () => other.destroy());
            one.on("close", () => setTimeout(() => other.destroy(), 4 * delay + 2000));
        }
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { port: server.address().port, ways, close: () => server.close() };
}

async function freePort() {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
}

const answers = (port) =>
    new Promise((resolve) => {
        const socket = net.connect(port, "127.0.0.1", () => (socket.destroy(), resolve(true)));
        socket.on("error", () => resolve(false));
    });

/// Node-RED as its documentation starts it.
async function bare(tree) {
    const port = await freePort();
    const user = path.join(folder, "bare");
    fs.mkdirSync(user);
    const flows = [{ id: "t1", type: "tab", label: "Bench" }, { id: "c1", type: "comment", z: "t1", name: "hello", x: 100, y: 100, wires: [] }];
    fs.writeFileSync(path.join(user, "flows.json"), JSON.stringify(flows));
    const settings = { uiPort: port, uiHost: "127.0.0.1", flowFile: "flows.json", credentialSecret: false, telemetry: { enabled: false, updateNotification: false }, externalModules: { palette: { allowInstall: false } }, editorTheme: { tours: false, palette: { catalogues: [] } } };
    fs.writeFileSync(path.join(user, "settings.js"), `module.exports = ${JSON.stringify(settings)}`);
    const red = path.join(tree, "node_modules/node-red/red.js");
    start(path.join(tree, "node/bin/node"), [red, "--settings", path.join(user, "settings.js"), "--userDir", user], { env: { HOME: user } });
    await until("Node-RED answers", () => answers(port));
    await pause(2000);
    return port;
}

/// nginx as somebody who knows it sets it up.
async function nginx(upstream) {
    const port = await freePort();
    const home = path.join(folder, "nginx");
    fs.mkdirSync(home);
    const key = path.join(home, "key.pem");
    const cert = path.join(home, "cert.pem");
    execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert], { stdio: "ignore" });
    const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((it) => `${it}_temp_path ${home}/${it};`).join(" ");
    fs.writeFileSync(path.join(home, "nginx.conf"), `daemon off; worker_processes 1; ${process.getuid() === 0 ? "user root;" : ""} pid ${home}/pid; error_log ${home}/error.log;
events {} http { access_log off; ${temp}
  gzip on; gzip_comp_level 6; gzip_proxied any; gzip_min_length 1024; gzip_vary on;
  gzip_types text/css text/plain text/javascript application/javascript application/json image/svg+xml;
  map $http_upgrade $connection_wish { default upgrade; '' ''; }
  upstream red { server 127.0.0.1:${upstream}; keepalive 64; }
  server { listen 127.0.0.1:${port} ssl http2; ssl_certificate ${cert}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;
    location / { proxy_pass http://red; proxy_http_version 1.1; proxy_set_header Host $http_host; proxy_buffers 16 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_wish; } } }`);
    start("nginx", ["-e", path.join(home, "error.log"), "-c", path.join(home, "nginx.conf")]);
    await until("nginx listens", () => answers(port));
    return port;
}

/// A real `redkeep up` with one person.
async function redkeep(shelf) {
    const data = path.join(folder, "d");
    fs.mkdirSync(data);
    for (const part of ["trees", "cache"]) execFileSync("cp", ["-al", path.join(shelf, part), path.join(data, part)]);
    const child = start(options.redkeep, ["up", "--json", "--listen", "127.0.0.1:0", "--console-listen", "127.0.0.1:0", "--data-dir", data]);
    let said = "";
    child.stdout.on("data", (text) => (said += text));
    const ready = JSON.parse(await until("redkeep is ready", () => said.includes("\n") && said.split("\n")[0]));
    execFileSync(options.redkeep, ["--data-dir", data, "user", "add", "bench", "--role", "editor", "--password-stdin", "--no-second-factor"], { input: `${PASSWORD}\n`, stdio: ["pipe", "ignore", "inherit"] });
    const copies = () => fs.readdirSync(path.join(data, "cache/editor")).filter((name) => name.endsWith(".11.br")).length;
    const known = { count: -1, since: 0 };
    console.error("waiting until the editor's files are compressed");
    while (known.count < 100 || Date.now() - known.since < 45_000) {
        if (copies() !== known.count) Object.assign(known, { count: copies(), since: Date.now() });
        await pause(500);
        if (Date.now() - begun > Number(options.fill || 600) * 1000) break;
    }
    console.error(`${known.count} files are compressed as well as can be`);
    return Number(new URL(ready.editor).port);
}
const begun = Date.now();

/// The pin of what a port shows, or none: Chromium keeps nothing it had over a certificate it does not trust.
const pin = (port) =>
    new Promise((resolve, reject) => {
        const socket = tls.connect({ port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false }, () => {
            const shown = new X509Certificate(socket.getPeerCertificate(true).raw);
            socket.destroy();
            resolve(createHash("sha256").update(shown.publicKey.export({ type: "spki", format: "der" })).digest("base64"));
        });
        socket.on("error", reject);
    });

/// A browser on a profile, spoken to over its own protocol.
async function browser(profile, rules, pins) {
    fs.rmSync(path.join(profile, "DevToolsActivePort"), { force: true });
    const child = start("chromium", ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run", "--lang=en-US", "--accept-lang=en-US,en", "--window-size=1280,900", "--remote-debugging-port=0", `--user-data-dir=${profile}`, `--host-resolver-rules=${rules}`, `--ignore-certificate-errors-spki-list=${pins.join(",")}`, "about:blank"]);
    const file = path.join(profile, "DevToolsActivePort");
    const port = await until("Chromium listens", () => fs.existsSync(file) && fs.readFileSync(file, "utf8").split("\n")[0]);
    const pages = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
    const socket = new WebSocket(pages.find((it) => it.type === "page").webSocketDebuggerUrl);
    await new Promise((resolve) => (socket.onopen = resolve));
    const waiting = new Map();
    const seen = { count: 0, last: 0, open: new Set(), unchanged: 0, cached: 0 };
    let id = 0;
    socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.id) waiting.get(message.id)?.(message.result);
        const { method, params } = message;
        if (method?.startsWith("Network.")) seen.last = performance.now();
        if (method === "Network.requestWillBeSent" && params.request.url.startsWith("http")) {
            seen.count += 1;
            seen.open.add(params.requestId);
        }
        if (method === "Network.responseReceived" && params.response.fromDiskCache) seen.cached += 1;
        if (method === "Network.responseReceivedExtraInfo" && params.statusCode === 304) seen.unchanged += 1;
        if (method === "Network.loadingFinished" || method === "Network.loadingFailed") seen.open.delete(params.requestId);
    };
    const ask = (method, params = {}) =>
        new Promise((resolve) => {
            waiting.set((id += 1), resolve);
            socket.send(JSON.stringify({ id, method, params }));
        });
    const evaluate = async (expression) => (await ask("Runtime.evaluate", { expression, returnByValue: true }))?.result?.value;
    await ask("Network.enable");
    await ask("Page.enable");
    const close = async () => {
        const ended = new Promise((resolve) => child.once("exit", resolve));
        await Promise.race([ask("Browser.close"), pause(2000)]);
        await Promise.race([ended, pause(5000).then(() => child.kill())]);
    };
    return { ask, evaluate, seen, close };
}

const IS_READY = `(() => {
    const shown = (it) => it && it.getClientRects().length > 0;
    return Boolean(shown(document.querySelector("#red-ui-header-button-deploy")) && !shown(document.querySelector("#red-ui-loading-progress")));
})()`;

async function visit(door, link, profile, isCold) {
    const line = await relay(door.port, link);
    const b = await browser(profile, `MAP localhost:${door.port} 127.0.0.1:${line.port}`, door.pins);
    if (isCold) await b.ask("Network.clearBrowserCache");
    // A session's cookie ends with the browser.
    if (door.cookies) await b.ask("Network.setCookies", { cookies: door.cookies });
    const since = performance.now();
    b.ask("Page.navigate", { url: door.url });
    await until(`${door.name} is ready`, () => b.evaluate(IS_READY));
    const ready = performance.now() - since;
    const atReady = line.ways.down.bytes;
    await until(`${door.name} is at rest`, () => b.seen.open.size === 0 && performance.now() - b.seen.last > 2000);
    const all = b.seen.last - since;
    const { count, unchanged, cached } = b.seen;
    await b.close();
    line.close();
    return { ready, all, atReady, bytes: line.ways.down.bytes, count, unchanged, cached };
}

/// Opens a session at the gate: what is measured is the editor, not the login.
async function logIn(door, profile) {
    const b = await browser(profile, "", door.pins);
    await b.ask("Page.navigate", { url: door.url });
    await until("the login's page", () => b.evaluate(`Boolean(document.querySelector("input[type=password]"))`));
    await b.evaluate(`(() => {
        const field = (it) => document.querySelector(it);
        field("input[type=password]").value = ${JSON.stringify(PASSWORD)};
        field("input[name=name], input[name=user], input[autocomplete=username], input[type=text]").value = "bench";
        field("input[type=password]").form.submit();
    })()`);
    await until("the editor after the login", () => b.evaluate(IS_READY));
    const { cookies } = await b.ask("Network.getCookies", { urls: [door.url] });
    await b.close();
    return cookies.map(({ name, value }) => ({ name, value, url: door.url, path: "/", secure: true, httpOnly: true }));
}

const median = (list) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

async function main() {
    const trees = fs.readdirSync(path.join(options.shelf, "trees")).map((it) => path.join(options.shelf, "trees", it));
    const tree = trees.find((it) => fs.existsSync(path.join(it, "node_modules/node-red/red.js")));
    const red = await bare(tree);
    const front = await nginx(red);
    const gate = await redkeep(options.shelf);
    const doors = [
        { name: "Node-RED", url: `http://localhost:${red}/`, port: red, pins: [] },
        { name: "nginx", url: `https://localhost:${front}/`, port: front, pins: [await pin(front)] },
        { name: "gate", url: `https://localhost:${gate}/`, port: gate, pins: [await pin(gate)] },
    ];
    const profile = (door) => path.join(folder, `profile-${door.name}`);
    for (const door of doors) fs.mkdirSync(profile(door));
    doors[2].cookies = await logIn(doors[2], profile(doors[2]));
    for (const name of (options.links || "cellular,loopback").split(",")) {
        const found = new Map();
        for (let round = 0; round < rounds; round += 1) {
            for (const door of doors) {
                for (const isCold of [true, false]) {
                    const key = `${door.name} ${isCold ? "cold" : "warm"}`;
                    const seen = await visit(door, LINKS[name], profile(door), isCold);
                    console.error(name, key, JSON.stringify(seen));
                    found.set(key, [...(found.get(key) || []), seen]);
                }
            }
        }
        console.log(`| ${name} | ready s (each) | all s | kB down until ready | kB down | requests | answered 304 | from disk |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |`);
        for (const [key, list] of found) {
            const of = (field, by, digits) => (median(list.map((it) => it[field])) / by).toFixed(digits);
            const each = list.map((it) => (it.ready / 1e3).toFixed(2)).toSorted().join(", ");
            console.log(`| ${key} | **${of("ready", 1e3, 2)}** (${each}) | ${of("all", 1e3, 1)} | ${of("atReady", 1e3, 0)} | ${of("bytes", 1e3, 0)} | ${of("count", 1, 0)} | ${of("unchanged", 1, 0)} | ${of("cached", 1, 0)} |`);
        }
    }
}

main()
    .catch((error) => {
        console.error(error);
        process.exitCode = 1;
    })
    .finally(async () => {
        for (const child of started) child.kill("SIGTERM");
        await pause(3000);
        execFileSync("sh", ["-c", 'find "$0" -type d -exec chmod u+w {} + ; rm -rf "$0"', folder]);
        process.exit();
    });
