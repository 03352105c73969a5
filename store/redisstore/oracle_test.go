package redisstore_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// TestEveryRefusalIsTwoCommands counts what a redemption sends to a real Redis: a
// refusal is two commands, whatever the ticket was, so that its time tells nobody
// which it was (R18), also the first one that Redis has seen. A success is one.
func TestEveryRefusalIsTwoCommands(t *testing.T) {
	server := testenv.Redis(t)
	proxy := testenv.Proxy(t, server.Addr())
	store := openWith(t, proxy.URL(), redisstore.Options{Timeout: patience})
	service, err := ticket.New(ticket.Options{Store: store, Audiences: ticket.Audiences{{Name: "chat"}, {Name: "feed"}}})
	if err != nil {
		t.Fatal(err)
	}
	redeem := func(token ticket.Token, p ticket.Presentation) error {
		_, err := service.Redeem(t.Context(), token, p)
		return err
	}
	age := func(made ticket.Ticket) {
		server.MustAsk("pexpire", key(made.ID), "1000") // less than the retention is left
	}
	// The offsets are those of package record.
	write := func(at, text string) func(ticket.Ticket) {
		return func(made ticket.Ticket) { server.MustAsk("setrange", key(made.ID), at, text) }
	}
	for _, row := range []struct {
		rule   string
		before func(made ticket.Ticket)
		p      ticket.Presentation
		reason string
	}{
		{"good", func(ticket.Ticket) {}, ticket.Presentation{}, "ok"},
		{"unknown", func(made ticket.Ticket) { server.MustAsk("del", key(made.ID)) }, ticket.Presentation{}, "not_found"},
		{"expired", age, ticket.Presentation{}, "expired"},
		{"spent", func(made ticket.Ticket) { _ = redeem(made.Token, ticket.Presentation{}) }, ticket.Presentation{}, "spent"},
		{"revoked", func(made ticket.Ticket) { _ = service.Revoke(t.Context(), made.ID, test.Alice()) }, ticket.Presentation{}, "revoked"},
		{"for another audience", func(ticket.Ticket) {}, ticket.Presentation{Audience: "feed"}, "wrong_audience"},
		{"from another origin", func(ticket.Ticket) {}, ticket.Presentation{Origin: "https://evil.example"}, "wrong_origin"},
		{"of another primary", write("1", strings.Repeat("f", 40)), ticket.Presentation{}, "fenced"},
		{"of another version", write("0", "\x01"), ticket.Presentation{}, "corrupt"},
		{"with another payload", write("210", "AAAA"), ticket.Presentation{}, "corrupt"},
	} {
		origin := ""
		if row.reason == "wrong_origin" {
			origin = "https://app.example.com"
		}
		want := 2
		if row.reason == "ok" {
			want = 1
		}
		made, err := service.Issue(t.Context(), ticket.Request{Identity: test.Alice(), Origin: origin})
		if err != nil {
			t.Fatal(err)
		}
		row.before(made)
		got := sentBy(proxy, func() {
			if err := redeem(made.Token, row.p); ticket.Reason(err) != row.reason {
				t.Errorf("%s: got %v, want %s", row.rule, err, row.reason)
			}
		})
		if len(got) != 1 || got["evalsha"] != want {
			t.Errorf("%s: sent %v, want %d scripts", row.rule, got, want)
		}
	}
}

// sentBy returns the commands that do sends.
func sentBy(proxy *testenv.ProxyServer, do func()) map[string]int {
	before := proxy.Commands()
	do()
	sent := proxy.Commands()
	for name, n := range before {
		sent[name] -= n
	}
	maps.DeleteFunc(sent, func(_ string, n int) bool { return n == 0 })
	return sent
}

// TestNoteIsOneCommand: a note is one command whether there is such a ticket or not,
// and one of nothing leaves nothing behind.
func TestNoteIsOneCommand(t *testing.T) {
	server := testenv.Redis(t)
	proxy := testenv.Proxy(t, server.Addr())
	s := openWith(t, proxy.URL(), redisstore.Options{Timeout: patience})
	live, spent := fixture.Create(t, s), fixture.Create(t, s)
	fixture.Consume(t, s, spent)
	note := ticket.Note{Reason: "origin_not_allowed", At: time.Now()}
	unknown := ticket.NewID()
	for rule, id := range map[string]ticket.ID{"live": live, "spent": spent, "unknown": unknown} {
		got := sentBy(proxy, func() { _ = s.PutNote(t.Context(), id, note) })
		if len(got) != 1 || got["evalsha"] != 1 {
			t.Errorf("%s: sent %v, want one script", rule, got)
		}
	}
	if keys, _ := server.MustAsk("keys", "*"+string(unknown)+"*").([]any); len(keys) != 0 {
		t.Errorf("an unknown ticket has left %q", keys)
	}
}
