package audit

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"wsticket/ticket"
)

// maxSimple bounds the texts of a record that a database has refused, in bytes.
const maxSimple = 100

// simplify makes the texts of records so that every database can hold them. Most stay as
// they are.
func simplify(records []ticket.AuditRecord) {
	for i := range records {
		r := &records[i]
		for _, text := range []*string{
			(*string)(&r.Event), (*string)(&r.Action), &r.Outcome, &r.Reason, &r.Issuer, &r.Subject, &r.SessionID, &r.ClientID, &r.TokenID, (*string)(&r.TicketID), &r.Audience,
			(*string)(&r.Door), &r.Origin, &r.ClientIP, &r.UserAgent, &r.Route, &r.RequestID, &r.TraceID, &r.Caller, &r.ClosedBy,
		} {
			*text = simple(*text)
		}
		details := make(map[string]string, len(r.Details))
		for name, text := range r.Details {
			details[simple(name)] = simple(text)
		}
		r.Details = details
	}
}

func simple(text string) string {
	text = text[:min(len(text), maxSimple)]
	if !strings.ContainsFunc(text, isOdd) {
		return text
	}
	quoted := strconv.QuoteToASCII(text)
	return quoted[1 : len(quoted)-1]
}

func isOdd(r rune) bool { return r < ' ' || r >= utf8.RuneSelf }
