PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE wsticket_migrations (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO wsticket_migrations VALUES(1,0,1,'2026-11-29 15:16:33');
INSERT INTO wsticket_migrations VALUES(2,1,1,'2026-11-29 15:16:33');
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
INSERT INTO audit_events VALUES('AAAAAAAAAAAAAAAAAAAAAAAAAA',1,1796000000000,'issue','issue','ok','ok','https://idp.test','alice','s-1','web','j-1','01','','','https://app.test','192.0.2.7','Mozilla/5.0','/ticket','r-1','0af7651916cd43dd8448eb211c80319c','','f1',0,'',3,'',X'11');
INSERT INTO audit_events VALUES('AAAAAAAAAAAAAAAAAAAAAAAAAA',2,1796000000100,'redeem','redeem','ok','ok','https://idp.test','alice','s-1','web','j-1','01','','query','https://app.test','192.0.2.7','Mozilla/5.0','/ws','r-2','','','f1',0,'',2,'{"age_ms":"100"}',X'22');
INSERT INTO audit_events VALUES('AAAAAAAAAAAAAAAAAAAAAAAAAA',3,1796000060000,'disconnect','','ok','ok','https://idp.test','alice','s-1','web','j-1','01','','query','https://app.test','192.0.2.7','Mozilla/5.0','/ws','r-2','','','f1',1000,'client',59900,'',X'33');
INSERT INTO audit_events VALUES('BBBBBBBBBBBBBBBBBBBBBBBBBB',7,1796000001000,'refuse','issue','refused','expired','','','','','','','','','https://evil.test','203.0.113.9','','/ticket','r-9','','','',0,'',1,'',X'44');
CREATE TABLE audit_chains (
    instance    TEXT NOT NULL PRIMARY KEY,
    started_at  INTEGER NOT NULL,
    pruned_seq  INTEGER NOT NULL,
    pruned_hash BLOB NOT NULL,
    last_seq    INTEGER NOT NULL,
    last_hash   BLOB NOT NULL,
    last_at     INTEGER NOT NULL
) STRICT;
INSERT INTO audit_chains VALUES('AAAAAAAAAAAAAAAAAAAAAAAAAA',1796000000000,0,X'',3,X'33',1796000060000);
INSERT INTO audit_chains VALUES('BBBBBBBBBBBBBBBBBBBBBBBBBB',1795000000000,6,X'43',7,X'44',1796000001000);
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
INSERT INTO revocations VALUES('R1','https://idp.test','alice','','','',1796000002000,'end','left the company','api',1796000002000,4102444800000);
INSERT INTO revocations VALUES('R2','https://idp.test','','s-9','','',1796000003000,'end','','backchannel_logout',1796000003000,1796003600000);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('wsticket_migrations',2);
CREATE INDEX audit_events_at ON audit_events (at);
CREATE INDEX audit_events_sub ON audit_events (sub, at) WHERE sub <> '';
CREATE INDEX audit_events_ticket_id ON audit_events (ticket_id, at) WHERE ticket_id <> '';
CREATE INDEX audit_events_event ON audit_events (event, at);
CREATE INDEX revocations_expires_at ON revocations (expires_at);
COMMIT;
