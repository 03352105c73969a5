package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"wsticket/live"
)

// MaxDrainDelay bounds the delay of POST /drain.
const MaxDrainDelay = 10 * time.Minute

// drained is the answer to POST /drain.
type drained struct {
	Connections int `json:"connections"`
	Closed      int `json:"closed"`
	Cut         int `json:"cut"`
}

// drain serves POST /drain. It answers when the drain is done, which may take minutes;
// the drain goes on if the caller does not wait.
func (s *Server) drain(w http.ResponseWriter, r *http.Request) error {
	by, err := s.authorize(r, scopeRevoke, bearerKey)
	if err := s.withQuery(r, err); err != nil {
		return err
	}
	// An operator's browser sends its certificate unasked, and a drain is the one change
	// that needs neither a body nor a header for which the browser would ask first.
	if by.certificate && http.NewCrossOriginProtection().Check(r) != nil {
		return errMissingCredential
	}
	if err := forAllAudiences(by); err != nil {
		return err
	}
	delay, err := drainDelay(w, r)
	if err != nil {
		return err
	}
	// The time-outs of the server are for requests that are answered at once.
	waiting := http.NewResponseController(w)
	_, _ = waiting.SetReadDeadline(time.Time{}), waiting.SetWriteDeadline(time.Time{})
	s.o.Logger.InfoContext(r.Context(), "asked to drain", "caller", by.name, "delay", delay.String())
	how := s.o.Drain(context.WithoutCancel(r.Context()), delay)
	done(r, "drained")
	writeJSON(w, http.StatusOK, drained{Connections: how.Total, Closed: how.Closed, Cut: how.Cut})
	return nil
}

// drainDelay reads the body, which may be missing.
func drainDelay(w http.ResponseWriter, r *http.Request) (time.Duration, error) {
	data, err := readBody(w, r, typeJSON)
	if err != nil || len(data) == 0 {
		return 0, err
	}
	delay := new(time.Duration)
	err = decode(data, member{"delay", "must be a whole number of seconds, 1 to 600", func(value json.RawMessage) (good bool) {
		delay, good = seconds(value)
		return good && *delay <= MaxDrainDelay
	}})
	if err != nil {
		return 0, err
	}
	return *delay, nil
}

// Drain is [Options].Drain: it returns what became of the connections.
type Drain func(ctx context.Context, delay time.Duration) live.Drained
