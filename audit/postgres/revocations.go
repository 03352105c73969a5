package postgres

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"wsticket/audit/internal/records"
	"wsticket/ticket"
)

// putSQL has an array for each column.
var putSQL = func() string {
	names := strings.Split(records.RevocationColumns, ", ")
	arrays := make([]string, len(names))
	for i, name := range names {
		kind := "text"
		if name == "void_before" || name == "at" || name == "expires_at" {
			kind = "timestamptz"
		}
		arrays[i] = "$" + strconv.Itoa(i+1) + "::" + kind + "[]"
	}
	return "INSERT INTO revocations (" + records.RevocationColumns + ") SELECT * FROM unnest(" + strings.Join(arrays, ", ") + ") ON CONFLICT DO NOTHING"
}()

// PutRevocations implements [audit.Store].
func (s *Store) PutRevocations(ctx context.Context, all []ticket.Revocation) error {
	var ids, issuers, subjects, sessions, tokens, tickets, actions, reasons, sources []string
	var befores, ats, expires []time.Time
	for i := range all {
		v := &all[i]
		ids, issuers, subjects, sessions = append(ids, v.ID), append(issuers, v.Issuer), append(subjects, v.Subject), append(sessions, v.SessionID)
		tokens, tickets, actions = append(tokens, v.TokenID), append(tickets, string(v.TicketID)), append(actions, string(v.Action))
		reasons, sources = append(reasons, v.Reason), append(sources, v.Source)
		befores, ats, expires = append(befores, v.Before), append(ats, v.At), append(expires, v.ExpiresAt)
	}
	_, err := s.pool.Exec(ctx, putSQL, ids, issuers, subjects, sessions, tokens, tickets, befores, actions, reasons, sources, ats, expires)
	return failed("store revocations", err)
}

// Revocations implements [audit.Store].
func (s *Store) Revocations(ctx context.Context, now time.Time) ([]ticket.Revocation, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+records.RevocationColumns+" FROM revocations WHERE expires_at > $1 ORDER BY expires_at", now)
	if err != nil {
		return nil, failed("read revocations", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v ticket.Revocation, err error) {
		err = row.Scan(&v.ID, &v.Issuer, &v.Subject, &v.SessionID, &v.TokenID, &v.TicketID, &v.Before, &v.Action, &v.Reason, &v.Source, &v.At, &v.ExpiresAt)
		v.Before, v.At, v.ExpiresAt = v.Before.UTC(), v.At.UTC(), v.ExpiresAt.UTC()
		return v, err
	})
	return all, failed("read revocations", err)
}

// PruneRevocations implements [audit.Store].
func (s *Store) PruneRevocations(ctx context.Context, now time.Time, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM revocations WHERE id IN (SELECT id FROM revocations WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)", now, limit)
	return int(tag.RowsAffected()), failed("remove revocations", err)
}
