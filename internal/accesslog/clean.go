package accesslog

import (
	"net/http"
	"strings"
)

// Limits of what is logged of a path, in bytes. A ticket has 54 and a JWT more
// than 100; a ticket's ID, which is safe to log, has 22.
const (
	maxSegment = 40
	maxPath    = 256
)

// CleanPath removes a credential that a client has put into the path by mistake,
// and shortens the path.
func CleanPath(path string) string {
	if len(path) > maxSegment {
		path = redact(path)
	}
	if len(path) > maxPath {
		path = path[:maxPath] + "…"
	}
	return strings.ToValidUTF8(path, "\uFFFD")
}

func redact(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if len(s) > maxSegment {
			segments[i] = "[redacted]"
		}
	}
	return strings.Join(segments, "/")
}

// method limits the number of different methods in logs and metrics: on the wire
// any token is a method.
func method(m string) string {
	for _, known := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
	} {
		if m == known {
			return known // m is a part of the request line: who keeps it would keep the query
		}
	}
	return "OTHER"
}
