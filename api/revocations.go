package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"wsticket/internal/clientip"
	"wsticket/internal/strictjson"
	"wsticket/ticket"
)

// Revoker voids bearers, sessions and tickets and ends connections. [*live.Registry] is
// one.
type Revoker interface {
	// Prepare checks a revocation and returns it with its defaults. The error wraps
	// [ticket.ErrInvalidRequest].
	Prepare(v ticket.Revocation) (ticket.Revocation, error)
	// Revoke returns when every process that lives will learn of the revocations. The
	// error wraps [ticket.ErrInvalidRequest] or [ticket.ErrUnavailable].
	Revoke(ctx context.Context, all ...ticket.Revocation) error
	// Holds reports whether this process has a connection that the selector names.
	Holds(who ticket.Selector) bool
}

// revocationAnswer is the answer to POST /revocations.
type revocationAnswer struct {
	ID     string    `json:"id"`
	Before time.Time `json:"before"`
	// Durable reports whether the revocation outlives every process and Redis.
	Durable bool `json:"durable"`
}

// revocations serves POST /revocations. It answers after the stream has the
// revocation, and not after the connections are closed.
func (s *Server) revocations(w http.ResponseWriter, r *http.Request, by keyholder) error {
	if len(by.key.Audiences) > 0 {
		return ticket.WithDetail(errKeyAudience, "a key with audiences cannot revoke: a revocation is for all of them")
	}
	data, err := readBody(w, r, typeJSON)
	if err != nil {
		return err
	}
	wanted, err := decodeRevocation(data)
	if err != nil {
		return err
	}
	wanted.Source = "api"
	if wanted, err = s.o.Revoker.Prepare(wanted); err != nil {
		return err
	}
	err = s.o.Revoker.Revoke(requestContext(r, clientip.Peer(r)), wanted)
	if errors.Is(err, ticket.ErrUnavailable) {
		return ticket.WithDetail(err, "done in this process, which tells the others as soon as it can; the same call again does no harm")
	}
	if err != nil {
		return err
	}
	done(r, "revoked")
	writeJSON(w, http.StatusAccepted, revocationAnswer{ID: wanted.ID, Before: wanted.Before})
	return nil
}

// decodeRevocation returns what the body asks for.
func decodeRevocation(data []byte) (v ticket.Revocation, err error) {
	var id string
	everybody := false
	err = decode(data,
		textMember("iss", &v.Issuer), textMember("sub", &v.Subject), textMember("sid", &v.SessionID), textMember("jti", &v.TokenID),
		textMember("ticket_id", &id), textMember("reason", &v.Reason),
		member{"before", "must be a time such as 2026-11-29T08:00:00Z (RFC 3339)", func(value json.RawMessage) bool {
			said, good := text(value)
			at, err := time.Parse(time.RFC3339, said)
			v.Before = at
			return good && err == nil && !at.IsZero()
		}},
		member{"action", `must be "end" or "recheck"`, func(value json.RawMessage) bool {
			said, _ := strictjson.Text(value)
			v.Action = ticket.RevocationAction(said)
			return v.Action == ticket.RevokeEnd || v.Action == ticket.RevokeRecheck
		}},
		member{"everybody", "must be true, or not be there", func(value json.RawMessage) bool {
			everybody = string(value) == "true"
			return everybody
		}},
	)
	if err == nil {
		err = checkRevocation(&v, id, everybody)
	}
	return v, err
}

// checkRevocation checks the members of a body together.
func checkRevocation(v *ticket.Revocation, id string, everybody bool) (err error) {
	if v.Action == "" {
		return badMember("action", `required: "end" or "recheck"`)
	}
	if id != "" {
		if v.TicketID, err = ticket.ParseID(id); err != nil {
			return badMember("ticket_id", "must be the ID of a ticket or connection, which has 22 characters")
		}
	}
	named := v.Selector != (ticket.Selector{Issuer: v.Issuer})
	switch {
	case named && everybody:
		return badMember("everybody", "must not be there with sub, sid, jti or ticket_id")
	case !named && !everybody:
		return badMember("sub", "sub, sid, jti or ticket_id required, or everybody: true for all users of the issuer")
	}
	return nil
}
