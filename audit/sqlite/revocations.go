package sqlite

import (
	"context"
	"database/sql"
	"time"

	"wsticket/audit/internal/records"
	"wsticket/ticket"
)

// PutRevocations implements [audit.Store].
func (s *Store) PutRevocations(ctx context.Context, all []ticket.Revocation) error {
	return s.inTx(ctx, "store revocations", func(tx *sql.Tx) error {
		insert, err := tx.PrepareContext(ctx, "INSERT INTO revocations ("+records.RevocationColumns+") VALUES "+places(records.RevocationColumns)+" ON CONFLICT DO NOTHING")
		if err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // the transaction says what went wrong
		for i := range all {
			v := &all[i]
			if _, err := insert.ExecContext(ctx, v.ID, v.Issuer, v.Subject, v.SessionID, v.TokenID, v.TicketID,
				millis(v.Before), v.Action, v.Reason, v.Source, millis(v.At), millis(v.ExpiresAt)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Revocations implements [audit.Store].
func (s *Store) Revocations(ctx context.Context, now time.Time) ([]ticket.Revocation, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+records.RevocationColumns+" FROM revocations WHERE expires_at > ? ORDER BY expires_at", millis(now))
	if err != nil {
		return nil, failed("read revocations", err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	var all []ticket.Revocation
	for rows.Next() {
		var v ticket.Revocation
		var before, at, expires int64
		if err := rows.Scan(&v.ID, &v.Issuer, &v.Subject, &v.SessionID, &v.TokenID, &v.TicketID, &before, &v.Action, &v.Reason, &v.Source, &at, &expires); err != nil {
			return nil, failed("read revocations", err)
		}
		v.Before, v.At, v.ExpiresAt = fromMillis(before), fromMillis(at), fromMillis(expires)
		all = append(all, v)
	}
	return all, failed("read revocations", rows.Err())
}

// PruneRevocations implements [audit.Store].
func (s *Store) PruneRevocations(ctx context.Context, now time.Time, limit int) (int, error) {
	result, err := s.write.ExecContext(ctx, "DELETE FROM revocations WHERE id IN (SELECT id FROM revocations WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)", millis(now), limit)
	if err != nil {
		return 0, failed("remove revocations", err)
	}
	n, err := result.RowsAffected()
	return int(n), failed("remove revocations", err)
}
