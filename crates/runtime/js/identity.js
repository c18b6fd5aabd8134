// Who acts, as the gate says it: base64url(JSON {u, p, exp}) "." base64url(Ed25519 signature).
"use strict";

const crypto = require("node:crypto");

const TOKEN_CHARS_MAX = 4096;
const VERIFIED_MAX = 256;
// The gate signs for 60 seconds; clocks are the same machine's.
const LIFETIME_SECONDS_MAX = 120;

// A function for `adminAuth.tokens`: the user, or null. Node-RED calls it on every request, so
// tokens that were verified are remembered until they expire.
exports.verifier = (publicKey) => {
    const key = crypto.createPublicKey({
        key: { kty: "OKP", crv: "Ed25519", x: publicKey },
        format: "jwk",
    });
    const verified = new Map();

    const verify = (token) => {
        const [payload, signature, ...rest] = token.split(".");
        if (!payload || !signature || rest.length > 0) return null;
        const signed = crypto.verify(
            null,
            Buffer.from(payload, "latin1"),
            key,
            Buffer.from(signature, "base64url"),
        );
        return signed ? JSON.parse(Buffer.from(payload, "base64url").toString("utf8")) : null;
    };

    const isCurrent = (said, now) =>
        typeof said.exp === "number" && said.exp > now && said.exp <= now + LIFETIME_SECONDS_MAX;

    return async (token) => {
        if (typeof token !== "string" || token.length > TOKEN_CHARS_MAX) return null;
        const now = Date.now() / 1000;
        let said = verified.get(token);
        if (said === undefined) {
            try {
                said = verify(token);
            } catch {
                said = null;
            }
            if (said === null || !isCurrent(said, now)) return null;
            if (verified.size >= VERIFIED_MAX) verified.delete(verified.keys().next().value);
            verified.set(token, said);
        }
        if (!isCurrent(said, now)) {
            verified.delete(token);
            return null;
        }
        return { username: said.u, permissions: said.p };
    };
};
