-- The ledger's first shape. Times are milliseconds since 1970; digests are lower-case hexadecimal.

CREATE TABLE audit (
    sequence  INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    instance  TEXT,
    user_name TEXT,
    text      TEXT NOT NULL,
    previous  TEXT NOT NULL,
    link      TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_kind ON audit (kind, sequence);
CREATE INDEX audit_by_instance ON audit (instance, sequence);
CREATE INDEX audit_by_user ON audit (user_name, sequence);

-- A mistake of ours must not rewrite the record. A hand in the file is found by the chain.
CREATE TRIGGER audit_is_not_edited BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit record is append-only'); END;

CREATE TABLE audit_heads (
    sequence  INTEGER PRIMARY KEY,
    link      TEXT NOT NULL,
    at        INTEGER NOT NULL,
    signature BLOB NOT NULL,
    kept      INTEGER NOT NULL
) STRICT;

CREATE TABLE blobs (
    hash TEXT PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE credential_sets (
    digest TEXT PRIMARY KEY,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE instances (
    id       TEXT PRIMARY KEY,
    node_red TEXT NOT NULL,
    policy   TEXT NOT NULL,
    snapshot INTEGER REFERENCES snapshots (id)
) STRICT;

CREATE TABLE snapshots (
    id         INTEGER PRIMARY KEY,
    instance   TEXT NOT NULL REFERENCES instances (id),
    hash       TEXT NOT NULL,
    baseline   TEXT NOT NULL,
    at         INTEGER NOT NULL,
    deployment INTEGER REFERENCES deployments (id),
    ran_well   INTEGER NOT NULL,
    previous   INTEGER REFERENCES snapshots (id)
) STRICT;
CREATE INDEX snapshots_by_instance ON snapshots (instance, id);
CREATE INDEX snapshots_by_hash ON snapshots (instance, hash, id);

CREATE TABLE deployments (
    id          INTEGER PRIMARY KEY,
    instance    TEXT NOT NULL REFERENCES instances (id),
    word        TEXT NOT NULL,
    is_open     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    origin      TEXT NOT NULL,
    proposer    TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    proposal    TEXT NOT NULL,
    credentials BLOB NOT NULL,
    emergency   TEXT
) STRICT;
CREATE INDEX deployments_by_instance ON deployments (instance, id);
CREATE INDEX deployments_open ON deployments (is_open, id);

CREATE TABLE decisions (
    deployment INTEGER NOT NULL REFERENCES deployments (id),
    change     TEXT NOT NULL,
    decision   TEXT NOT NULL,
    PRIMARY KEY (deployment, change)
) STRICT;

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    folded        TEXT NOT NULL UNIQUE,
    role          TEXT NOT NULL,
    password      TEXT NOT NULL,
    factor        BLOB,
    factor_step   INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    last_login_at INTEGER
) STRICT;

CREATE TABLE recovery_codes (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest  TEXT NOT NULL,
    PRIMARY KEY (user_id, digest)
) STRICT;

CREATE TABLE enrolments (
    digest     TEXT PRIMARY KEY,
    role       TEXT NOT NULL,
    name       TEXT,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE login_failures (
    subject  TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    until_at INTEGER NOT NULL,
    is_told  INTEGER NOT NULL
) STRICT;
CREATE INDEX login_failures_by_age ON login_failures (failures, last_at);

CREATE TABLE sessions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    digest       TEXT NOT NULL UNIQUE,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind         TEXT NOT NULL,
    parent       INTEGER REFERENCES sessions (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    address      TEXT,
    agent        TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id, id);
CREATE INDEX sessions_by_parent ON sessions (parent);

CREATE TABLE tokens (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    digest       TEXT NOT NULL UNIQUE,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    label        TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    last_used_at INTEGER
) STRICT;
CREATE INDEX tokens_by_user ON tokens (user_id, id);

CREATE TABLE refused_routes (
    instance TEXT NOT NULL,
    method   TEXT NOT NULL,
    path     TEXT NOT NULL,
    count    INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (instance, method, path)
) STRICT;

CREATE TABLE runtime_documents (
    instance TEXT NOT NULL,
    name     TEXT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (instance, name)
) STRICT;

CREATE TABLE log_lines (
    instance TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    level    TEXT NOT NULL,
    text     TEXT NOT NULL,
    PRIMARY KEY (instance, sequence)
) STRICT;
