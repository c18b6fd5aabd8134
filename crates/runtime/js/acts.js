// Who acts, in Node-RED's log: a line for each request that is more than a look. Node-RED's own
// audit log has none for inject and debug, and one for every look.
"use strict";

const LOOKS = new Set(["GET", "HEAD", "OPTIONS"]);
const PATH_CHARS_MAX = 200;

exports.middleware = (request, response, next) => {
    if (!LOOKS.has(request.method)) {
        response.on("finish", () => {
            // Asked for further on, and not where a flow answers: those are the plant's own affair.
            if (!request.user) return;
            const { log } = require.main.require("@node-red/util");
            // Never the query: it may hold what somebody typed.
            const path = request.originalUrl.split("?", 1)[0].slice(0, PATH_CHARS_MAX);
            log.info(`${request.user.username}: ${request.method} ${path} (${response.statusCode})`);
        });
    }
    next();
};
