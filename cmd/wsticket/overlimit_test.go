package main

import (
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// limited starts a process with other settings of ws, such as {over_limit: refuse}.
func (p provider) limited(t testing.TB, storeURL, ws string) *process {
	t.Helper()
	return start(t, "serve", "--config", test.WriteFile(t, "wsticket.yaml", mustRead(t, p.config(t, storeURL))+"ws: "+ws+"\n"))
}

// TestOverLimit: two processes count the connections of a user together; one too many
// is refused, or takes the place of the oldest.
func TestOverLimit(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	redis := testenv.Redis(t).URL()
	a, b := idp.limited(t, redis, "{max_connections_per_subject: 1}"), idp.limited(t, redis, "{max_connections_per_subject: 1}")
	bearer := idp.bearer(t, "alice")
	dial(t, issue(t, a.public, bearer).URL, nil)
	if _, _, res := dial(t, issue(t, b.public, bearer).URL, nil); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: status %d %v, want 429 with Retry-After", res.StatusCode, res.Header)
	}
	dial(t, issue(t, b.public, idp.bearer(t, "bob")).URL, nil)
	b.stderr.WaitFor(t, `"reason":"too_many_connections"`, "ws.max_connections_per_subject")
	metrics := send(t, http.MethodGet, "http://"+b.internal+"/metrics", "", "").body
	for _, series := range []string{`wsticket_subject_places 1`, `wsticket_subject_places_over_total{outcome="refused"} 1`} {
		if !strings.Contains(metrics, series) {
			t.Errorf("the metrics have no %s", series)
		}
	}
}

func TestOverLimitReplacesTheOldest(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	const ws = "{max_connections_per_subject: 1, over_limit: replace_oldest}"
	redis := testenv.Redis(t).URL()
	memory := idp.limited(t, "memory:", ws)
	for rule, nodes := range map[string][2]*process{
		"one process":   {memory, memory},
		"two processes": {idp.limited(t, redis, ws), idp.limited(t, redis, ws)},
	} {
		bearer := idp.bearer(t, "alice")
		older, _, _ := dial(t, issue(t, nodes[0].public, bearer).URL, nil)
		newer, _, _ := dial(t, issue(t, nodes[1].public, bearer).URL, nil)
		if code, reason := closing(t, older); code != 4010 || reason != "wsticket: replaced by a newer connection" {
			t.Errorf("%s: the older one: closed with %d %q, want 4010", rule, code, reason)
		}
		if err := newer.Ping(newer.CloseRead(t.Context())); err != nil {
			t.Errorf("%s: the newer one: %v, want that it is open", rule, err)
		}
	}
}
