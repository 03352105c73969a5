package api

import (
	_ "embed"
	"net/http"
	"strconv"
)

//go:embed openapi.yaml
var document []byte

// openAPI serves GET /openapi.yaml (media type: RFC 9512).
func (s *Server) openAPI(w http.ResponseWriter, r *http.Request) error {
	done(r, "ok")
	w.Header().Set("Content-Type", "application/yaml")
	w.Header().Set("Content-Length", strconv.Itoa(len(document)))
	_, _ = w.Write(document)
	return nil
}
