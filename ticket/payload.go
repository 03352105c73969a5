package ticket

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// A payload is a grant as it is sealed. Millions of them may be in memory, and
// each redemption reads one, so it is short and needs no parser: the expiry and the
// bearer's iat (0 if it has none) in Unix milliseconds, the texts, the cookies of a session, the number of the bearer's audiences and these,
// each text after its length, then the span of the issue after withSpan, if it was
// recorded, and then the claims as JSON, if there are any. Numbers are varints.

// usualPayload is a size in bytes. A longer payload takes another allocation.
const usualPayload = 256

// withSpan comes before the span of the issue. No JSON begins with it.
const withSpan = 1

// texts returns the texts of a grant, in the order of the payload.
func texts(g *Grant) [9]*string {
	who := &g.Identity
	return [...]*string{
		&who.Issuer, &who.Subject, &who.SessionID, &who.TokenID, &who.ClientID, &who.Scope, &g.Audience, &g.Scope, &g.Origin,
	}
}

func encodePayload(g Grant) ([]byte, error) {
	b := binary.AppendVarint(make([]byte, 0, usualPayload), g.ConnectionExpiresAt.UnixMilli())
	b = binary.AppendVarint(b, millis(g.Identity.IssuedAt))
	for _, text := range texts(&g) {
		b = appendText(b, *text)
	}
	b = appendText(b, g.Identity.Cookies.Reveal())
	b = binary.AppendVarint(b, int64(len(g.Identity.Audience)))
	for _, text := range g.Identity.Audience {
		b = appendText(b, text)
	}
	if g.Issue != (SpanRef{}) {
		b = append(append(b, withSpan), g.Issue[:]...)
	}
	if len(g.Identity.Claims) == 0 {
		return b, nil
	}
	claims, err := json.Marshal(g.Identity.Claims)
	if err != nil {
		return nil, fmt.Errorf("encode payload: %w", err)
	}
	return append(b, claims...), nil
}

// millis returns the Unix milliseconds of a time, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendVarint(b, int64(len(text))), text...)
}

func decodePayload(id ID, data []byte) (Grant, error) {
	p := parts{rest: data}
	g := Grant{ID: id, ConnectionExpiresAt: time.UnixMilli(p.number())}
	g.Identity.ExpiresAt = g.ConnectionExpiresAt
	if issued := p.number(); issued != 0 {
		g.Identity.IssuedAt = time.UnixMilli(issued)
	}
	for _, text := range texts(&g) {
		*text = p.text()
	}
	if cookies := p.text(); cookies != "" {
		g.Identity.Cookies = NewBearer(cookies)
	}
	for n := p.number(); n > 0 && !p.broken; n-- {
		g.Identity.Audience = append(g.Identity.Audience, p.text())
	}
	if len(p.rest) > 0 && p.rest[0] == withSpan {
		g.Issue = p.span()
	}
	if p.broken || len(p.rest) > 0 && json.Unmarshal(p.rest, &g.Identity.Claims) != nil {
		return Grant{}, fmt.Errorf("decode payload: %w", ErrCorrupt)
	}
	return g, nil
}

// parts reads a payload from the front. If a part is missing, broken is set
// and the results are meaningless.
type parts struct {
	rest   []byte
	broken bool
}

func (p *parts) number() int64 {
	n, size := binary.Varint(p.rest)
	if size <= 0 {
		p.rest, p.broken = nil, true
		return 0
	}
	p.rest = p.rest[size:]
	return n
}

func (p *parts) span() SpanRef {
	if len(p.rest) < 1+len(SpanRef{}) {
		p.rest, p.broken = nil, true
		return SpanRef{}
	}
	span := SpanRef(p.rest[1:])
	p.rest = p.rest[1+len(span):]
	return span
}

func (p *parts) text() string {
	length := p.number()
	if length < 0 || length > int64(len(p.rest)) {
		p.rest, p.broken = nil, true
		return ""
	}
	text := string(p.rest[:length])
	p.rest = p.rest[length:]
	return text
}
