-- Which accounts a network failed to log in to lately, as digests: many different ones are somebody
-- who tries a few passwords with every name. The account '' says that this was told.
CREATE TABLE login_targets (
    network TEXT NOT NULL,
    account TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (network, account)
) STRICT;
CREATE INDEX login_targets_by_age ON login_targets (at);
