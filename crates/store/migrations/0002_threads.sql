-- A link that renews an existing account instead of making one.
ALTER TABLE enrolments ADD COLUMN user_id INTEGER REFERENCES users (id) ON DELETE CASCADE;

-- What is said about a change of a deployment, or (change is null) about the whole.
CREATE TABLE comments (
    id         INTEGER PRIMARY KEY,
    deployment INTEGER NOT NULL REFERENCES deployments (id),
    change     TEXT,
    by         TEXT NOT NULL,
    at         INTEGER NOT NULL,
    text       TEXT NOT NULL
) STRICT;
CREATE INDEX comments_by_deployment ON comments (deployment, id);

-- A deployment that replaced an earlier one of the same proposer, and the changes (a JSON array of
-- names) that are byte for byte those of the earlier. The first version has no row.
CREATE TABLE versions (
    deployment INTEGER PRIMARY KEY REFERENCES deployments (id),
    number     INTEGER NOT NULL,
    earlier    INTEGER NOT NULL REFERENCES deployments (id),
    unchanged  TEXT NOT NULL
) STRICT;
