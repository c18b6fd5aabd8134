-- Findings that somebody took on themselves, for a time.

CREATE TABLE risks (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    instance     TEXT NOT NULL REFERENCES instances (id),
    mark         TEXT NOT NULL,
    matter       TEXT NOT NULL,
    owner        TEXT NOT NULL,
    reason       TEXT NOT NULL,
    by           TEXT NOT NULL,
    at           INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    withdrawn_at INTEGER
) STRICT;
CREATE INDEX risks_by_instance ON risks (instance, mark);
