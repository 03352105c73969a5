package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"wsticket/gate"
	"wsticket/internal/clientip"
	"wsticket/live"
	"wsticket/ticket"
)

// Connections knows the live connections of all processes. [*live.Registry] is one.
type Connections interface {
	List(ctx context.Context, q live.Query) (live.Listing, error)
	Disconnect(ctx context.Context, id ticket.ID) error
}

// connectionList is the answer to GET /connections.
type connectionList struct {
	Connections []connection `json:"connections"`
	// Next is for the parameter cursor of the next page.
	Next ticket.ID `json:"next,omitempty"`
	// Partial reports whether processes are missing that live.
	Partial bool        `json:"partial"`
	Nodes   []live.Node `json:"nodes"`
	Missing []string    `json:"missing,omitempty"`
}

// connection is a live connection on the wire, with times as all answers have them.
type connection struct {
	live.Summary

	Since     string `json:"since"`
	ExpiresAt string `json:"connection_expires_at"`
}

// connections serves GET /connections.
func (s *Server) connections(w http.ResponseWriter, r *http.Request, by keyholder) error {
	if err := forAllAudiences(by); err != nil {
		return err
	}
	q, err := connectionQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	all, err := s.o.Connections.List(r.Context(), q)
	if err != nil {
		return err
	}
	answer := connectionList{
		Connections: []connection{}, Next: all.Next, Partial: len(all.Missing) > 0, Nodes: append([]live.Node{}, all.Nodes...), Missing: all.Missing,
	}
	for _, c := range all.Connections {
		answer.Connections = append(answer.Connections, connection{c, rfc3339(c.Since), rfc3339(c.ExpiresAt)})
	}
	done(r, "read")
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// connectionQuery returns what a query asks for. Without a filter it must say so, so
// that a variable that is empty by mistake does not list everybody.
func connectionQuery(raw string) (q live.Query, err error) {
	all := false
	err = readQuery(raw, []expected{
		{"iss", "must not be empty", notEmpty(&q.Issuer)},
		{"sub", "must not be empty", notEmpty(&q.Subject)},
		{"sid", "must not be empty", notEmpty(&q.SessionID)},
		{"limit", "must be a whole number of 1 to " + strconv.Itoa(live.MaxPage), wholeUpTo(&q.Limit, live.MaxPage)},
		{"cursor", "must be next of the page before", func(value string) bool {
			q.After, err = ticket.ParseID(value)
			return err == nil
		}},
		{"all", "must be true", func(value string) bool { all = value == "true"; return all }},
	})
	if err == nil && !all && q.Issuer == "" && q.Subject == "" && q.SessionID == "" {
		err = badRequest("query: iss, sub or sid, or all=true for everybody's")
	}
	return q, err
}

// disconnect serves DELETE /connections/{id}.
func (s *Server) disconnect(w http.ResponseWriter, r *http.Request, by keyholder) error {
	if err := forAllAudiences(by); err != nil {
		return err
	}
	id, err := ticketID(r)
	if err == nil {
		err = s.o.Connections.Disconnect(requestContext(r, clientip.Peer(r)), id)
	}
	if err != nil {
		return notFound(err) // no ticket is presented
	}
	done(r, "revoked")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// forAllAudiences refuses a key that is limited to audiences: connections of all of
// them are concerned.
func forAllAudiences(by keyholder) error {
	if len(by.key.Audiences) > 0 {
		return ticket.WithDetail(errKeyAudience, "a key with audiences cannot do this: it concerns the connections of all of them")
	}
	return nil
}

// keyedQuery is keyed for an endpoint that has parameters. What is a secret is refused
// in them as elsewhere.
func (s *Server) keyedQuery(scope string, h func(w http.ResponseWriter, r *http.Request, by keyholder) error) endpoint {
	return bounded(func(w http.ResponseWriter, r *http.Request) error {
		by, err := s.authorize(r, scope, bearerKey)
		if errors.Is(err, gate.ErrLimited) {
			return err
		}
		if fault := s.secretInQuery(r.URL.RawQuery, err == nil); fault != nil {
			return fault
		}
		if err != nil {
			return err
		}
		return h(w, r, by)
	})
}
