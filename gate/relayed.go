package gate

import (
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/header"
	"wsticket/internal/jwtscan"
	"wsticket/ticket"
)

// HoldsJWT reports whether text contains a JWT, percent-encoded or not.
func HoldsJWT(text string) bool { return jwtscan.Holds(text) || jwtscan.Holds(ticket.Unescape(text)) }

// holdsCredential reports whether text could hold a ticket or a JWT, in any spelling.
func holdsCredential(text string) bool { return ticket.MayHoldToken(text) || HoldsJWT(text) }

// WithoutCredentials returns a copy of a handshake, to relay to the application,
// that holds no credential of ours: not the one that the gate has found, and no
// ticket in any other place, where somebody has put it by mistake or repeated the
// URL. Removed are:
//   - of the query, the parameters that hold a ticket
//   - Authorization with a ticket or a bearer; another scheme may be the
//     application's
//   - the session cookie, and each cookie that holds a ticket
//   - any other header that holds a ticket, or a URL with a JWT.
//
// The offer in Sec-WebSocket-Protocol stays: see [Offer.Application].
func (g *Gate) WithoutCredentials(r *http.Request) *http.Request {
	out := r.WithContext(r.Context()) // a shallow copy
	to := *r.URL
	to.RawQuery = withoutTickets(to.RawQuery, g.o.TicketParameter)
	out.URL, out.Header = &to, make(http.Header, len(r.Header))
	for name, values := range r.Header {
		header.Set(out.Header, name, g.withoutCredentials(name, values))
	}
	return out
}

// withoutCredentials returns what is left of a header.
func (g *Gate) withoutCredentials(name string, values []string) []string {
	switch name {
	case "Authorization":
		return OtherAuthorizations(values)
	case "Cookie":
		if g.o.SessionCookie != "" {
			values = header.WithoutSession(values, g.o.SessionCookie)
		}
		return header.WithoutCookies(values, ticket.MayHoldToken)
	case "Sec-Websocket-Protocol":
		return values
	case "Forwarded", "X-Forwarded-For":
		// What a client has sent must not remove what a proxy has added.
		if !slices.ContainsFunc(values, leaks) {
			return values
		}
		return slices.DeleteFunc(header.List(values), leaks)
	default:
		if slices.ContainsFunc(values, leaks) {
			return nil
		}
		return values
	}
}

// leaks reports whether the value of a header holds a ticket, or a URL with a JWT.
// A JWT that stands alone is the application's: headers are where it belongs.
func leaks(value string) bool {
	return ticket.MayHoldToken(value) || HoldsJWT(value) && strings.ContainsAny(ticket.Unescape(value), "/?&")
}

// OtherAuthorizations returns the Authorization headers that have neither a ticket
// nor a bearer, also where a proxy has joined one with another scheme's to a list.
func OtherAuthorizations(lines []string) []string {
	ours := func(element string) bool {
		scheme, _ := splitScheme(element)
		return strings.EqualFold(scheme, schemeTicket) || strings.EqualFold(scheme, schemeBearer)
	}
	var kept []string
	for _, line := range lines {
		if !ticket.MayHoldToken(line) && !slices.ContainsFunc(header.List([]string{line}), ours) {
			kept = append(kept, line)
		}
	}
	return kept
}

// withoutTickets removes the ticket that [ticketInQuery] found, and every other
// parameter that holds one. Everything else stays as it is.
func withoutTickets(raw, parameter string) string {
	isTicket := func(pair string) bool { return strings.HasPrefix(pair, parameter+"=") || ticket.MayHoldToken(pair) }
	pairs := strings.Split(raw, "&")
	if !slices.ContainsFunc(pairs, isTicket) {
		return raw
	}
	return strings.Join(slices.DeleteFunc(pairs, isTicket), "&")
}
