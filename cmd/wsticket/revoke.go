package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"wsticket/internal/since"
)

type revokeCmd struct {
	operator

	Action    string `default:"end" enum:"end,recheck" help:"What becomes of open connections: end (4003, sign in again) or recheck (4008, show a fresh bearer). Default: end."`
	Iss       string `placeholder:"URL" help:"Issuer of the bearers. May be left out if the service has one only."`
	Sub       string `placeholder:"NAME" help:"Everything of this user."`
	Sid       string `placeholder:"ID" help:"Everything of this session."`
	Jti       string `placeholder:"ID" help:"Everything of this bearer."`
	Ticket    string `placeholder:"ID" help:"One ticket or connection, by its ID."`
	Everybody bool   `help:"Everything of the issuer."`
	Before    string `placeholder:"TIME" help:"Bearers that were issued later stay good: RFC 3339, or a time ago such as 10m. Default: now, and the leeway of the issuer."`
	Reason    string `placeholder:"TEXT" help:"Why, for the log."`
}

// revocationBody is the body of POST /revocations.
type revocationBody struct {
	Issuer    string `json:"iss,omitempty"`
	Subject   string `json:"sub,omitempty"`
	Session   string `json:"sid,omitempty"`
	Token     string `json:"jti,omitempty"`
	Ticket    string `json:"ticket_id,omitempty"`
	Everybody bool   `json:"everybody,omitempty"`
	Before    string `json:"before,omitempty"`
	Action    string `json:"action"`
	Reason    string `json:"reason,omitempty"`
}

// Run revokes, and prints the ID of the revocation.
func (c *revokeCmd) Run(ctx context.Context, w world) error {
	before, err := c.before(time.Now())
	if err != nil {
		return err
	}
	body := revocationBody{c.Iss, c.Sub, c.Sid, c.Jti, c.Ticket, c.Everybody, before, c.Action, c.Reason}
	var answer struct{ ID, Before string }
	if err := c.call(ctx, w, http.MethodPost, "/revocations", body, &answer, http.StatusAccepted); err != nil {
		return fmt.Errorf("revoke: %w", err)
	}
	return say(w.Stdout, "revoked %s, what was issued until %s", answer.ID, answer.Before)
}

// before returns the time of --before for the service.
func (c *revokeCmd) before(now time.Time) (string, error) {
	if c.Before == "" {
		return "", nil
	}
	at, ok := since.Parse(c.Before, now)
	if !ok {
		return "", usageError{fmt.Errorf("--before: must be a time such as 2026-11-29T08:00:00Z or a time ago such as 10m (got %q)", c.Before)}
	}
	return at.Format(time.RFC3339Nano), nil
}
