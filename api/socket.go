package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
)

// socketPath matches a plain segment, which no server escapes, cleans or takes
// for a pattern, and behind it plain segments and templates.
var socketPath = regexp.MustCompile(`^/[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/([A-Za-z0-9_~-][A-Za-z0-9._~-]*|\{[A-Za-z_][A-Za-z0-9_]*\}))*/?$`)

// template matches the {name} of one segment.
var template = regexp.MustCompile(`\{[^}]*\}`)

// ownSegments begin the paths of other endpoints on the public router.
var ownSegments = []string{strings.TrimPrefix(ticketPath, "/"), "connections", "backchannel-logout"}

// checkSocketPaths reports what is wrong with TicketOptions.WSPaths.
func checkSocketPaths(paths []string) error {
	var faults []error
	seen := map[string]bool{}
	for _, path := range paths {
		// Two paths that differ in names and a slash only match the same requests.
		same := strings.TrimSuffix(template.ReplaceAllString(path, "{}"), "/")
		names := template.FindAllString(path, -1)
		slices.Sort(names)
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		switch {
		case !socketPath.MatchString(path):
			faults = append(faults, fmt.Errorf("must be a plain path such as /ws or /ws/chat/{room}, whose first segment is no template (got %q)", path))
		case slices.Contains(ownSegments, first):
			faults = append(faults, fmt.Errorf("must not begin as the path of another endpoint (got %q)", path))
		case len(slices.Compact(names)) < strings.Count(path, "{"):
			faults = append(faults, fmt.Errorf("must not have the same name in two segments (got %q)", path))
		case seen[same]:
			faults = append(faults, fmt.Errorf("must not match the same requests as another one (got %q)", path))
		}
		seen[same] = true
	}
	return errors.Join(faults...)
}

// mountSockets mounts the WebSocket at each path, with and without a slash at its
// end.
func (s *Server) mountSockets(r chi.Router) {
	for _, path := range s.o.WSPaths {
		h := s.plainSegments(named(path, s.o.WebSocket))
		bare := strings.TrimSuffix(path, "/")
		// Not HEAD: served like GET, it would spend the ticket in a link that a
		// scanner follows.
		r.Method(http.MethodGet, bare, h)
		r.Method(http.MethodGet, bare+"/", h)
	}
}

// plainSegments answers 404 if what stands for a template is not one plain
// segment: the application might read it as another path.
func (s *Server) plainSegments(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, segment := range chi.RouteContext(r.Context()).URLParams.Values {
			if !isPlainSegment(segment, r.URL.RawPath != "") {
				s.refuse(w, r, errNoRoute)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// isPlainSegment reports whether a segment of a path is one after it is unescaped,
// too, and does not begin with a dot.
func isPlainSegment(segment string, escaped bool) bool {
	if escaped {
		var err error
		if segment, err = url.PathUnescape(segment); err != nil {
			return false
		}
	}
	return segment != "" && segment[0] != '.' &&
		!strings.ContainsFunc(segment, func(c rune) bool { return c < ' ' || c == 0x7f || c == '/' || c == '\\' })
}

// socketURL returns the URL of the WebSocket for the client that sent r: that of
// the first path without a template, and empty if there is none. Without a
// PublicURL it has the Host of r, which was checked if the gate has hosts.
func (s *Server) socketURL(r *http.Request) string {
	i := slices.IndexFunc(s.o.WSPaths, func(path string) bool { return !strings.Contains(path, "{") })
	if i < 0 {
		return ""
	}
	path := s.o.WSPaths[i]
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
