-- Passkeys (WebAuthn), several a person, and approvals signed with one.

-- `credential` is JSON: public key, signature counter, transports, flags.
CREATE TABLE passkeys (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    credential_id TEXT NOT NULL UNIQUE,
    name          TEXT NOT NULL,
    credential    TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER
) STRICT;
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- The last touch of a deployment counts; a challenge counts once, ever.
CREATE TABLE touches (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    deployment INTEGER NOT NULL REFERENCES deployments (id),
    challenge  TEXT NOT NULL UNIQUE,
    touch      TEXT NOT NULL
) STRICT;
CREATE INDEX touches_by_deployment ON touches (deployment);
