// Asks a real Node-RED's routers which of their handlers they would take for a request: the routes are
// all there, with those of the core nodes, but in the place of each handler stands a note.
//
// node express.js MODULES USER_DIR < [[method, target], ...] > [null or [method, pattern], ...]
"use strict";
const http = require("http");
const path = require("path");
const [modules, userDir] = process.argv.slice(2);
const Route = require(path.join(modules, "express/lib/router/route.js"));
const Layer = require(path.join(modules, "express/lib/router/layer.js"));

for (const verb of ["all", ...http.METHODS.map((method) => method.toLowerCase())]) {
    const original = Route.prototype[verb];
    if (!original) continue;
    Route.prototype[verb] = function () {
        const result = original.apply(this, arguments);
        for (const layer of this.stack) {
            layer.ofRoute = this;
            layer.verb = layer.method || "all";
        }
        return result;
    };
}
let isAsking = false;
const real = Layer.prototype.handle_request;
Layer.prototype.handle_request = function (request, response, next) {
    if (!isAsking) {
        real.call(this, request, response, next);
    } else if (this.ofRoute) {
        request.taken([this.verb, String(this.ofRoute.path)]);
    } else if (this.route || ["router", "mounted_app", "expressInit"].includes(this.name)) {
        this.handle(request, response, next);
    } else {
        // Logins, body parsers and the like: they let it pass.
        next();
    }
};
Layer.prototype.handle_error = (error, request, response, next) => next(error);

const server = http.createServer();
const RED = require(path.join(modules, "node-red"));
RED.init(server, {
    userDir,
    httpAdminRoot: "/",
    httpNodeRoot: "/",
    // So that Node-RED's own login routes are there, and those of projects.
    adminAuth: { type: "credentials", users: [] },
    editorTheme: { projects: { enabled: true }, tours: false },
    telemetry: { enabled: false, updateNotification: false },
    logging: { console: { level: "off" } },
    flowFile: "flows.json",
});

function ask([method, url]) {
    let answer = null;
    const request = Object.create(http.IncomingMessage.prototype);
    Object.assign(request, { method, url, headers: {}, taken: (found) => (answer = answer || found) });
    RED.httpAdmin.handle(request, new http.ServerResponse({ method, httpVersionMajor: 1, httpVersionMinor: 1 }), () => {});
    return answer;
}

async function questions() {
    let text = "";
    for await (const piece of process.stdin.setEncoding("utf8")) text += piece;
    return JSON.parse(text);
}

Promise.all([questions(), RED.start()]).then(([asked]) => {
    isAsking = true;
    process.stdout.write(JSON.stringify(asked.map(ask)), () => process.exit(0));
}, (error) => {
    process.stderr.write(String(error && error.stack));
    process.exit(1);
});
