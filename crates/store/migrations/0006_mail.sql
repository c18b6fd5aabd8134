-- Mails: where people get them, and what waits to be told.

ALTER TABLE users ADD COLUMN mail TEXT;
-- model::mail::MailWishes; null: all.
ALTER TABLE users ADD COLUMN mail_wishes TEXT;

-- What one person is to be told about one topic (model::mail::Topic): the newest entries of the
-- record it is about (a JSON array of places) and how many there were. `count` 0: nothing waits;
-- the row says when they were written to last.
CREATE TABLE mails (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    topic   TEXT NOT NULL,
    entries TEXT NOT NULL,
    count   INTEGER NOT NULL,
    since   INTEGER NOT NULL,
    due_at  INTEGER NOT NULL,
    tries   INTEGER NOT NULL,
    sent_at INTEGER,
    PRIMARY KEY (user_id, topic)
) STRICT;
CREATE INDEX mails_waiting ON mails (due_at) WHERE count > 0;

-- Up to which entry of the record everybody who is to be told has been noted above.
CREATE TABLE mail_place (
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    sequence INTEGER NOT NULL
) STRICT;
