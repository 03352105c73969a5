package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"wsticket/audit"
	"wsticket/audit/internal/records"
	"wsticket/ticket"
)

// appendSQL moves the end of a chain and inserts its records in one round trip. Where the
// chain does not go on with them it selects nothing. $1 is the instance, $2 the first Seq,
// $3 its time, $4 to $6 Seq, hash and time of the last one, and then there is an array for
// each column but the instance.
var appendSQL = func() string {
	names := strings.Split(records.Columns, ", ")[1:]
	arrays := make([]string, len(names))
	for i, name := range names {
		kind, ok := map[string]string{"seq": "bigint", "at": "timestamptz", "close_code": "integer", "duration_ms": "bigint", "hash": "bytea"}[name]
		if !ok {
			kind = "text"
		}
		arrays[i] = "$" + strconv.Itoa(i+7) + "::" + kind + "[]"
	}
	return `WITH chain AS (
		INSERT INTO audit_chains AS c (instance, started_at, pruned_seq, pruned_hash, last_seq, last_hash, last_at)
		SELECT $1::text, $3::timestamptz, 0, '', $4::bigint, $5::bytea, $6::timestamptz
		WHERE $2::bigint = 1 OR EXISTS (SELECT FROM audit_chains WHERE instance = $1)
		ON CONFLICT (instance) DO UPDATE SET
			last_seq = greatest(c.last_seq, excluded.last_seq),
			last_hash = CASE WHEN excluded.last_seq > c.last_seq THEN excluded.last_hash ELSE c.last_hash END,
			last_at = CASE WHEN excluded.last_seq > c.last_seq THEN excluded.last_at ELSE c.last_at END
		WHERE c.last_seq >= $2 - 1
		RETURNING c.pruned_seq
	), events AS (
		INSERT INTO audit_events (` + records.Columns + `)
		SELECT $1, u.* FROM unnest(` + strings.Join(arrays, ", ") + `) AS u(` + strings.Join(names, ", ") + `), chain
		WHERE u.seq > chain.pruned_seq
		ON CONFLICT DO NOTHING
	) SELECT count(*) FROM chain`
}()

// Append implements [audit.Store].
func (s *Store) Append(ctx context.Context, all []ticket.AuditRecord) error {
	if len(all) == 0 {
		return nil
	}
	if err := records.Check(all); err != nil {
		return failed("append", err)
	}
	first, last := &all[0], &all[len(all)-1]
	args := []any{first.Instance, int64(first.Seq), first.At, int64(last.Seq), records.Hash(last.Hash), last.At} //nolint:gosec // Check has bounded Seq
	arrays, err := columns(all)
	if err != nil {
		return failed("append", err)
	}
	var chains int
	err = s.pool.QueryRow(ctx, appendSQL, append(args, arrays...)...).Scan(&chains)
	if err == nil && chains == 0 {
		err = fmt.Errorf("record %d of %q: %w", first.Seq, first.Instance, audit.ErrGap)
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && isOfContent(refused.Code) {
		err = fmt.Errorf("%w: %w", audit.ErrText, err)
	}
	return failed("append", err)
}

// isOfContent reports whether an error is about what is to be stored, so that it would come
// again: of the classes "data exception" and "program limit exceeded", as where a text is
// too long for an index.
func isOfContent(sqlState string) bool {
	return strings.HasPrefix(sqlState, "22") || strings.HasPrefix(sqlState, "54")
}

// columns returns an array for each column but the instance.
func columns(all []ticket.AuditRecord) ([]any, error) {
	text := func(of func(*ticket.AuditRecord) string) []string { return column(all, of) }
	details := make([]string, len(all))
	for i := range all {
		var err error
		if details[i], err = records.Details(&all[i]); err != nil {
			return nil, err
		}
	}
	return []any{
		column(all, func(r *ticket.AuditRecord) int64 { return int64(r.Seq) }), //nolint:gosec // Check has bounded it
		column(all, func(r *ticket.AuditRecord) time.Time { return r.At.Truncate(time.Millisecond) }),
		text(func(r *ticket.AuditRecord) string { return string(r.Event) }),
		text(func(r *ticket.AuditRecord) string { return string(r.Action) }),
		text(func(r *ticket.AuditRecord) string { return r.Outcome }),
		text(func(r *ticket.AuditRecord) string { return r.Reason }),
		text(func(r *ticket.AuditRecord) string { return r.Issuer }),
		text(func(r *ticket.AuditRecord) string { return r.Subject }),
		text(func(r *ticket.AuditRecord) string { return r.SessionID }),
		text(func(r *ticket.AuditRecord) string { return r.ClientID }),
		text(func(r *ticket.AuditRecord) string { return r.TokenID }),
		text(func(r *ticket.AuditRecord) string { return string(r.TicketID) }),
		text(func(r *ticket.AuditRecord) string { return r.Audience }),
		text(func(r *ticket.AuditRecord) string { return string(r.Door) }),
		text(func(r *ticket.AuditRecord) string { return r.Origin }),
		text(func(r *ticket.AuditRecord) string { return r.ClientIP }),
		text(func(r *ticket.AuditRecord) string { return r.UserAgent }),
		text(func(r *ticket.AuditRecord) string { return r.Route }),
		text(func(r *ticket.AuditRecord) string { return r.RequestID }),
		text(func(r *ticket.AuditRecord) string { return r.TraceID }),
		text(func(r *ticket.AuditRecord) string { return r.Caller }),
		text(func(r *ticket.AuditRecord) string { return r.Fence }),
		column(all, func(r *ticket.AuditRecord) int32 { return int32(r.CloseCode) }),
		text(func(r *ticket.AuditRecord) string { return r.ClosedBy }),
		column(all, func(r *ticket.AuditRecord) int64 { return r.DurationMS }),
		details,
		column(all, func(r *ticket.AuditRecord) []byte { return records.Hash(r.Hash) }),
	}, nil
}

func column[T any](all []ticket.AuditRecord, of func(*ticket.AuditRecord) T) []T {
	values := make([]T, len(all))
	for i := range all {
		values[i] = of(&all[i])
	}
	return values
}

// Search implements [audit.Store].
func (s *Store) Search(ctx context.Context, q ticket.AuditQuery) (ticket.AuditPage, error) {
	query, err := records.Select(q, "$", func(t time.Time) any { return t })
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
	all, err := s.readRecords(ctx, "SELECT "+records.Columns+" FROM audit_events WHERE instance = $1 AND seq > $2 ORDER BY seq LIMIT $3", instance, int64(after), limit) //nolint:gosec // no chain is so long
	return all, failed("read a chain", err)
}

func (s *Store) readRecords(ctx context.Context, query string, args ...any) ([]ticket.AuditRecord, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (ticket.AuditRecord, error) {
		var r records.Row
		if err := row.Scan(r.Dest(&r.At)...); err != nil {
			return ticket.AuditRecord{}, err
		}
		r.At = r.At.UTC()
		return r.Record()
	})
}

// Chains implements [audit.Store].
func (s *Store) Chains(ctx context.Context) ([]audit.Chain, error) {
	rows, err := s.pool.Query(ctx, "SELECT "+records.ChainColumns+" FROM audit_chains ORDER BY instance")
	if err != nil {
		return nil, failed("read chains", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c audit.Chain, err error) {
		err = row.Scan(&c.Instance, &c.StartedAt, &c.PrunedSeq, &c.PrunedHash, &c.LastSeq, &c.LastHash)
		c.StartedAt = c.StartedAt.UTC()
		return c, err
	})
	return all, failed("read chains", err)
}

// pruneSQL removes old records from the beginning of a chain, up to the first one that is
// not old, and moves its beginning. A slower process does not move it back.
const pruneSQL = `WITH first AS (
		SELECT seq, hash, bool_and(at < $3) OVER (ORDER BY seq) AS old
		FROM (SELECT seq, at, hash FROM audit_events WHERE instance = $1 ORDER BY seq LIMIT $2) AS f
	), last AS (
		SELECT seq, hash FROM first WHERE old ORDER BY seq DESC LIMIT 1
	), moved AS (
		UPDATE audit_chains c SET pruned_seq = last.seq, pruned_hash = last.hash FROM last WHERE c.instance = $1 AND c.pruned_seq < last.seq
	), gone AS (
		DELETE FROM audit_events e USING last WHERE e.instance = $1 AND e.seq <= last.seq RETURNING 1
	) SELECT count(*) FROM gone`

// Prune implements [audit.Store].
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (removed int, err error) {
	rows, err := s.pool.Query(ctx, `SELECT instance FROM audit_chains c
		WHERE (SELECT at FROM audit_events e WHERE e.instance = c.instance ORDER BY seq LIMIT 1) < $1 LIMIT $2`, before, limit)
	if err != nil {
		return 0, failed("prune", err)
	}
	chains, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, failed("prune", err)
	}
	for _, instance := range chains {
		if removed == limit {
			break
		}
		var n int
		if err := s.pool.QueryRow(ctx, pruneSQL, instance, limit-removed, before).Scan(&n); err != nil {
			return removed, failed("prune", err)
		}
		removed += n
	}
	_, err = s.pool.Exec(ctx, "DELETE FROM audit_chains WHERE pruned_seq = last_seq AND last_at < $1", before.Add(-audit.KeepChain))
	return removed, failed("prune", err)
}
