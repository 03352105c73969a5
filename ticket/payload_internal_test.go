package ticket

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestPayloadKeepsTheGrant(t *testing.T) {
	end := time.UnixMilli(1_800_000_000_123)
	for rule, grant := range map[string]Grant{
		"what there must be": {Identity: Identity{Issuer: "i", Subject: "s", ExpiresAt: end}, Audience: "default", ConnectionExpiresAt: end},
		"all that there can be": {
			Identity: Identity{
				Issuer: "https://id.example.com", Subject: "alice", SessionID: "sid", TokenID: "jti", ClientID: "client",
				Audience: []string{"ws", "", "other"}, Scope: "chat feed", ExpiresAt: end,
				Claims: map[string]any{"email": "alice@example.com", "groups": []any{"a", "b"}, "n": 1.5, "none": nil},
			},
			Audience: "chat", Scope: "chat", Origin: "https://app.example.com", ConnectionExpiresAt: end,
			Issue: &SpanRef{0: 1, 23: 2},
		},
		"text of any bytes and any length": {
			Identity: Identity{Issuer: "\x00\xff{", Subject: strings.Repeat("é", 10_000), ExpiresAt: end}, ConnectionExpiresAt: end,
		},
		"an end before 1970": {Identity: Identity{ExpiresAt: time.UnixMilli(-1)}, ConnectionExpiresAt: time.UnixMilli(-1)},
	} {
		grant.ID = "id"
		data, err := encodePayload(grant)
		if err != nil {
			t.Fatalf("%s: %v", rule, err)
		}
		got, err := decodePayload("id", data)
		if err != nil || !reflect.DeepEqual(got, grant) {
			t.Errorf("%s: got %+v, %v, want %+v", rule, got, err, grant)
		}
		for n := range data {
			// Without claims behind them, the other parts are a payload, too.
			if _, err := decodePayload("id", data[:n]); err == nil && len(grant.Identity.Claims) == 0 {
				t.Fatalf("%s: cut at %d of %d: got no error", rule, n, len(data))
			}
		}
	}
}

// A ticket that was issued by a version without spans is redeemed by one that has them.
func TestSpanOfTheIssue(t *testing.T) {
	who := Identity{Issuer: "i", Subject: "s", ExpiresAt: time.UnixMilli(1)}
	plain, err := encodePayload(Grant{Identity: who})
	if err != nil {
		t.Fatal(err)
	}
	grant, err := decodePayload("id", append(plain, 1))
	if err == nil {
		t.Errorf("half a span: got %+v, want an error", grant)
	}
	span := SpanRef{0: 1, 23: 2}
	grant, err = decodePayload("id", append(append(plain, 1), span[:]...))
	if err != nil || grant.Issue == nil || *grant.Issue != span || grant.Issue.TraceID()[0] != 1 || grant.Issue.SpanID()[7] != 2 {
		t.Errorf("got %+v, %v, want the span", grant, err)
	}
	for _, r := range []RequestInfo{
		{},
		{TraceID: strings.Repeat("a", 32), Sampled: true},
		{TraceID: strings.Repeat("a", 32), SpanID: strings.Repeat("b", 16)},
		{TraceID: strings.Repeat("x", 32), SpanID: strings.Repeat("b", 16), Sampled: true},
		{TraceID: "aa", SpanID: "bb", Sampled: true},
	} {
		if got := spanOf(r); got != nil {
			t.Errorf("%+v: got %x, want none", r, got)
		}
	}
}

func TestClaimsThatCannotBeTold(t *testing.T) {
	if _, err := encodePayload(Grant{Identity: Identity{Claims: map[string]any{"f": func() {}}}}); err == nil {
		t.Error("got no error for a claim that is a function")
	}
}

// FuzzDecodePayload: any payload is read without a panic, and what was read is
// encoded so that it reads the same.
func FuzzDecodePayload(f *testing.F) {
	for _, grant := range []Grant{
		{Identity: Identity{Issuer: "i", Subject: "s"}, Audience: "default"},
		{Identity: Identity{Audience: []string{"a", "b"}, Claims: map[string]any{"c": 1.0}}},
		{Issue: &SpanRef{1, 2, 3}},
	} {
		data, err := encodePayload(grant)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"i":"https://id.example.com","s":"alice"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		grant, err := decodePayload("id", data)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || !reflect.DeepEqual(grant, Grant{}) {
				t.Fatalf("got %+v, %v, want ErrCorrupt alone", grant, err)
			}
			return
		}
		again, err := encodePayload(grant)
		if err != nil {
			t.Fatal(err)
		}
		second, err := decodePayload("id", again)
		if len(grant.Identity.Claims) == 0 {
			grant.Identity.Claims = nil
		}
		if err != nil || !reflect.DeepEqual(second, grant) {
			t.Errorf("got %+v, %v, want %+v", second, err, grant)
		}
	})
}
