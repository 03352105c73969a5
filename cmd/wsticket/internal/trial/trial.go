// Package trial has the endpoints of the demo page, which `wsticket dev` serves beside
// the service itself. They sign in anybody who asks, so they answer to pages of this
// server and to nobody else; serve has none of them.
package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"sync"
	"time"

	"wsticket/api"
	"wsticket/gate"
	"wsticket/internal/strictjson"
	"wsticket/ticket"
	"wsticket/web"
)

// Options are the settings of a Trial. All are required, unless they say otherwise.
type Options struct {
	// Sign returns a bearer of a user that ends after a time.
	Sign func(name string, ttl time.Duration) (bearer string, err error)
	// TTL is the longest lifetime of a bearer, and the one of those that do not ask
	// for another.
	TTL time.Duration
	// Cookie is the name of the session cookie, which takes a bearer. It may be empty:
	// there are no sessions.
	Cookie string
	// Revoke voids the bearers of a user that were signed until a time, and ends what
	// was opened with them.
	Revoke func(ctx context.Context, name string, before time.Time) error
	// Address is that of the public listener.
	Address string
	// Path and Parameter are those of the WebSocket.
	Path, Parameter string
	// Doors are those that are open. None: those of package gate.
	Doors []ticket.Door
	// AcceptThenClose is true where handshakes are refused by closing what they have
	// opened.
	AcceptThenClose bool
	// Log has the lines of the log.
	Log *Log
	// Stopping is closed when the process stops. Answers that would not end do then.
	Stopping <-chan struct{}
}

// Trial serves the demo page and its endpoints.
type Trial struct {
	o       Options
	racing  sync.Mutex    // held by the only race
	streams chan struct{} // a place of each stream of the log
}

// New returns a Trial.
func New(o Options) *Trial { return &Trial{o: o, streams: make(chan struct{}, maxStreams)} }

// Home serves the page.
func (t *Trial) Home() http.Handler { return web.Demo() }

// Routes are the files of the page, and its endpoints.
func (t *Trial) Routes() []api.Route {
	page := t.Home()
	return []api.Route{
		{Method: http.MethodGet, Pattern: `/demo/{file:[a-z]+\.[a-z]+}`, Serve: func(w http.ResponseWriter, r *http.Request) error {
			page.ServeHTTP(w, r)
			return nil
		}},
		{Method: http.MethodGet, Pattern: "/demo/settings", Serve: ownPage(t.settings)},
		{Method: http.MethodGet, Pattern: "/demo/log", Serve: ownPage(t.stream)},
		{Method: http.MethodPost, Pattern: "/demo/sign-in", Serve: ownPage(t.signIn)},
		{Method: http.MethodPost, Pattern: "/demo/session", Serve: ownPage(t.session)},
		{Method: http.MethodPost, Pattern: "/demo/sign-out", Serve: ownPage(t.signOut)},
		{Method: http.MethodPost, Pattern: "/demo/handshakes", Serve: ownPage(t.handshakes)},
	}
}

// isOpen reports whether a door is open.
func (t *Trial) isOpen(door ticket.Door) bool {
	return len(t.o.Doors) == 0 || slices.Contains(t.o.Doors, door)
}

// settings serves GET /demo/settings.
func (t *Trial) settings(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, struct {
		Seconds   int           `json:"seconds"`
		Path      string        `json:"path"`
		Parameter string        `json:"parameter"`
		Doors     []ticket.Door `json:"doors"`
	}{int(t.o.TTL / time.Second), t.o.Path, t.o.Parameter, t.pageDoors()})
}

// pageDoors returns the doors that are open and that a page can use, the usual one first.
func (t *Trial) pageDoors() []ticket.Door {
	all := []ticket.Door{ticket.DoorQuery, ticket.DoorSubprotocol, ticket.DoorFirstMessage, ticket.DoorCookie}
	return slices.DeleteFunc(all, func(door ticket.Door) bool {
		return !t.isOpen(door) || door == ticket.DoorCookie && t.o.Cookie == ""
	})
}

// ownPage refuses requests that no page of this server has made. The router has
// checked the host, so that its name is one of ours. A page cannot set either header.
// Browsers send Origin with each POST, but not all of them send anything with a GET,
// whose answer no other page can read.
func ownPage(serve func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
		own := origin == originOf(r) || origin == "" && (site == "same-origin" || r.Method == http.MethodGet)
		if !own || site != "" && site != "same-origin" {
			return ticket.WithAttrs(gate.ErrOrigin, slog.String("origin", origin), ticket.Expected(originOf(r)))
		}
		return serve(w, r)
	}
}

// originOf returns the origin of the pages that are at the host of a request.
func originOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// maxBody bounds the body of a request, in bytes.
const maxBody = 1 << 10

// readJSON reads the body of a request into v.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return invalid("Content-Type: must be application/json")
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return invalid(fmt.Sprintf("body: at most %d bytes", maxBody))
	}
	if err == nil {
		err = strictjson.Check(data, 1)
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return invalid("body: must be a JSON object of the members that the page sends")
	}
	return nil
}

// invalid returns the error of a request that is malformed.
func invalid(detail string) error {
	return ticket.WithDetail(fmt.Errorf("trial: %w", ticket.ErrInvalidRequest), detail)
}

func writeJSON(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("trial: encode: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text)
	return nil
}
