-- +goose Up

-- Times are timestamptz, so that people can ask for the last hour in psql; the program
-- writes whole milliseconds. Empty texts stand for what is not known.
CREATE TABLE audit_events (
    instance    text COLLATE "C" NOT NULL,
    seq         bigint NOT NULL,
    at          timestamptz NOT NULL,
    event       text COLLATE "C" NOT NULL,
    action      text NOT NULL,
    outcome     text NOT NULL,
    reason      text NOT NULL,
    iss         text NOT NULL,
    sub         text COLLATE "C" NOT NULL,
    sid         text NOT NULL,
    client_id   text NOT NULL,
    jti         text NOT NULL,
    ticket_id   text COLLATE "C" NOT NULL,
    audience    text NOT NULL,
    door        text NOT NULL,
    origin      text NOT NULL,
    client_ip   text NOT NULL,
    user_agent  text NOT NULL,
    route       text NOT NULL,
    request_id  text NOT NULL,
    trace_id    text NOT NULL,
    caller      text NOT NULL,
    fence       text NOT NULL,
    close_code  integer NOT NULL,
    closed_by   text NOT NULL,
    duration_ms bigint NOT NULL,
    details     text NOT NULL,
    hash        bytea NOT NULL,
    PRIMARY KEY (instance, seq)
);
CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_sub ON audit_events (sub, at) WHERE sub <> '';
CREATE INDEX audit_events_ticket_id ON audit_events (ticket_id, at) WHERE ticket_id <> '';
CREATE INDEX audit_events_event ON audit_events (event, at);

CREATE TABLE audit_chains (
    instance    text COLLATE "C" PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    pruned_seq  bigint NOT NULL,
    pruned_hash bytea NOT NULL,
    last_seq    bigint NOT NULL,
    last_hash   bytea NOT NULL,
    last_at     timestamptz NOT NULL
);

CREATE TABLE revocations (
    id          text COLLATE "C" PRIMARY KEY,
    iss         text NOT NULL,
    sub         text NOT NULL,
    sid         text NOT NULL,
    jti         text NOT NULL,
    ticket_id   text NOT NULL,
    void_before timestamptz NOT NULL,
    action      text NOT NULL,
    reason      text NOT NULL,
    source      text NOT NULL,
    at          timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX revocations_expires_at ON revocations (expires_at);
