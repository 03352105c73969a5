package records

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"wsticket/audit"
	"wsticket/ticket"
)

// Query is an [ticket.AuditQuery] in SQL.
type Query struct {
	SQL  string
	Args []any
}

// Select returns the query. mark begins the name of a parameter, and stamp converts a time
// into what its dialect has. It selects one record more than the limit, by which a reader
// knows that there is another page.
func Select(q ticket.AuditQuery, mark string, stamp func(time.Time) any) (Query, error) {
	var out Query
	if q.Limit < 1 {
		return out, fmt.Errorf("a limit of %d selects nothing", q.Limit)
	}
	param := func(value any) string {
		out.Args = append(out.Args, value)
		return mark + strconv.Itoa(len(out.Args))
	}
	// What is not empty is said again, so that the partial indexes can be used.
	var where []string
	if q.Subject != "" {
		where = append(where, "sub = "+param(q.Subject)+" AND sub <> ''")
	}
	if q.TicketID != "" {
		where = append(where, "ticket_id = "+param(string(q.TicketID))+" AND ticket_id <> ''")
	}
	if q.Event != "" {
		event := "event"
		if len(where) > 0 {
			event = "(event || '')" // its index would lead to a large part of the table
		}
		where = append(where, event+" = "+param(string(q.Event)))
	}
	if !q.Since.IsZero() {
		where = append(where, "at >= "+param(stamp(q.Since)))
	}
	after, desc := ">", ""
	if q.Newest {
		after, desc = "<", " DESC"
	}
	if q.Cursor != "" {
		at, instance, seq, err := parseCursor(q.Cursor)
		if err != nil {
			return out, err
		}
		where = append(where, fmt.Sprintf("(at, instance, seq) %s (%s, %s, %s)", after, param(stamp(at)), param(instance), param(seq)))
	}
	if len(where) == 0 {
		where = append(where, "at >= "+param(stamp(q.Since))) // or SQLite would sort the whole table
	}
	out.SQL = "SELECT " + Columns + " FROM audit_events WHERE " + strings.Join(where, " AND ") + fmt.Sprintf(" ORDER BY at%[1]s, instance%[1]s, seq%[1]s LIMIT %[2]s", desc, param(int64(min(q.Limit, math.MaxInt32)+1)))
	return out, nil
}

// Page returns a page of what [Select] has selected.
func Page(all []ticket.AuditRecord, limit int) ticket.AuditPage {
	if len(all) <= limit {
		return ticket.AuditPage{Records: all}
	}
	return ticket.AuditPage{Records: all[:limit], Cursor: cursor(&all[limit-1])}
}

// cursor names the place of a record in the order of a search.
func cursor(r *ticket.AuditRecord) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d.%s", r.At.UnixMilli(), r.Seq, r.Instance))
}

func parseCursor(text string) (at time.Time, instance string, seq int64, err error) {
	plain, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		first, rest, _ := strings.Cut(string(plain), ".")
		second, name, ok := strings.Cut(rest, ".")
		millis, fault := strconv.ParseInt(first, 10, 64)
		seq, err = strconv.ParseInt(second, 10, 64)
		at, instance = time.UnixMilli(millis).UTC(), name
		if fault == nil && err == nil && ok && instance != "" && at.Year() >= 0 && at.Year() <= 9999 && !strings.ContainsRune(name, 0) && strings.ToValidUTF8(name, "") == name {
			return at, instance, seq, nil
		}
	}
	return at, "", 0, fmt.Errorf("cursor: %w", audit.ErrCursor)
}
