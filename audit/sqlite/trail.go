package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"wsticket/audit"
	"wsticket/audit/internal/records"
	"wsticket/ticket"
)

// places returns placeholders for the columns of a list.
func places(columns string) string {
	return "(" + strings.TrimSuffix(strings.Repeat("?, ", records.Count(columns)), ", ") + ")"
}

// rowsAtOnce are the numbers of records that one statement inserts. What a statement costs
// beyond its rows is more than a row costs, so a batch takes as few of them as it can.
var rowsAtOnce = [...]int{64, 8, 1}

// insertSQL returns the statement that inserts n records.
func insertSQL(n int) string {
	rows := strings.Repeat(places(records.Columns)+", ", n)
	return "INSERT INTO audit_events (" + records.Columns + ") VALUES " + strings.TrimSuffix(rows, ", ") + " ON CONFLICT DO NOTHING"
}

// Append implements [audit.Store].
func (s *Store) Append(ctx context.Context, all []ticket.AuditRecord) error {
	if len(all) == 0 {
		return nil
	}
	if err := records.Check(all); err != nil {
		return failed("append", err)
	}
	inserts, err := s.prepareInserts(ctx)
	if err != nil {
		return failed("append", err)
	}
	return s.inTx(ctx, "append", func(tx *sql.Tx) error {
		pruned, err := advance(ctx, tx, all)
		if err != nil {
			return err
		}
		if gone := pruned + 1 - min(all[0].Seq, pruned+1); gone > 0 { // they were removed since they were appended first
			all = all[min(gone, uint64(len(all))):]
		}
		var args []any
		for i, n := range rowsAtOnce {
			insert := tx.StmtContext(ctx, inserts[i])
			for ; len(all) >= n; all = all[n:] {
				if args, err = appendValues(args[:0], all[:n]); err != nil {
					return err
				}
				if _, err := insert.ExecContext(ctx, args...); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// prepareInserts returns a statement for each of rowsAtOnce, which are prepared once.
func (s *Store) prepareInserts(ctx context.Context) (all [len(rowsAtOnce)]*sql.Stmt, err error) {
	s.preparing.Lock()
	defer s.preparing.Unlock()
	for i, n := range rowsAtOnce {
		if s.inserts[i] == nil {
			if s.inserts[i], err = s.write.PrepareContext(ctx, insertSQL(n)); err != nil {
				return all, err
			}
		}
	}
	return s.inserts, nil
}

// advance moves the end of a chain to the last of its records, and returns the last that
// was removed from its beginning.
func advance(ctx context.Context, tx *sql.Tx, all []ticket.AuditRecord) (pruned uint64, err error) {
	first, last := &all[0], &all[len(all)-1]
	var end uint64
	err = tx.QueryRowContext(ctx, "SELECT pruned_seq, last_seq FROM audit_chains WHERE instance = ?", first.Instance).Scan(&pruned, &end)
	switch {
	case errors.Is(err, sql.ErrNoRows) && first.Seq == 1:
		_, err = tx.ExecContext(ctx, "INSERT INTO audit_chains (instance, started_at, pruned_seq, pruned_hash, last_seq, last_hash, last_at) VALUES (?, ?, 0, x'', ?, ?, ?)",
			first.Instance, millis(first.At), last.Seq, records.Hash(last.Hash), millis(last.At))
	case errors.Is(err, sql.ErrNoRows) || err == nil && first.Seq > end+1:
		return 0, fmt.Errorf("record %d of %q after %d: %w", first.Seq, first.Instance, end, audit.ErrGap)
	case err == nil && last.Seq > end:
		_, err = tx.ExecContext(ctx, "UPDATE audit_chains SET last_seq = ?, last_hash = ?, last_at = ? WHERE instance = ?",
			last.Seq, records.Hash(last.Hash), millis(last.At), first.Instance)
	}
	return pruned, err
}

// appendValues appends the values of records, in types that the driver takes as they are.
func appendValues(args []any, all []ticket.AuditRecord) ([]any, error) {
	for i := range all {
		r := &all[i]
		details, err := records.Details(r)
		if err != nil {
			return nil, err
		}
		args = append(args,
			r.Instance, int64(r.Seq), millis(r.At), string(r.Event), string(r.Action), r.Outcome, r.Reason, //nolint:gosec // Check has bounded Seq
			r.Issuer, r.Subject, r.SessionID, r.ClientID, r.TokenID, string(r.TicketID), r.Audience,
			string(r.Door), r.Origin, r.ClientIP, r.UserAgent, r.Route, r.RequestID, r.TraceID, r.Caller, r.Fence,
			int64(r.CloseCode), r.ClosedBy, r.DurationMS, details, records.Hash(r.Hash))
	}
	return args, nil
}

// Search implements [audit.Store].
func (s *Store) Search(ctx context.Context, q ticket.AuditQuery) (ticket.AuditPage, error) {
	query, err := records.Select(q, "?", stamp)
	if err != nil {
		return ticket.AuditPage{}, failed("search", err)
	}
	all, err := s.readRecords(ctx, query.SQL, query.Args...)
	if err != nil {
		return ticket.AuditPage{}, failed("search", err)
	}
	return records.Page(all, q.Limit), nil
}

// ReadChain implements [audit.Store].
func (s *Store) ReadChain(ctx context.Context, instance string, after uint64, limit int) ([]ticket.AuditRecord, error) {
	all, err := s.readRecords(ctx, "SELECT "+records.Columns+" FROM audit_events WHERE instance = ? AND seq > ? ORDER BY seq LIMIT ?", instance, int64(after), limit) //nolint:gosec // no chain is so long
	return all, failed("read a chain", err)
}

func (s *Store) readRecords(ctx context.Context, query string, args ...any) ([]ticket.AuditRecord, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	var all []ticket.AuditRecord
	for rows.Next() {
		var row records.Row
		var at int64
		if err := rows.Scan(row.Dest(&at)...); err != nil {
			return nil, err
		}
		row.At = fromMillis(at)
		r, err := row.Record()
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// Chains implements [audit.Store].
func (s *Store) Chains(ctx context.Context) ([]audit.Chain, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT "+records.ChainColumns+" FROM audit_chains ORDER BY instance")
	if err != nil {
		return nil, failed("read chains", err)
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	var all []audit.Chain
	for rows.Next() {
		var c audit.Chain
		var started int64
		if err := rows.Scan(&c.Instance, &started, &c.PrunedSeq, &c.PrunedHash, &c.LastSeq, &c.LastHash); err != nil {
			return nil, failed("read chains", err)
		}
		c.StartedAt = fromMillis(started)
		all = append(all, c)
	}
	return all, failed("read chains", rows.Err())
}

// Prune implements [audit.Store].
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	err = s.inTx(ctx, "prune", func(tx *sql.Tx) error {
		chains, err := oldChains(ctx, tx, before, limit)
		if err != nil {
			return err
		}
		for _, instance := range chains {
			if removed == limit {
				break
			}
			n, err := pruneChain(ctx, tx, instance, before, limit-removed)
			if err != nil {
				return err
			}
			removed += n
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM audit_chains WHERE pruned_seq = last_seq AND last_at < ?", millis(before.Add(-audit.KeepChain)))
		return err
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// oldChains returns the chains whose first record is old.
func oldChains(ctx context.Context, tx *sql.Tx, before time.Time, limit int) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT instance FROM audit_chains c
		WHERE (SELECT at FROM audit_events e WHERE e.instance = c.instance ORDER BY seq LIMIT 1) < ? LIMIT ?`, millis(before), limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	var all []string
	for rows.Next() {
		var instance string
		if err := rows.Scan(&instance); err != nil {
			return nil, err
		}
		all = append(all, instance)
	}
	return all, rows.Err()
}

// pruneChain removes old records from the beginning of a chain, up to the first one that
// is not old.
func pruneChain(ctx context.Context, tx *sql.Tx, instance string, before time.Time, limit int) (int, error) {
	rows, err := tx.QueryContext(ctx, "SELECT seq, at, hash FROM audit_events WHERE instance = ? ORDER BY seq LIMIT ?", instance, limit)
	if err != nil {
		return 0, err
	}
	defer rows.Close() //nolint:errcheck // Err says what went wrong
	var seq, last, at int64
	var hash, lastHash []byte
	n := 0
	for rows.Next() {
		if err := rows.Scan(&seq, &at, &hash); err != nil {
			return 0, err
		}
		if at >= millis(before) {
			break
		}
		last, lastHash = seq, hash
		n++
	}
	if err := rows.Err(); err != nil || n == 0 {
		return 0, err
	}
	if err := rows.Close(); err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM audit_events WHERE instance = ? AND seq <= ?", instance, last); err != nil {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "UPDATE audit_chains SET pruned_seq = ?, pruned_hash = ? WHERE instance = ?", last, records.Hash(lastHash), instance)
	return n, err
}
