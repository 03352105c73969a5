package ws

import (
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/token68"
)

// credential is the one that a handshake brings.
type credential struct {
	door   Door
	text   string
	bearer bool
}

// credential finds the one credential of a handshake (RFC 6750 2: no more than
// one method). What stands at a closed door is counted like any other: it can
// make one too many, and alone it is as good as none.
func (h *Handler) credential(r *http.Request, o offer) (credential, error) {
	var found []credential
	text, inQuery, err := ticketInQuery(r.URL.RawQuery, h.options.TicketParameter)
	if err != nil {
		return credential{}, err
	}
	if inQuery {
		found = append(found, credential{door: DoorQuery, text: text})
	}
	for _, text := range o.tickets {
		found = append(found, credential{door: DoorSubprotocol, text: text})
	}
	inHeader, err := h.authorizations(r.Header["Authorization"])
	if err != nil {
		return credential{}, err
	}
	found = append(found, inHeader...)
	switch {
	case len(found) == 0:
		return credential{}, errNoCredential
	case len(found) > 1:
		return credential{}, errTwoCredentials
	case !h.isOpen(found[0]):
		return credential{door: found[0].door}, errClosedDoor
	default:
		return found[0], nil
	}
}

// authorizations reads the Authorization headers (RFC 9110 11.6.2). Other
// schemes are credentials, too, but the door is closed to them.
func (h *Handler) authorizations(lines []string) ([]credential, error) {
	var found []credential
	for _, line := range lines {
		scheme, text, _ := strings.Cut(line, " ")
		switch c := (credential{door: DoorHeader, text: text}); {
		case strings.EqualFold(scheme, "Ticket"):
			found = append(found, c)
		case strings.EqualFold(scheme, "Bearer"):
			c.bearer = true
			found = append(found, c)
		default:
			found = append(found, credential{door: doorNone})
			continue
		}
		// A list of two, two blanks or none, and other white space.
		if !token68.Valid(text) {
			return nil, errAuthorization
		}
	}
	return found, nil
}

// doorNone is that of a credential which no door takes.
const doorNone Door = ""

func (h *Handler) isOpen(c credential) bool {
	if c.bearer {
		return h.takesBearers()
	}
	return slices.Contains(h.options.Doors, c.door)
}

func (h *Handler) takesBearers() bool {
	return h.options.Authenticator != nil && slices.Contains(h.options.Doors, DoorHeader)
}
