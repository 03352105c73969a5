package gate

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/token68"
	"wsticket/ticket"
)

// kind is what a credential is, or claims to be.
type kind int

const (
	kindTicket kind = iota
	kindBearer
	kindSession
)

func (k kind) String() string { return [...]string{"ticket", "bearer", "session"}[k] }

// credential is one that a handshake brings. Its text is a secret.
type credential struct {
	door ticket.Door
	kind kind
	text string
}

// doors says which credentials are accepted, and under which names.
type doors struct {
	open []ticket.Door
	// parameter is the query parameter of DoorQuery.
	parameter string
	// bearers reports whether bearers are accepted beside tickets.
	bearers bool
	// session reads the session cookie of DoorCookie.
	session sessionCookie
}

// find returns the one credential of a handshake (RFC 6750 2: no more than one
// method). Only explicit ones count, which somebody has put there: a ticket, or a
// bearer. One at a closed door counts like any other: together with another one it
// is one too many, and alone it is refused. The session cookie, which a browser
// sends by itself, is the credential where there is no other one.
//
// With [ErrClosedDoor] and the errors of cookies the door is in the result.
func (d doors) find(rawQuery string, h http.Header, o Offer) (credential, error) {
	found, err := d.explicit(rawQuery, h, o)
	switch {
	case err != nil:
		return credential{}, err
	case len(found) == 0:
		return d.ambient(h)
	case len(found) > 1:
		return credential{}, ticket.WithAttrs(ErrTwoCredentials, slog.Any("doors", doorsOf(found)))
	case !d.accept(found[0]):
		return credential{door: found[0].door}, ticket.WithAttrs(ErrClosedDoor, slog.String("credential", found[0].kind.String()))
	default:
		return found[0], nil
	}
}

// explicit returns the credentials that somebody has put there.
func (d doors) explicit(rawQuery string, h http.Header, o Offer) ([]credential, error) {
	var found []credential
	text, inQuery, err := ticketInQuery(rawQuery, d.parameter)
	if err != nil {
		return nil, err
	}
	if inQuery {
		found = append(found, credential{door: ticket.DoorQuery, text: text})
	}
	for _, text := range o.tickets {
		found = append(found, credential{door: ticket.DoorSubprotocol, text: text})
	}
	inHeader, err := authorizations(h["Authorization"])
	return append(found, inHeader...), err
}

// ambient returns the session cookie, if its door is open.
func (d doors) ambient(h http.Header) (credential, error) {
	if !slices.Contains(d.open, ticket.DoorCookie) {
		return credential{}, ErrNoCredential
	}
	text, err := d.session.read(h)
	switch {
	case err != nil:
		return credential{door: ticket.DoorCookie}, err
	case text == "":
		return credential{}, ErrNoCredential
	default:
		return credential{door: ticket.DoorCookie, kind: kindSession, text: text}, nil
	}
}

func (d doors) accept(c credential) bool {
	return slices.Contains(d.open, c.door) && (c.kind != kindBearer || d.bearers)
}

func doorsOf(found []credential) []string {
	names := make([]string, len(found))
	for i, c := range found {
		names[i] = string(c.door)
	}
	return names
}

// authorizations reads the Authorization headers (RFC 9110 11.6.2). Those with
// schemes that no door takes, such as Basic, are not ours: a browser sends them by
// itself to a site that asks for them.
func authorizations(lines []string) ([]credential, error) {
	var found []credential
	for _, line := range lines {
		scheme, text := splitScheme(line)
		c := credential{door: ticket.DoorHeader, text: text}
		switch {
		case strings.EqualFold(scheme, schemeTicket):
		case strings.EqualFold(scheme, schemeBearer):
			c.kind = kindBearer
		default:
			continue
		}
		// This also refuses a list of two, two blanks, and other white space.
		if !token68.Valid(text) {
			return nil, wrongHeader(ErrAuthorization, "Authorization", "malformed")
		}
		found = append(found, c)
	}
	return found, nil
}

// splitScheme splits at the blank behind the scheme. White space of other kinds
// ends it, too, because some applications split there: it stays in the text, and
// makes that malformed.
func splitScheme(line string) (scheme, text string) {
	end := strings.IndexAny(line, " \t")
	if end < 0 {
		return line, ""
	}
	return line[:end], strings.TrimPrefix(line[end:], " ")
}

// The schemes of DoorHeader.
const (
	schemeTicket = "Ticket"
	schemeBearer = "Bearer"
)
