package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"wsticket/internal/clientip"
	"wsticket/ticket"
)

// readyTimeout bounds a readiness check. A store that takes longer is of no use
// to a handshake.
const readyTimeout = time.Second

// The paths of the probes.
const (
	livePath    = "/livez"
	startupPath = "/startupz"
	readyPath   = "/readyz"
)

// The states of a [Dependency].
const (
	DependencyOK      = "ok"
	DependencyFailing = "failing"
	// DependencyUnknown: it was not asked yet.
	DependencyUnknown = "unknown"
)

// Dependency is something outside of the process that the service needs, and how
// it is. It holds no secret: it is shown to everybody who reaches the internal
// listener.
type Dependency struct {
	// Name tells dependencies of one kind apart, such as the issuer whose keys
	// are needed.
	Name string
	// Kind is "store", "database" or "keys".
	Kind string
	// State is [DependencyOK], [DependencyFailing] or [DependencyUnknown].
	State string
	// Since is when it came into State; zero if that is not known.
	Since time.Time
	// Cause says what is wrong, in words. Empty unless it is failing.
	Cause string
}

// health is the answer of a probe. Only /readyz?verbose has Detail and
// Dependencies.
type health struct {
	Status       string              `json:"status"`
	Detail       string              `json:"detail,omitempty"`
	Dependencies *[]dependencyHealth `json:"dependencies,omitempty"`
}

// dependencyHealth is a [Dependency] on the wire.
type dependencyHealth struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	State string `json:"state"`
	Since string `json:"since,omitempty"`
	Cause string `json:"cause,omitempty"`
}

// probeRoutes mounts the probes. ready serves /readyz.
func (s *Server) probeRoutes(r chi.Router, ready endpoint) {
	s.route(r, http.MethodGet, livePath, s.live)
	s.route(r, http.MethodGet, startupPath, s.startup)
	s.route(r, http.MethodGet, readyPath, ready)
}

// healthRouter serves the probes and nothing else, whatever the host.
func (s *Server) healthRouter() http.Handler {
	r := s.router(func(*http.Request) bool { return true })
	s.probeRoutes(r, s.ready)
	return r
}

// isProbe reports whether r is a probe whose answer says nothing but yes or no.
// Balancers and kubelets send it with any Host or none, and a foreign page learns
// nothing from it.
func isProbe(r *http.Request) bool {
	return slices.Contains([]string{livePath, startupPath, readyPath}, routePath(r)) && !isVerbose(r)
}

// isVerbose reports whether r asks for the dependencies.
func isVerbose(r *http.Request) bool {
	return routePath(r) == readyPath && r.URL.Query().Has("verbose")
}

// live serves GET /livez: the process answers. It checks nothing else, so that
// an outage of the store does not get the process restarted.
func (s *Server) live(w http.ResponseWriter, r *http.Request) error {
	return healthy(w, r, nil)
}

// startup serves GET /startupz: the service had all that it needs once.
func (s *Server) startup(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	return healthy(w, r, s.checkStarted(ctx))
}

// ready serves GET /readyz: the service has started and takes requests.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	return healthy(w, r, s.checkReady(r.Context()))
}

// readyWithQuery is ready, and serves GET /readyz?verbose, too. Where /metrics
// needs a key, so does the latter, except from this machine, which has
// wsticket health.
func (s *Server) readyWithQuery(w http.ResponseWriter, r *http.Request) error {
	if !isVerbose(r) {
		return s.ready(w, r)
	}
	if s.o.GuardMetrics && !fromThisMachine(r) {
		if _, err := s.authorize(r, scopeRead, bearerKey); err != nil {
			return err
		}
	}
	err := s.checkReady(r.Context())
	answer := health{Status: "ok", Detail: ticket.DetailOf(err), Dependencies: s.dependencies()}
	if err == nil {
		done(r, "ok")
		writeJSON(w, http.StatusOK, answer)
		return nil
	}
	answer.Status = codeUnavailable
	s.refusal(w, r, err)
	writeJSON(w, http.StatusServiceUnavailable, answer)
	return nil
}

// fromThisMachine reports whether the peer has the address that it has reached.
func fromThisMachine(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap().WithZone("") == clientip.Peer(r)
}

// checkReady returns an error while the service starts or stops, and what
// Options.Ready says.
func (s *Server) checkReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	if err := s.checkStarted(ctx); err != nil {
		return err
	}
	if s.o.Ready == nil {
		return nil
	}
	return notReady(s.o.Ready(ctx))
}

// checkStarted returns what Options.Started says, until that is nil once.
func (s *Server) checkStarted(ctx context.Context) error {
	if s.started.Load() {
		return nil
	}
	if s.o.Started != nil {
		if err := s.o.Started(ctx); err != nil {
			return notReady(err)
		}
	}
	s.started.Store(true)
	return nil
}

// notReady returns errNotReady with the detail of err, which is all that may be
// shown of it. It returns nil for nil.
func notReady(err error) error {
	if err == nil {
		return nil
	}
	detail := ticket.DetailOf(err)
	if detail == "" {
		return errNotReady
	}
	return ticket.WithDetail(ticket.WithAttrs(errNotReady, slog.String("because", detail)), detail)
}

// healthy answers a probe, unless there is an error.
func healthy(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil {
		return err
	}
	done(r, "ok")
	writeJSON(w, http.StatusOK, health{Status: "ok"})
	return nil
}

func (s *Server) dependencies() *[]dependencyHealth {
	shown := []dependencyHealth{}
	if s.o.Dependencies == nil {
		return &shown
	}
	for _, d := range s.o.Dependencies() {
		row := dependencyHealth{Name: d.Name, Kind: d.Kind, State: d.State, Cause: d.Cause}
		if !d.Since.IsZero() {
			row.Since = rfc3339(d.Since)
		}
		shown = append(shown, row)
	}
	return &shown
}

// writeJSON answers with v, which must be of a type that always encodes.
func writeJSON(w http.ResponseWriter, status int, v any) {
	data, _ := json.Marshal(v)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
