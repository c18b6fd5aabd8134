// Node-RED's settings inside the jail. Redkeep writes this file, and Node-RED cannot.
//
// No secret is in it or beside it: in-process code reads all of this.
"use strict";

const fs = require("node:fs");
const path = require("node:path");

const own = JSON.parse(fs.readFileSync(path.join(__dirname, "redkeep.json"), "utf8"));
const acts = require("./acts.js");
const identity = require("./identity.js");
const storage = require("./storage.js");

module.exports = {
    // A path instead of a number: Node-RED listens on this Unix socket and on no TCP port.
    uiPort: own.socket,
    userDir: own.userDir,
    httpAdminRoot: "/",
    httpNodeRoot: "/",

    // Without a `type` there is no login form: the gate alone says who somebody is.
    adminAuth: {
        tokenHeader: own.identityHeader,
        tokens: identity.verifier(own.identityKey),
    },

    httpAdminMiddleware: acts.middleware,

    // In clear over the bridge and never on the jail's disk; Redkeep seals them.
    credentialSecret: false,
    storageModule: storage.over(own.bridge),
    contextStorage: {
        default: { module: "memory" },
        file: { module: "localfilesystem" },
    },

    externalModules: {
        autoInstall: false,
        palette: { allowInstall: false, allowUpload: false, allowUpdate: false },
        modules: { allowInstall: false },
    },
    functionExternalModules: false,
    functionGlobalContext: {},
    exportGlobalContextKeys: false,

    // The top-level key pins it: without, one user's POST /settings/user turns telemetry on for all.
    telemetryEnabled: false,
    telemetry: { enabled: false, updateNotification: false },
    runtimeState: { enabled: false, ui: false },
    diagnostics: { enabled: false, ui: false },

    // The gate bounds what people send; what Redkeep itself gives may be larger than the usual 5 MB.
    apiMaxLength: "64mb",
    logging: { console: { level: "info", metrics: false, audit: false } },

    editorTheme: {
        projects: { enabled: false },
        tours: false,
        palette: { catalogues: [] },
        deployButton: { type: "default", label: "Propose" },
    },
};
