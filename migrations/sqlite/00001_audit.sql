-- +goose Up

-- Times are milliseconds since 1970, because SQLite has no type for them. Empty texts
-- stand for what is not known.
CREATE TABLE audit_events (
    instance    TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    event       TEXT NOT NULL,
    action      TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    reason      TEXT NOT NULL,
    iss         TEXT NOT NULL,
    sub         TEXT NOT NULL,
    sid         TEXT NOT NULL,
    client_id   TEXT NOT NULL,
    jti         TEXT NOT NULL,
    ticket_id   TEXT NOT NULL,
    audience    TEXT NOT NULL,
    door        TEXT NOT NULL,
    origin      TEXT NOT NULL,
    client_ip   TEXT NOT NULL,
    user_agent  TEXT NOT NULL,
    route       TEXT NOT NULL,
    request_id  TEXT NOT NULL,
    trace_id    TEXT NOT NULL,
    caller      TEXT NOT NULL,
    fence       TEXT NOT NULL,
    close_code  INTEGER NOT NULL,
    closed_by   TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    details     TEXT NOT NULL,
    hash        BLOB NOT NULL,
    PRIMARY KEY (instance, seq)
) STRICT;
CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_sub ON audit_events (sub, at) WHERE sub <> '';
CREATE INDEX audit_events_ticket_id ON audit_events (ticket_id, at) WHERE ticket_id <> '';
CREATE INDEX audit_events_event ON audit_events (event, at);

CREATE TABLE audit_chains (
    instance    TEXT NOT NULL PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    pruned_seq  INTEGER NOT NULL,
    pruned_hash BLOB NOT NULL,
    last_seq    INTEGER NOT NULL,
    last_hash   BLOB NOT NULL,
    last_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE revocations (
    id          TEXT NOT NULL PRIMARY KEY,
    iss         TEXT NOT NULL,
    sub         TEXT NOT NULL,
    sid         TEXT NOT NULL,
    jti         TEXT NOT NULL,
    ticket_id   TEXT NOT NULL,
    void_before INTEGER NOT NULL,
    action      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    source      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX revocations_expires_at ON revocations (expires_at);
