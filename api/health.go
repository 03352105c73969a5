package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// readyTimeout bounds a readiness check. A store that takes longer is of no use
// to a handshake.
const readyTimeout = time.Second

type health struct {
	Status string `json:"status"`
}

// live serves GET /livez: the process answers. It checks nothing else, so that
// an outage of the store does not get the process restarted.
func (s *Server) live(w http.ResponseWriter, r *http.Request) error {
	done(r, "ok")
	writeJSON(w, http.StatusOK, health{"ok"})
	return nil
}

// ready serves GET /readyz: tickets can be issued and redeemed.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	if s.o.Ready != nil {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := s.o.Ready(ctx); err != nil {
			return errNotReady
		}
	}
	done(r, "ok")
	writeJSON(w, http.StatusOK, health{"ok"})
	return nil
}

// writeJSON answers with v, which must be of a type that always encodes.
func writeJSON(w http.ResponseWriter, status int, v any) {
	data, _ := json.Marshal(v)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
