package ticket_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// TestWhoMayHaveAnAudience: by issuer and by scope, and what the log says of others.
func TestWhoMayHaveAnAudience(t *testing.T) {
	t.Parallel()
	b := newBench(t, ticket.Options{Audiences: ticket.Audiences{
		{Name: "chat"},
		{Name: "staff", Issuers: []string{"https://staff.example.com", test.Issuer}},
		{Name: "admin", Issuers: []string{test.Issuer}, Scopes: []string{"admin", "chat.read"}},
	}})
	for _, row := range []struct {
		rule, audience string
		change         func(*ticket.Request)
		attrs          string // of a refusal
	}{
		{"everybody", "chat", func(r *ticket.Request) { r.Identity.Issuer, r.Identity.Scope = "i", "" }, ""},
		{"one of the issuers", "staff", func(*ticket.Request) {}, ""},
		{"another issuer", "staff", func(r *ticket.Request) { r.Identity.Issuer += "/" }, "[audience=staff issuer=https://id.example.com/ expected=[https://staff.example.com https://id.example.com]]"},
		{"in capital letters", "staff", func(r *ticket.Request) { r.Identity.Issuer = "HTTPS://ID.EXAMPLE.COM" }, "[audience=staff issuer=HTTPS://ID.EXAMPLE.COM expected=[https://staff.example.com https://id.example.com]]"},
		{"all scopes", "admin", func(r *ticket.Request) { r.Identity.Scope = "chat.read  admin" }, ""},
		{"all scopes, and a narrower ticket", "admin", func(r *ticket.Request) { r.Identity.Scope, r.Scope = "admin chat.read x", "x" }, ""},
		{"one scope is missing", "admin", func(r *ticket.Request) { r.Identity.Scope = "admin" }, "[audience=admin needs=chat.read scope=admin]"},
		{"none", "admin", func(r *ticket.Request) { r.Identity.Scope = "" }, "[audience=admin needs=admin scope=(none)]"},
		{"a scope by asking for it", "admin", func(r *ticket.Request) { r.Scope = "admin" }, "[audience=admin needs=admin scope=chat.read chat.write]"},
	} {
		req := ticket.Request{Identity: test.Alice(), Audience: row.audience}
		row.change(&req)
		issued, err := b.Issue(t.Context(), req)
		if row.attrs == "" {
			if err != nil || issued.Audience != row.audience {
				t.Errorf("%s: got %+v, %v, want a ticket", row.rule, issued, err)
			}
			continue
		}
		e := b.last(t)
		if !errors.Is(err, ticket.ErrInsufficientScope) || !issued.Token.IsZero() || fmt.Sprint(e.Attrs) != row.attrs || e.Kind != ticket.EventRefuse {
			t.Errorf("%s: got %v, event %+v, want it refused with %s", row.rule, err, e, row.attrs)
		}
		if detail := ticket.DetailOf(err); !strings.HasPrefix(detail, "audience: ") || strings.Contains(detail, req.Identity.Issuer) {
			t.Errorf("%s: got the detail %q, want one with nothing of the request", row.rule, detail)
		}
	}
}

func TestAudienceFaults(t *testing.T) {
	t.Parallel()
	_, err := ticket.New(ticket.Options{Store: newBench(t, ticket.Options{}).store, Audiences: ticket.Audiences{
		{Name: "chat", Issuers: []string{"a", ""}, Scopes: []string{"a b", "é"}},
		{Name: "chat", Issuers: []string{"a", "a"}},
		{Name: "a\x00b", Scopes: []string{"x", "x"}},
		{},
	}})
	want := []string{
		"ticket.Audiences[0].Issuers", "ticket.Audiences[0].Scopes", "ticket.Audiences[0].Scopes", "ticket.Audiences[1].Name",
		"ticket.Audiences[1].Issuers", "ticket.Audiences[2].Name", "ticket.Audiences[2].Scopes", "ticket.Audiences[3].Name",
	}
	if got := test.Faults(err); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestAudiencesAreCopied: nobody outside can change who may have an audience.
func TestAudiencesAreCopied(t *testing.T) {
	t.Parallel()
	given := ticket.Audiences{{Name: "admin", Paths: []string{"/a"}, Issuers: []string{"i"}, Scopes: []string{"admin"}}}
	s := newBench(t, ticket.Options{Audiences: given})
	for _, list := range []ticket.Audiences{given, s.Audiences()} {
		list[0].Paths[0], list[0].Issuers[0], list[0].Scopes[0] = "/b", test.Issuer, "chat.read"
	}
	if got := s.Audiences()[0]; got.Paths[0] != "/a" || got.Issuers[0] != "i" || got.Scopes[0] != "admin" {
		t.Errorf("got %+v, want what was given at first", got)
	}
}
