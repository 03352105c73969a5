package ticket

import (
	"cmp"
	"errors"
	"log/slog"
	"strconv"
	"time"
)

// The bounds of an [AuditRecord], in bytes before they are escaped.
const (
	// MaxUserAgent bounds the User-Agent that events have.
	MaxUserAgent = 256
	// maxAuditText bounds the other texts. An index of PostgreSQL takes 2704 bytes, and an
	// escape is up to four times as long as what it stands for.
	maxAuditText = 512
	// maxDetail bounds a value of Details, and maxDetails how many there are.
	maxDetail  = 256
	maxDetails = 24
)

// Audited reports whether the audit trail keeps an event. It keeps all but those of
// [EventRequest], which are the access log, and a session that was looked at again and is
// still good.
func (e *Event) Audited() bool {
	return e.Kind != EventRequest && (e.Kind != EventRecheck || e.Outcome != "kept")
}

// NewAuditRecord returns what the audit trail keeps of an event that was recorded at a
// time. Instance, Seq, Fence and Hash are for the trail to set.
func NewAuditRecord(e *Event, at time.Time) AuditRecord {
	r := AuditRecord{
		At: at.UTC().Truncate(time.Millisecond), Event: e.Kind, Action: e.Action,
		Outcome: cmp.Or(e.Outcome, outcomeOf(e)), Reason: AuditText(e.Reason),
		Issuer: AuditText(e.Identity.Issuer), Subject: AuditText(e.Identity.Subject), SessionID: AuditText(e.Identity.SessionID),
		ClientID: AuditText(e.Identity.ClientID), TokenID: AuditText(e.Identity.TokenID),
		TicketID: ID(AuditText(string(e.TicketID))), Audience: AuditText(e.Presentation.Audience),
		Door: e.Presentation.Door, Origin: Printable(e.Presentation.Origin),
		UserAgent: userAgent(e.Request.UserAgent), Route: AuditText(cmp.Or(e.HTTP.Route, e.Request.Route)),
		RequestID: AuditText(e.Request.ID), TraceID: AuditText(e.Request.TraceID), Caller: AuditText(e.Request.Caller),
		DurationMS: e.Duration.Milliseconds(), Details: auditDetails(e),
	}
	if client := cmp.Or(e.Presentation.ClientIP, e.Request.ClientIP); client.IsValid() {
		r.ClientIP = client.String()
	}
	if e.Kind == EventDisconnect {
		r.CloseCode, r.ClosedBy = e.Closed.Code, e.Closed.By
	}
	return r
}

// AuditText returns a text, such as the name of a user, as an [AuditRecord] has it: cut to
// 512 bytes and escaped by [Escape]. Search for it in that form.
func AuditText(text string) string { return Escape(cut(text, maxAuditText)) }

// outcomeOf returns the outcome of an event that has none of its own.
func outcomeOf(e *Event) string {
	switch e.Kind {
	case EventRefuse, EventReplay, EventFence, EventLimit:
		if errors.Is(e.Err, ErrUnavailable) {
			return "error"
		}
		return "refused"
	case EventRedeem:
		if e.Retried {
			return "retried"
		}
		return "redeemed"
	case EventIssue:
		return "issued"
	case EventAdmit:
		return "admitted"
	case EventRenew:
		return "renewed"
	case EventRevoke:
		if e.Err != nil { // and what was revoked here stays revoked
			return "error"
		}
		return "revoked"
	case EventDisconnect:
		return "closed"
	default:
		return ""
	}
}

// userAgent returns a User-Agent, cut and escaped. Nobody puts a credential there, but a
// stranger may.
func userAgent(text string) string {
	if hasLongWord(text) && (MayHoldToken(text) || mayHoldJWT(Unescape(text))) {
		return redacted
	}
	return Escape(cut(text, MaxUserAgent))
}

// hasLongWord reports whether text has a word that is long enough for a JWT, whose header
// has {"alg":"x"} at least. It spares most User-Agents a closer look.
func hasLongWord(text string) bool {
	const shortest = 15
	length := 0
	for i := range len(text) {
		switch text[i] {
		case ' ', '/', ';', '(', ')', ',':
			length = 0
		default:
			length++
		}
		if length >= shortest {
			return true
		}
	}
	return false
}

// auditDetails returns what a record says beyond its columns, nil if that is nothing.
func auditDetails(e *Event) map[string]string {
	all := Details(e.Attrs)
	add := func(name, value string) {
		if value != "" {
			all[name] = Escape(cut(value, maxDetail))
		}
	}
	if spent, ok := errors.AsType[*SpentError](e.Err); ok && e.Kind == EventReplay {
		add("state", string(spent.Mark.State))
		add("spent_at", detailTime(spent.Mark.At))
		add("spent_by_attempt", spent.Mark.Attempt)
	}
	if e.Kind == EventReplay || e.Retried {
		add("attempt", e.Presentation.Attempt)
	}
	if v := e.Revocation; v != nil {
		addRevocation(add, v)
	}
	if e.AfterUpgrade {
		add("after_upgrade", "true")
	}
	if e.HTTP.Status != 0 {
		add("method", e.HTTP.Method)
		add("status", strconv.Itoa(e.HTTP.Status))
	}
	add("fault", e.Closed.Fault)
	add("fault_by", e.Closed.FaultBy)
	if e.Closed.Relayed {
		addTraffic(add, "client", e.Closed.FromClient)
		addTraffic(add, "upstream", e.Closed.FromUpstream)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func addRevocation(add func(name, value string), v *Revocation) {
	add("revocation", v.ID)
	add("by", v.Kind())
	add("action", string(v.Action))
	add("source", v.Source)
	add("why", v.Reason)
	if !v.Before.IsZero() {
		add("before", detailTime(v.Before))
	}
}

func addTraffic(add func(name, value string), from string, t Traffic) {
	add(from+"_messages", strconv.FormatUint(t.Messages, 10))
	add(from+"_bytes", strconv.FormatUint(t.Bytes, 10))
}

// Details returns attributes of an event as texts, cut and escaped, without what a value
// was compared with ([ExpectedKey]), which is for debugging. There are not more than 24.
func Details(attrs []slog.Attr) map[string]string {
	all := make(map[string]string, len(attrs))
	for _, a := range attrs {
		if a.Key == ExpectedKey || len(all) == maxDetails {
			continue
		}
		value := a.Value.Resolve()
		if value.Kind() == slog.KindTime {
			all[a.Key] = detailTime(value.Time())
			continue
		}
		all[a.Key] = Escape(cut(EscapeAttr(slog.Attr{Key: a.Key, Value: value}).Value.String(), maxDetail))
	}
	return all
}

func detailTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
