// Package records is what the stores of package audit share: columns, queries, cursors,
// and what makes a batch valid.
package records

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"wsticket/audit"
	"wsticket/ticket"
)

// Columns are those of audit_events, in the order of [Values] and [Row.Dest].
const Columns = "instance, seq, at, event, action, outcome, reason, iss, sub, sid, client_id, jti, ticket_id, audience, " +
	"door, origin, client_ip, user_agent, route, request_id, trace_id, caller, fence, close_code, closed_by, duration_ms, details, hash"

// ChainColumns are those of audit_chains that a chain has.
const ChainColumns = "instance, started_at, pruned_seq, pruned_hash, last_seq, last_hash"

// RevocationColumns are those of revocations.
const RevocationColumns = "id, iss, sub, sid, jti, ticket_id, void_before, action, reason, source, at, expires_at"

// Count returns how many names there are in a list of columns.
func Count(columns string) int { return strings.Count(columns, ",") + 1 }

// Check returns nil for records that may be appended in one call. The error wraps
// [audit.ErrGap] or [audit.ErrText].
func Check(all []ticket.AuditRecord) error {
	for i := range all {
		r := &all[i]
		switch {
		case r.Instance != all[0].Instance || r.Seq != all[0].Seq+uint64(i) || r.Seq == 0 || r.Seq > math.MaxInt64:
			return fmt.Errorf("record %d of %q after %d of %q: %w", r.Seq, r.Instance, all[max(0, i-1)].Seq, all[0].Instance, audit.ErrGap)
		case r.Instance == "" || !storable(r):
			return fmt.Errorf("record %d of %q: %w", r.Seq, r.Instance, audit.ErrText)
		}
	}
	return nil
}

func storable(r *ticket.AuditRecord) bool {
	for _, text := range texts(r) {
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return false
		}
	}
	for name, text := range r.Details {
		if !utf8.ValidString(name) || !utf8.ValidString(text) {
			return false // JSON would change it; it escapes a NUL
		}
	}
	return true
}

func texts(r *ticket.AuditRecord) [22]string {
	return [...]string{
		r.Instance, string(r.Event), string(r.Action), r.Outcome, r.Reason, r.Issuer, r.Subject, r.SessionID, r.ClientID, r.TokenID, string(r.TicketID), r.Audience,
		string(r.Door), r.Origin, r.ClientIP, r.UserAgent, r.Route, r.RequestID, r.TraceID, r.Caller, r.Fence, r.ClosedBy,
	}
}

// Details returns the details of a record as a column has them: JSON, or nothing.
func Details(r *ticket.AuditRecord) (string, error) {
	if len(r.Details) == 0 {
		return "", nil
	}
	text, err := json.Marshal(r.Details)
	if err != nil {
		return "", fmt.Errorf("details: %w", err)
	}
	return string(text), nil
}

// Hash returns a hash as a column has it, which is never NULL.
func Hash(hash []byte) []byte {
	if hash == nil {
		return []byte{}
	}
	return hash
}

// Row is a record that is read.
type Row struct {
	ticket.AuditRecord
	details string
}

// Dest returns where the columns go. at is where the time goes, which the dialects have in
// types of their own.
func (r *Row) Dest(at any) []any {
	return []any{
		&r.Instance, &r.Seq, at, &r.Event, &r.Action, &r.Outcome, &r.Reason, &r.Issuer, &r.Subject, &r.SessionID, &r.ClientID, &r.TokenID, &r.TicketID, &r.Audience,
		&r.Door, &r.Origin, &r.ClientIP, &r.UserAgent, &r.Route, &r.RequestID, &r.TraceID, &r.Caller, &r.Fence, &r.CloseCode, &r.ClosedBy, &r.DurationMS, &r.details, &r.Hash,
	}
}

// Record returns what was read.
func (r *Row) Record() (ticket.AuditRecord, error) {
	if r.details != "" {
		if err := json.Unmarshal([]byte(r.details), &r.Details); err != nil {
			return r.AuditRecord, fmt.Errorf("details of record %d of %q: %w", r.Seq, r.Instance, err)
		}
	}
	if len(r.Hash) == 0 {
		r.Hash = nil
	}
	return r.AuditRecord, nil
}
