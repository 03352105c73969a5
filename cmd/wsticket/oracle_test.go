package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// presented are the ways to present a ticket, from a page of that origin or, if it
// is empty, from none. Each client has an address of its own, so that it has its own
// limit of notes.
func presented(t *testing.T, p *process) map[string]func(token, origin string) answer {
	t.Helper()
	clients := 0
	from := func(origin string, header ...string) []string {
		clients++
		header = append(header, "X-Forwarded-For", fmt.Sprintf("198.51.100.%d", clients%250))
		if origin == "" {
			return header
		}
		return append(header, "Origin", origin)
	}
	return map[string]func(token, origin string) answer{
		"ws": func(token, origin string) answer {
			return exchange(t, http.MethodGet, "http://"+p.public+"/ws?ticket="+token, "", from(origin, "Connection", "Upgrade", "Upgrade", "websocket",
				"Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")...)
		},
		"forward auth": func(token, origin string) answer { return p.asNginx(t, token, "request-1", from(origin)...) },
		"consume": func(token, origin string) answer {
			body := map[string]string{"ticket": token}
			if origin != "" {
				body["origin"] = origin
			}
			text, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			return p.consume(t, chatKey, string(text))
		},
	}
}

// TestRefusalsTellNothing: whatever was wrong with a ticket, each way to present it
// sends Redis as many commands, and gives the same answer (R18).
func TestRefusalsTellNothing(t *testing.T) {
	t.Parallel()
	redis := testenv.Redis(t)
	proxy := testenv.Proxy(t, redis.Addr())
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, proxy.URL()), "--set", "ticket.audiences=[default, admin]",
		"--set", "limits.per_subject=0", "--set", "limits.per_address=0", "--set", "ticket.retry_window=0s")
	bearer := idp.bearer(t, "alice")
	write := func(made issued, command string, args ...string) {
		redis.MustAsk(append([]string{command, "wst:" + made.TicketID}, args...)...)
	}
	states := map[string]struct {
		body, origin string
		happen       func(made issued)
	}{
		"unknown":              {happen: func(made issued) { write(made, "del") }},
		"expired":              {happen: func(made issued) { write(made, "pexpire", "100000") }}, // less than the retention
		"for another audience": {body: `{"audience":"admin"}`},
		"from no page":         {origin: "https://app.example.com"},
		"spent": {happen: func(made issued) {
			answered(t, func() answer { return p.consume(t, chatKey, `{"ticket":"`+made.Ticket+`"}`) })
		}},
		"revoked": {happen: func(made issued) {
			answered(t, func() answer {
				return send(t, http.MethodDelete, "http://"+p.public+"/ws-ticket/"+made.TicketID, bearer, "")
			})
		}},
		"fenced":  {happen: func(made issued) { write(made, "setrange", "1", strings.Repeat("f", 40)) }},
		"corrupt": {happen: func(made issued) { write(made, "setrange", "210", "AAAA") }},
	}
	prepare := func(state string) issued {
		s := states[state]
		made := issueTo(t, p, bearer, s.body, s.origin)
		if s.happen != nil {
			s.happen(made)
		}
		return made
	}
	for way, present := range presented(t, p) {
		var first answer
		for state := range states {
			got, sent := usualCommands(t, proxy, func() func() answer {
				made := prepare(state)
				return func() answer { return present(made.Ticket, "") }
			})
			if sent != 2 {
				t.Errorf("%s, %s: sent Redis %d commands, want 2", way, state, sent)
			}
			if first.header == nil {
				first = got
			}
			wantSame(t, way+", "+state, got, first)
		}
		for _, state := range []string{"unknown", "from no page", "spent"} {
			_, sent := usualCommands(t, proxy, func() func() answer {
				made := prepare(state)
				return func() answer { return present(made.Ticket, "https://evil.example") }
			})
			if sent != 1 {
				t.Errorf("%s, %s, from a foreign page: sent Redis %d commands, want 1", way, state, sent)
			}
		}
	}
}

// issueTo issues a ticket to a page of that origin, or to a program if it is empty.
func issueTo(t *testing.T, p *process, bearer, body, origin string) (made issued) {
	t.Helper()
	header := []string{"Authorization", "Bearer " + bearer}
	if body != "" {
		header = append(header, "Content-Type", "application/json")
	}
	if origin != "" {
		header = append(header, "Origin", origin)
	}
	a := answered(t, func() answer { return exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", body, header...) })
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != http.StatusCreated {
		t.Fatalf("POST /ws-ticket = %d %s", a.status, a.body)
	}
	return made
}

// answered makes a request until there is no outage: on a busy machine Redis may
// take longer than wsticket waits.
func answered(t testing.TB, ask func() answer) (got answer) {
	t.Helper()
	test.Wait(t, "an answer that is no outage", func() bool {
		got = ask()
		return got.status != http.StatusServiceUnavailable && got.header.Get("X-Wsticket-Error") != "unavailable"
	})
	return got
}

// usualCommands makes a request that prepare returns, and returns its answer and how
// many commands it sends to Redis. That is the median of some tries: new connections
// and a server that does not know the scripts yet take more commands, and an outage
// takes fewer. Those of what watches Redis are not counted.
func usualCommands(t *testing.T, proxy *testenv.ProxyServer, prepare func() func() answer) (got answer, sent int) {
	t.Helper()
	counts := make([]int, 5)
	for try := range counts {
		got = answered(t, func() answer {
			do := prepare()
			before := proxy.Commands()
			got := do()
			after := proxy.Commands()
			counts[try] = 0
			for _, name := range []string{"evalsha", "eval", "set", "get", "del"} {
				counts[try] += after[name] - before[name]
			}
			return got
		})
	}
	slices.Sort(counts)
	return got, counts[len(counts)/2]
}

// wantSame compares answers, but for the ID of the request and the time.
func wantSame(t *testing.T, rule string, got, want answer) {
	t.Helper()
	id := regexp.MustCompile(`"request_id":"[^"]{26}"`)
	plain := func(a answer) answer {
		a.header = maps.Clone(a.header)
		a.header.Del("X-Request-Id")
		a.header.Del("Date")
		a.body = id.ReplaceAllString(a.body, "")
		return a
	}
	if g, w := plain(got), plain(want); !reflect.DeepEqual(g, w) {
		t.Errorf("%s: got %s, want %s", rule, fmt.Sprint(g), fmt.Sprint(w))
	}
}
