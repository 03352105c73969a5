package trial

import (
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"wsticket/auth"
	"wsticket/ticket"
)

const (
	// maxName bounds the name of a user, in characters.
	maxName = 40
	// minTTL is the shortest lifetime that may be asked for: a ticket needs 5 s of it.
	minTTL = 10 * time.Second
	// cookieAge is how long the browser keeps the session cookie: until the handshake
	// that it is for.
	cookieAge = 10 * time.Second
)

// who is the body of requests about a user.
type who struct {
	Name string `json:"name"`
	// Seconds shortens the lifetime of the bearer. 0: the longest.
	Seconds int `json:"seconds"`
}

// readWho reads a body about a user.
func (t *Trial) readWho(w http.ResponseWriter, r *http.Request) (body who, ttl time.Duration, err error) {
	if err := readJSON(w, r, &body); err != nil {
		return body, 0, err
	}
	hidden := strings.ContainsFunc(body.Name, func(c rune) bool { return !unicode.IsPrint(c) })
	if n := utf8.RuneCountInString(body.Name); n == 0 || n > maxName || hidden || strings.TrimSpace(body.Name) != body.Name {
		return body, 0, invalid(fmt.Sprintf("name: must be 1 to %d printable characters, without spaces around them", maxName))
	}
	if body.Seconds == 0 {
		return body, t.o.TTL, nil
	}
	least, most := int(minTTL/time.Second), int(auth.DefaultMaxLifetime/time.Second)
	if body.Seconds < least || body.Seconds > most {
		return body, 0, invalid(fmt.Sprintf("seconds: must be %d to %d", least, most))
	}
	return body, min(time.Duration(body.Seconds)*time.Second, t.o.TTL), nil
}

// signIn serves POST /demo/sign-in: what a login of the application would do.
func (t *Trial) signIn(w http.ResponseWriter, r *http.Request) error {
	body, ttl, err := t.readWho(w, r)
	if err != nil {
		return err
	}
	bearer, err := t.o.Sign(body.Name, ttl)
	if err != nil {
		return fmt.Errorf("trial: sign: %w", err)
	}
	return writeJSON(w, struct {
		Bearer    string `json:"bearer"`
		Name      string `json:"name"`
		ExpiresIn int    `json:"expires_in"`
	}{bearer, body.Name, int(ttl / time.Second)})
}

// session serves POST /demo/session: it signs in by a cookie, which no script can read.
func (t *Trial) session(w http.ResponseWriter, r *http.Request) error {
	body, ttl, err := t.readWho(w, r)
	if err != nil {
		return err
	}
	if t.o.Cookie == "" || !t.isOpen(ticket.DoorCookie) {
		return invalid("the door cookie is closed: see --set ws.doors, and session.cookie")
	}
	bearer, err := t.o.Sign(body.Name, ttl)
	if err != nil {
		return fmt.Errorf("trial: sign: %w", err)
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: Secure only over TLS: dev serves HTTP on loopback, where Safari takes no such cookie
		Name: t.o.Cookie, Value: bearer, Path: "/", MaxAge: int(cookieAge / time.Second),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// signOut serves POST /demo/sign-out: everything of a user ends. It answers when the
// user can sign in again, up to a second later: times in bearers are whole seconds, and
// those of this one are void.
func (t *Trial) signOut(w http.ResponseWriter, r *http.Request) error {
	body, _, err := t.readWho(w, r)
	if err != nil {
		return err
	}
	before := time.Now()
	if err := t.o.Revoke(r.Context(), body.Name, before); err != nil {
		return err
	}
	next := time.NewTimer(time.Until(before.Truncate(time.Second).Add(time.Second)))
	defer next.Stop()
	select {
	case <-next.C:
	case <-r.Context().Done():
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
