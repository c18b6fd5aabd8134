-- Who may come from where: every version of the rules. The newest holds, unless it was on trial
-- (`undo_at`) and the time is over: then the one it would undo to (`before`) holds. So a trial
-- ends by itself whatever runs or does not run meanwhile.
CREATE TABLE access_rules (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    rules   TEXT NOT NULL,
    at      INTEGER NOT NULL,
    by      TEXT NOT NULL,
    undo_at INTEGER,
    before  TEXT
) STRICT;
