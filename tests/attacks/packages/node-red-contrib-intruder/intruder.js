// Every attempt gives {name: "done …" or the error's code}. Nothing here is specific to the test:
// it is what such a node does wherever it is installed.
const attempts = {
    /** Flows set with Node-RED's own words, by a forged person. */
    async set_flows({ require }) {
        const runtime = require("@node-red/runtime");
        const flows = [{ id: "intruder1", type: "tab", label: "Intruder" }];
        const users = { forged: { username: "ada", permissions: "*" }, nobody: undefined };
        const out = {};
        for (const [name, user] of Object.entries(users)) {
            out[name] = await tell(() => runtime.flows.setFlows({ user, flows: { flows }, deploymentType: "full", req: {} }));
        }
        out.add = await tell(() => runtime.flows.addFlow({ user: users.forged, flow: { label: "Intruder", nodes: [] }, req: {} }));
        const storage = require("@node-red/runtime/lib/storage");
        out.storage = await tell(() => storage.saveFlows({ flows, credentials: {}, credentialsDirty: true }, users.forged));
        return out;
    },

    /** Files that decide what runs, and what Node-RED is. */
    async write_files({ require, process }) {
        const fs = require("fs"), path = require("path");
        const settings = require.main.require("node-red").settings;
        const here = path.dirname(settings.settingsFile || process.argv[process.argv.length - 1] || "/");
        const modules = path.dirname(path.dirname(require.resolve("node-red")));
        const out = {};
        const targets = {
            settings: settings.settingsFile || path.join(here, "settings.js"),
            flows: path.join(here, "flows.json"),
            above: path.join(here, "..", "flows.json"),
            credentials: path.join(here, "flows_cred.json"),
            node_red: path.join(modules, "node-red", "red.js"),
            runtime: require.resolve("@node-red/runtime"),
            module: path.join(modules, "node-red-contrib-evil", "index.js"),
            node: process.execPath,
            etc: "/etc/cron.d/evil",
            root: "/evil",
        };
        for (const [name, file] of Object.entries(targets)) {
            out[name] = await tell(() => { fs.mkdirSync(path.dirname(file), { recursive: true }); fs.writeFileSync(file, "evil"); });
            out[name + "_mode"] = await tell(() => fs.chmodSync(file, 0o777));
            out[name + "_swap"] = await tell(() => { fs.renameSync(file, file + ".old"); fs.writeFileSync(file, "evil"); });
        }
        return out;
    },

    /** Redkeep's data, keys and secrets, by every name that may lead there. */
    async read_secrets({ require, process }, data) {
        const fs = require("fs"), path = require("path");
        const out = {};
        const names = ["", "redkeep.db", "redkeep.db-wal", "keys", "keys/master", "tls", "tls/ca.pem", "tls/authority.json", "redkeep.lock", "run", "run/control.sock", "instances", "redkeep.toml"];
        for (const name of names) {
            const file = path.join(data, name);
            out[name || "."] = await tell(() => { const it = fs.statSync(file); return it.isDirectory() ? fs.readdirSync(file).join() : fs.readFileSync(file).length; });
        }
        for (const pid of [1, process.ppid, ...range(process.pid - 30, process.pid + 5)]) {
            if (pid <= 0 || pid === process.pid) continue;
            // Its own threads have numbers, too.
            if ((await tell(() => fs.readFileSync(`/proc/${pid}/status`, "utf8"))).includes(`Tgid:\t${process.pid}\n`)) continue;
            for (const file of ["root/etc/shadow", "environ", "mem", "fd", "maps", "cwd/redkeep.db"]) {
                const name = `/proc/${pid}/${file}`;
                const how = await tell(() => { const it = fs.statSync(name); return it.isDirectory() ? fs.readdirSync(name).join() : fs.openSync(name, "r"); });
                if (how.startsWith("done")) out[name] = how;
            }
        }
        out.shadow = await tell(() => fs.readFileSync("/etc/shadow").length);
        out.home = await tell(() => fs.readdirSync("/root").join());
        const settings = require.main.require("node-red").settings;
        out.credential_secret = settings.credentialSecret ? "done " + typeof settings.credentialSecret : "none";
        out.environment = Object.keys(process.env).join();
        return out;
    },

    /** A command, by every way Node.js knows. */
    async run_command({ require, process }) {
        const child = require("child_process");
        const out = {};
        const run = (name, what) => { out[name] = tell(what); };
        run("exec", () => child.execSync("id").toString());
        run("spawn", () => check(child.spawnSync("/bin/sh", ["-c", "id"])));
        run("file", () => child.execFileSync("/usr/bin/id").toString());
        run("node", () => child.execFileSync(process.execPath, ["-e", "console.log(1)"]).toString());
        run("inner", () => child.execFileSync(process.execPath, ["-e", "process.stdout.write(require('child_process').execFileSync('/bin/sh', ['-c', 'id']))"], { stdio: "pipe" }).toString());
        run("fork", () => new Promise((resolve, reject) => { const it = child.fork("/dev/null"); it.on("error", reject); it.on("exit", (code) => code === 0 ? resolve("ran") : reject(Error("exit " + code))); }));
        run("own", () => { const fs = require("fs"), os = require("os"), path = require("path"); const file = path.join(os.tmpdir(), "evil.sh"); fs.writeFileSync(file, "#!/bin/sh\nid\n", { mode: 0o755 }); return child.execFileSync(file).toString(); });
        for (const name of Object.keys(out)) out[name] = await out[name];
        return out;
    },

    /** A port of its own, and the admin API on it. */
    async listen({ require }) {
        const net = require("net"), http = require("http"), dgram = require("dgram");
        const out = {};
        const listening = (server, ...at) => new Promise((resolve, reject) => { server.on("error", reject); server.listen(...at, () => { const port = JSON.stringify(server.address()); resolve(port); }); });
        out.admin = await tell(() => listening(http.createServer((req, res) => res.end("admin")), 1880, "127.0.0.1"));
        out.any = await tell(() => listening(net.createServer(), 0, "0.0.0.0"));
        out.six = await tell(() => listening(net.createServer(), 0, "::1"));
        out.udp = await tell(() => new Promise((resolve, reject) => { const it = dgram.createSocket("udp4"); it.on("error", reject); it.bind(0, () => { it.close(); resolve("bound"); }); }));
        out.connect = await tell(() => new Promise((resolve, reject) => { const it = net.connect(1880, "127.0.0.1", () => resolve("connected")); it.on("error", reject); }));
        return out;
    },

    /** The supervisor and everything else that runs. */
    async signal({ process, require }, supervisor) {
        const fs = require("fs");
        const out = {};
        for (const pid of [supervisor, process.ppid, 1, -1].filter((it) => it && it !== process.pid)) {
            for (const name of [0, "SIGSTOP", "SIGKILL"]) {
                if (pid === -1 && name !== 0) continue;
                // In a process namespace of its own, 1 is the jail's own init.
                out[`${pid} ${name}`] = await tell(() => process.kill(pid, name));
            }
            out[`${pid} mem`] = await tell(() => fs.openSync(`/proc/${pid}/mem`, "r+"));
            out[`${pid} inspect`] = await tell(() => process._debugProcess(pid));
        }
        return out;
    },

    /** Other Unix sockets: Redkeep's control socket, the bridge by another name, one of a stranger. */
    async sockets({ require }, paths) {
        const net = require("net");
        const out = {};
        for (const path of paths) {
            out[path] = await tell(() => new Promise((resolve, reject) => { const it = net.connect({ path }, () => { it.destroy(); resolve("connected"); }); it.on("error", reject); }));
        }
        return out;
    },
};

const range = (from, to) => Array.from({ length: to - from }, (_, at) => from + at);

function check(ended) {
    if (ended.error) throw ended.error;
    return ended.stdout.toString();
}

async function tell(what) {
    try {
        const done = await what();
        return "done " + (done === undefined ? "" : done);
    } catch (error) {
        return String(error.code || error.message || error);
    }
}

module.exports = function (RED) {
    RED.nodes.registerType("intruder", function (config) {
        RED.nodes.createNode(this, config);
        this.on("input", async (msg, send, done) => {
            msg.payload = await attempts[config.attempt]({ require, process }, config.argument);
            send(msg);
            done();
        });
    });
};
module.exports.attempts = attempts;
