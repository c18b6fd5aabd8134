-- What browsers were told about HTTPS (HSTS): since when a trusted certificate serves without fault,
-- and whether something was promised that may have to be taken back. One row.
CREATE TABLE hsts (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    good_since   INTEGER,
    was_promised INTEGER NOT NULL
) STRICT;

-- Secrets by which senders sign their webhooks, sealed.
CREATE TABLE webhook_secrets (
    name   TEXT PRIMARY KEY,
    sealed BLOB NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
