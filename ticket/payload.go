package ticket

import (
	"encoding/json"
	"fmt"
	"time"
)

// payload is a grant as it is sealed. The names are short because there may
// be millions of them in memory.
type payload struct {
	Issuer    string         `json:"i"`
	Subject   string         `json:"s"`
	SessionID string         `json:"n,omitempty"`
	TokenID   string         `json:"j,omitempty"`
	BearerAud []string       `json:"b,omitempty"`
	BearerSco string         `json:"p,omitempty"`
	Claims    map[string]any `json:"c,omitempty"`
	Expires   int64          `json:"e"` // bearer's exp, Unix milliseconds
	Audience  string         `json:"a"`
	Scope     string         `json:"o,omitempty"`
	Origin    string         `json:"r,omitempty"`
}

func encodePayload(g Grant) ([]byte, error) {
	text, err := json.Marshal(payload{
		Issuer: g.Identity.Issuer, Subject: g.Identity.Subject,
		SessionID: g.Identity.SessionID, TokenID: g.Identity.TokenID,
		BearerAud: g.Identity.Audience, BearerSco: g.Identity.Scope,
		Claims: g.Identity.Claims, Expires: g.ConnectionExpiresAt.UnixMilli(),
		Audience: g.Audience, Scope: g.Scope, Origin: g.Origin,
	})
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return text, nil
}

func decodePayload(id ID, data []byte) (Grant, error) {
	var p payload
	if json.Unmarshal(data, &p) != nil {
		return Grant{}, fmt.Errorf("decode payload: %w", ErrCorrupt)
	}
	end := time.UnixMilli(p.Expires)
	return Grant{
		ID: id,
		Identity: Identity{
			Issuer: p.Issuer, Subject: p.Subject, SessionID: p.SessionID, TokenID: p.TokenID,
			Audience: p.BearerAud, Scope: p.BearerSco, Claims: p.Claims, ExpiresAt: end,
		},
		Audience: p.Audience, Scope: p.Scope, Origin: p.Origin, ConnectionExpiresAt: end,
	}, nil
}
