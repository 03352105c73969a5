package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"wsticket/internal/wspath"
)

// ownSegments begin the paths of other endpoints on the public router.
var ownSegments = []string{strings.TrimPrefix(ticketPath, "/"), "connections", "backchannel-logout", "security-events"}

// checkSocketPaths reports what is wrong with WSPaths.
func (o TicketOptions) checkSocketPaths() error {
	patterns, err := wspath.ParseAll(o.WSPaths)
	faults := []error{err}
	for _, p := range patterns {
		switch {
		case slices.Contains(ownSegments, p.First()):
			faults = append(faults, fmt.Errorf("must not begin as the path of another endpoint (got %q)", p))
		case o.Gate != nil && !o.Gate.HasPath(p.String()):
			faults = append(faults, fmt.Errorf("nobody could connect at %s, which no audience has: add it to the paths of one, or leave the paths out here to serve those of the audiences", p))
		}
	}
	return errors.Join(faults...)
}

// mountSockets mounts the WebSocket at each path, with and without a slash at its
// end.
func (s *Server) mountSockets(r chi.Router) {
	patterns, _ := wspath.ParseAll(s.o.WSPaths) // checked by faults
	for _, p := range patterns {
		h := s.matching(p, named(p.String(), s.o.WebSocket))
		bare := strings.TrimSuffix(p.String(), "/")
		// Not HEAD: served like GET, it would spend the ticket in a link that a
		// scanner follows.
		r.Method(http.MethodGet, bare, h)
		r.Method(http.MethodGet, bare+"/", h)
	}
}

// matching answers 404 if the path of a request is not matched by p, although the
// router has found it: what stands for a template is not one plain segment.
func (s *Server) matching(p wspath.Pattern, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.Match(r.URL.EscapedPath()) {
			s.refuse(w, r, errNoRoute)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// socketURL returns the URL of the WebSocket that a ticket for an audience opens,
// for the client that sent r, and empty if there is none. Without a PublicURL it has
// the Host of r, which was checked if the gate has hosts.
func (s *Server) socketURL(r *http.Request, audience string) string {
	path := s.o.Gate.SocketPath(audience, s.o.WSPaths)
	if path == "" {
		return ""
	}
	u := url.URL{Scheme: "ws", Host: r.Host, Path: path}
	if r.TLS != nil {
		u.Scheme = "wss"
	}
	if base := s.publicURL; base != nil {
		u.Scheme, u.Host = socketScheme(base.Scheme), base.Host
		u.Path = strings.TrimSuffix(base.Path, "/") + path
	}
	return u.String()
}
