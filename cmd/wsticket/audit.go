package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"wsticket/audit"
	"wsticket/audit/postgres"
	"wsticket/audit/sqlite"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/printable"
	"wsticket/internal/since"
	"wsticket/ticket"
)

type auditCmd struct {
	Search auditSearchCmd `cmd:"" help:"Print what the trail has, or what it has of somebody, the newest last."`
	Tail   auditTailCmd   `cmd:"" help:"Print the last records of the trail, and then those that come."`
	Verify auditVerifyCmd `cmd:"" help:"Check that no record of the trail was changed or removed: exit status 0 or 1."`
}

// defaultTrail is the database in the current folder that the documents and the help of
// dev call by this name.
const defaultTrail = "trail.db"

// trailDatabase is the database whose trail a command reads.
type trailDatabase struct{ databaseFlags }

// store opens the database, which must have the tables of this program.
func (d trailDatabase) store(ctx context.Context, w world) (audit.Store, error) {
	at, err := d.find(w)
	if err != nil {
		return nil, err
	}
	store, err := openTrail(ctx, at)
	if err != nil {
		return nil, oneLine{err}
	}
	if err := store.CheckSchema(ctx); err != nil {
		_ = store.Close() // the first error is the reason
		return nil, oneLine{err}
	}
	return store, nil
}

// find returns which database to read.
func (d trailDatabase) find(w world) (config.Database, error) {
	at, err := d.load(w.Env, func(at config.Database) error {
		faults := config.NewFaults()
		path, file := at.SQLite()
		faults.Check(!file || path != "", "database.url", "is in the memory of the process that has it, whose page /ops shows the trail: sqlite:PATH makes one that can be read here")
		return faults.Err()
	})
	if err != nil || !at.None() {
		return at, err
	}
	if _, err := os.Stat(defaultTrail); err != nil {
		return at, usageError{errors.New("which database? Name it with --database sqlite:PATH or postgres://host/name, or by database.url in the configuration (--config FILE); this folder has no " + defaultTrail + ", either")}
	}
	return config.Database{URL: config.NewSecret("sqlite:" + defaultTrail)}, nil
}

func openTrail(ctx context.Context, at config.Database) (audit.Store, error) {
	if path, isFile := at.SQLite(); isFile {
		return sqlite.OpenReadOnly(path)
	}
	return postgres.Open(ctx, at.URL.Reveal())
}

// oneLine is an error of a database whose text may have several lines.
type oneLine struct{ error }

// Error returns the text in one line.
func (e oneLine) Error() string {
	return strings.Join(strings.FieldsFunc(e.error.Error(), isBreak), "; ")
}

func isBreak(r rune) bool { return r == '\n' || r == '\t' }

// Unwrap returns the error itself.
func (e oneLine) Unwrap() error { return e.error }

// trailFilter selects records.
type trailFilter struct {
	Sub      string `placeholder:"NAME" help:"Only those of this user."`
	TicketID string `name:"ticket-id" placeholder:"ID" help:"Only those of this ticket, and of the connection that it opened. Write --ticket-id=ID, because an ID may begin with a dash."`
	Event    string `placeholder:"KIND" help:"Only those of this kind, such as replay or disconnect."`
	Since    string `placeholder:"TIME" help:"Only those since a time (RFC 3339), or a time ago such as 24h."`
	JSON     bool   `name:"json" help:"Print a line of JSON for each record, with all that it has."`
}

// query returns what is selected.
func (f trailFilter) query(now time.Time) (q ticket.AuditQuery, err error) {
	q.Subject, q.Event = ticket.AuditText(f.Sub), ticket.EventKind(f.Event)
	if f.Sub != "" && !printable.IsName(f.Sub) {
		return q, usageError{fmt.Errorf("--sub: must be a name without hidden characters (got %q)", f.Sub)}
	}
	if f.TicketID != "" {
		if q.TicketID, err = ticket.ParseID(f.TicketID); err != nil {
			return q, usageError{ticketIDFault(f.TicketID)}
		}
	}
	if f.Event != "" && !slices.Contains(ticket.AuditKinds(), q.Event) {
		return q, usageError{fmt.Errorf("--event: must be one of %s (got %q)", kindNames(), f.Event)}
	}
	if f.Since != "" {
		at, ok := since.Parse(f.Since, now)
		if !ok {
			return q, usageError{fmt.Errorf("--since: must be a time such as 2026-11-29T08:00:00Z or a time ago such as 24h (got %q)", f.Since)}
		}
		q.Since = at
	}
	return q, nil
}

// ticketIDFault says what is wrong with an ID. A ticket in its place is a secret that is
// not repeated.
func ticketIDFault(text string) error {
	if strings.Contains(text, "wst1_") {
		return errors.New("--ticket-id: that is a ticket, and not its ID; the ID has 22 characters, and is in the log as ticket_id")
	}
	return fmt.Errorf("--ticket-id: must be the 22 characters of an ID (got %q)", text)
}

func kindNames() string {
	var names []string
	for _, kind := range ticket.AuditKinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}
