-- What was seen when proposals were tried.

-- How a deployment's rehearsal stands: model::rehearsal::Rehearsal.
CREATE TABLE rehearsals (
    deployment INTEGER PRIMARY KEY REFERENCES deployments (id) ON DELETE CASCADE,
    rehearsal  TEXT NOT NULL
) STRICT;

-- What was seen in one run, by what was run: model::rehearsal::Observation.
CREATE TABLE observations (
    key         TEXT PRIMARY KEY,
    at          INTEGER NOT NULL,
    observation TEXT NOT NULL
) STRICT;
CREATE INDEX observations_by_age ON observations (at);
