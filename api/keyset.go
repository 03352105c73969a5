package api

import (
	"net/http"
	"strconv"
)

// keySetPath is the path at which verifiers look for keys by convention (RFC
// 8615).
const keySetPath = "/.well-known/jwks.json"

// keySet serves GET /.well-known/jwks.json (media type: RFC 7517 8.5.2). Its
// answer is the only one that may be stored and that every page may read: the
// keys are public, and a verifier should not fetch them for each connection.
func (s *Server) keySet(w http.ResponseWriter, r *http.Request) error {
	done(r, "ok")
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Content-Type", "application/jwk-set+json")
	h.Set("Content-Length", strconv.Itoa(len(s.o.KeySet)))
	_, _ = w.Write(s.o.KeySet)
	return nil
}
