// Node-RED's storage module: flows, credentials and settings come from and go to Redkeep, over the
// bridge's Unix socket. Library entries stay in the user directory.
//
// Nothing here protects anything: in-process code can replace it. What is saved is judged at the
// other end of the socket.
"use strict";

const fs = require("node:fs/promises");
const http = require("node:http");
const path = require("node:path");

const ANSWER_BYTES_MAX = 80 * 1024 * 1024;
const TIMEOUT_MS = 120 * 1000;

exports.over = (socketPath) => {
    const call = (method, route, body, headers = {}) =>
        new Promise((resolve, reject) => {
            // A connection each: a kept one may be closed just as a save is sent over it.
            const options = { socketPath, agent: false, method, path: route, headers, timeout: TIMEOUT_MS };
            if (body !== undefined) {
                headers["content-type"] = "application/json";
                headers["content-length"] = Buffer.byteLength(body);
            }
            const request = http.request(options, (answer) => {
                const chunks = [];
                let size = 0;
                answer.on("data", (chunk) => {
                    size += chunk.length;
                    if (size > ANSWER_BYTES_MAX) request.destroy(new Error("the answer is too large"));
                    else chunks.push(chunk);
                });
                answer.on("error", reject);
                answer.on("end", () => {
                    const text = Buffer.concat(chunks).toString("utf8");
                    if (answer.statusCode < 300) resolve(text);
                    else reject(refusal(answer.statusCode, text));
                });
            });
            request.on("timeout", () => request.destroy(new Error("Redkeep did not answer in time")));
            request.on("error", reject);
            request.end(body);
        });

    const get = async (route) => JSON.parse(await call("GET", route));
    let library;

    return {
        init: async (settings, runtime) => {
            library = require.main.require("@node-red/runtime/lib/storage/localfilesystem/library");
            await library.init(settings, runtime);
            // Node-RED's own storage makes one, and other parts of it expect one.
            const empty = JSON.stringify({ name: "node-red-project", version: "0.0.1", private: true });
            await fs.writeFile(path.join(settings.userDir, "package.json"), empty);
        },

        getFlows: () => get("/flows"),
        saveFlows: async (flows, user) => {
            const name = user && typeof user.username === "string" ? user.username : "";
            const headers = name
                ? { "x-redkeep-user": Buffer.from(name.slice(0, 64), "utf8").toString("base64url") }
                : {};
            await call("POST", "/flows", JSON.stringify(flows), headers);
        },
        getCredentials: () => get("/credentials"),
        saveCredentials: async (credentials) => {
            await call("POST", "/credentials", JSON.stringify(credentials || {}));
        },
        getSettings: () => get("/settings"),
        saveSettings: async (settings) => {
            await call("POST", "/settings", JSON.stringify(settings));
        },

        // Who is logged in is the gate's business: Node-RED has no sessions of its own.
        getSessions: async () => ({}),
        saveSessions: async () => {},

        getLibraryEntry: (type, name) => library.getLibraryEntry(type, name),
        saveLibraryEntry: (type, name, meta, body) => library.saveLibraryEntry(type, name, meta, body),
    };
};

const refusal = (status, text) => {
    let message = "Redkeep answered " + status;
    try {
        message = JSON.parse(text).message || message;
    } catch {
        // not JSON: the status says enough
    }
    const error = new Error(message);
    error.status = status;
    if (status === 403) error.code = "approval_required";
    // Node-RED prints it, and relays it to every open editor.
    error.stack = message;
    return error;
};
