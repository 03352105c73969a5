package accesslog

import (
	"net/http"
	"strings"
)

// Bounds of what of a path is written down. A ticket has 54 characters and a
// JWT more than 100; an ID has 22.
const (
	maxSegment = 40
	maxPath    = 256
)

// cleanPath keeps a credential that a client has put into the path by
// mistake out of the log, and the line short.
func cleanPath(path string) string {
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

// method keeps the number of different methods in logs and metrics small:
// any token is one on the wire.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	default:
		return "OTHER"
	}
}
