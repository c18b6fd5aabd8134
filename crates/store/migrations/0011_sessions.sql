-- Sessions: when its owner last proved who they are, wall displays; where a token may come from; when
-- a factor was last used.

-- Console sessions: since when it is known that its owner holds the factors.
ALTER TABLE sessions ADD COLUMN proven_at INTEGER NOT NULL DEFAULT 0;

-- model::rules::Source, a JSON array; empty: from anywhere.
ALTER TABLE tokens ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';

ALTER TABLE users ADD COLUMN password_used_at INTEGER;
ALTER TABLE users ADD COLUMN codes_used_at INTEGER;
ALTER TABLE users ADD COLUMN recovery_used_at INTEGER;

-- Wall displays. Until it is opened there is the digest of its link, then a session of kind 'kiosk'.
CREATE TABLE kiosks (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    instance     TEXT NOT NULL REFERENCES instances (id) ON DELETE CASCADE,
    networks     TEXT NOT NULL,
    path         TEXT NOT NULL,
    life_seconds INTEGER NOT NULL,
    made_at      INTEGER NOT NULL,
    link         TEXT UNIQUE,
    link_until   INTEGER,
    session      INTEGER UNIQUE REFERENCES sessions (id) ON DELETE CASCADE
) STRICT;
