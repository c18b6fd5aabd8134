-- People a provider stands for (OpenID Connect): by issuer and subject, never by a mail address.
-- `is_out`: the provider stands for them no more; their tokens are worth nothing until they sign in.
CREATE TABLE external_accounts (
    user_id    INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    provider   TEXT NOT NULL,
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    vouched_at INTEGER NOT NULL,
    is_out     INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;

-- By what a provider is asked again about somebody, sealed, for each of their console sessions.
CREATE TABLE external_sessions (
    session_id INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    sealed     BLOB NOT NULL,
    vouched_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX external_sessions_by_due ON external_sessions (due_at);

-- A local account for the day no provider answers: its use is told to everybody who administers.
ALTER TABLE users ADD COLUMN break_glass INTEGER NOT NULL DEFAULT 0;

-- Roles an administrator made: their permissions as a JSON array of words. The built-in ones are code.
CREATE TABLE roles (
    name        TEXT PRIMARY KEY,
    permissions TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT;

-- Whoever came from another system with a password this one would not take: they choose another first.
ALTER TABLE users ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;
