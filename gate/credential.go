package gate

import (
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/header"
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
	// cookie is the session cookie of DoorCookie.
	cookie string
}

// find returns the one credential of a handshake (RFC 6750 2: no more than one
// method). A credential at a closed door counts like any other: together with
// another one it is one too many, and alone it is refused. Cookies, which a
// browser sends by itself, count only if their door is open.
//
// With [ErrClosedDoor] the door is in the result.
func (d doors) find(rawQuery string, h http.Header, o Offer) (credential, error) {
	found, err := d.all(rawQuery, h, o)
	switch {
	case err != nil:
		return credential{}, err
	case len(found) == 0:
		return credential{}, ErrNoCredential
	case len(found) > 1:
		return credential{}, ErrTwoCredentials
	case !d.accept(found[0]):
		return credential{door: found[0].door}, ErrClosedDoor
	default:
		return found[0], nil
	}
}

func (d doors) all(rawQuery string, h http.Header, o Offer) ([]credential, error) {
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
	if err != nil || !slices.Contains(d.open, ticket.DoorCookie) {
		return append(found, inHeader...), err
	}
	inCookie, err := header.Cookies(h["Cookie"], d.cookie)
	if err != nil {
		return nil, ErrCookie
	}
	for _, text := range inCookie {
		found = append(found, credential{door: ticket.DoorCookie, kind: kindSession, text: text})
	}
	return append(found, inHeader...), nil
}

func (d doors) accept(c credential) bool {
	return slices.Contains(d.open, c.door) && (c.kind != kindBearer || d.bearers)
}

// authorizations reads the Authorization headers (RFC 9110 11.6.2). Those with
// other schemes are credentials, too, but no door is open to them.
func authorizations(lines []string) ([]credential, error) {
	var found []credential
	for _, line := range lines {
		scheme, text, _ := strings.Cut(line, " ")
		switch c := (credential{door: ticket.DoorHeader, text: text}); {
		case strings.EqualFold(scheme, "Ticket"):
			found = append(found, c)
		case strings.EqualFold(scheme, "Bearer"):
			c.kind = kindBearer
			found = append(found, c)
		default:
			found = append(found, credential{door: ticket.DoorNone})
			continue
		}
		// This also refuses a list of two, two blanks, and other white space.
		if !token68.Valid(text) {
			return nil, ErrAuthorization
		}
	}
	return found, nil
}
