package handshake

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/token68"
)

// Door is a place where a credential may stand.
type Door string

// The doors. None of them is Basic, say, or any other scheme that nobody takes.
const (
	DoorNone         Door = ""
	DoorQuery        Door = "query"
	DoorSubprotocol  Door = "subprotocol"
	DoorHeader       Door = "header"
	DoorCookie       Door = "cookie"
	DoorFirstMessage Door = "first_message"
)

// Kind is what a credential is, or claims to be.
type Kind int

// The kinds.
const (
	Ticket Kind = iota
	Bearer
	Session
)

// Credential is the one that a handshake brings. Its text is a secret.
type Credential struct {
	Door Door
	Kind Kind
	Text string
}

// Doors says which credentials are taken, and by what names they go.
type Doors struct {
	Open []Door
	// Parameter is the query parameter of [DoorQuery].
	Parameter string
	// Bearers tells whether [DoorHeader] takes bearers beside tickets.
	Bearers bool
	// Cookie is the session cookie of [DoorCookie].
	Cookie string
}

// Credential finds the one credential of a handshake (RFC 6750 2: no more than
// one method). What stands at a closed door is counted like any other: it can
// make one too many, and alone it is as good as none. Only cookies, which a
// browser sends unasked, count where their door is open and nowhere else.
//
// The error is one of this package's; with [ErrClosedDoor] the door is told.
func (d Doors) Credential(rawQuery string, header http.Header, o Offer) (Credential, error) {
	found, err := d.all(rawQuery, header, o)
	switch {
	case err != nil:
		return Credential{}, err
	case len(found) == 0:
		return Credential{}, ErrNoCredential
	case len(found) > 1:
		return Credential{}, ErrTwoCredentials
	case !d.takes(found[0]):
		return Credential{Door: found[0].Door}, ErrClosedDoor
	default:
		return found[0], nil
	}
}

func (d Doors) all(rawQuery string, header http.Header, o Offer) ([]Credential, error) {
	var found []Credential
	text, inQuery, err := TicketInQuery(rawQuery, d.Parameter)
	if err != nil {
		return nil, err
	}
	if inQuery {
		found = append(found, Credential{Door: DoorQuery, Text: text})
	}
	for _, text := range o.Tickets {
		found = append(found, Credential{Door: DoorSubprotocol, Text: text})
	}
	inHeader, err := authorizations(header["Authorization"])
	if err != nil || !slices.Contains(d.Open, DoorCookie) {
		return append(found, inHeader...), err
	}
	inCookie, err := SessionCookies(header["Cookie"], d.Cookie)
	for _, text := range inCookie {
		found = append(found, Credential{Door: DoorCookie, Kind: Session, Text: text})
	}
	return append(found, inHeader...), err
}

func (d Doors) takes(c Credential) bool {
	return slices.Contains(d.Open, c.Door) && (c.Kind != Bearer || d.Bearers)
}

// authorizations reads the Authorization headers (RFC 9110 11.6.2). Other
// schemes are credentials, too, but no door is open to them.
func authorizations(lines []string) ([]Credential, error) {
	var found []Credential
	for _, line := range lines {
		scheme, text, _ := strings.Cut(line, " ")
		switch c := (Credential{Door: DoorHeader, Text: text}); {
		case strings.EqualFold(scheme, "Ticket"):
			found = append(found, c)
		case strings.EqualFold(scheme, "Bearer"):
			c.Kind = Bearer
			found = append(found, c)
		default:
			found = append(found, Credential{Door: DoorNone})
			continue
		}
		// A list of two, two blanks or none, and other white space.
		if !token68.Valid(text) {
			return nil, ErrAuthorization
		}
	}
	return found, nil
}

// SessionCookies returns the values of the cookies of that name, more than one
// of which no two programs need read alike. Cookies of other names may have
// any form: they are other people's (RFC 6265 5.4). A value that is empty or no
// cookie-octets is [ErrCookie].
func SessionCookies(lines []string, name string) ([]string, error) {
	var values []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			got, value, _ := strings.Cut(pair, "=")
			if strings.Trim(got, " \t") != name {
				continue
			}
			value = strings.Trim(value, " \t")
			if !IsCookieValue(value) {
				return nil, ErrCookie
			}
			values = append(values, value)
		}
	}
	return values, nil
}

// IsCookieValue tells whether s is what [SessionCookies] takes for a value: one
// or more cookie-octets, without the quotes that RFC 6265 4.1.1 allows.
func IsCookieValue(s string) bool {
	return s != "" && !strings.ContainsFunc(s, notCookieOctet)
}

// StripCookie removes the cookies of that name from Cookie headers, and leaves
// all others as they are.
func StripCookie(lines []string, name string) []string {
	var kept []string
	for _, line := range lines {
		var pairs []string
		for pair := range strings.SplitSeq(line, ";") {
			if got, _, _ := strings.Cut(pair, "="); strings.Trim(got, " \t") != name {
				pairs = append(pairs, strings.Trim(pair, " \t"))
			}
		}
		if len(pairs) > 0 {
			kept = append(kept, strings.Join(pairs, "; "))
		}
	}
	return kept
}

// notCookieOctet is the complement of cookie-octet in RFC 6265 4.1.1.
func notCookieOctet(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune(`",;\`, c)
}

// Attempt names a handshake by what a client draws anew for each (RFC 6455
// 4.1), or a proxy for each request, and by whence it comes, as a digest:
// neither stands in a store.
func Attempt(key, peer string) string {
	digest := sha256.Sum256([]byte(key + " " + peer))
	return base64.RawURLEncoding.EncodeToString(digest[:])[:22]
}
