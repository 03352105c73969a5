//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// TestNothingSecretLeavesTheProcesses makes valid and invalid requests to two
// processes. Then it searches both logs, the commands that Redis got and the files that
// it wrote for secrets (ASVS 14.2.6, 16.2.5).
func TestNothingSecretLeavesTheProcesses(t *testing.T) {
	// The search would not find compressed texts.
	redis := testenv.Redis(t, "--appendonly", "yes", "--save", "1 1", "--rdbcompression", "no")
	commands := monitor(t, redis)
	idp := newIssuer(t)
	config := idp.config(t, redis.URL()+patientStore)
	r := &fullRun{client: newClient(t), a: serve(t, config), b: serve(t, config), secrets: make(map[string]string)}
	r.bearer = idp.bearer(t, "subject-canary", "email=email-canary@example.com", `groups=["group-canary"]`,
		"scope=scope-canary", "sid=session-canary")
	r.other = idp.bearer(t, "another-subject-canary")
	for _, word := range []string{
		"subject-canary", "email-canary", "group-canary", "scope-canary", "session-canary", issuerName, pageOrigin,
	} {
		r.secrets[word] = word
	}
	r.secrets["the seal key"] = strings.TrimSpace(idp.read(t, "seal.keys"))
	r.hideBearer("the bearer", r.bearer)
	r.hideBearer("the other bearer", r.other)

	r.doors(t)
	r.refusals(t)
	r.issue(t, "a pending ticket") // stays in the files of Redis

	places := plant(t, r, redis, commands)
	search := newSearch(r.secrets)
	for where, text := range places {
		for _, found := range search.in(text) {
			if r.secrets[found.what] == pageOrigin && strings.HasSuffix(where, " log") {
				continue // of a refusal: which origin did not fit, and which would have
			}
			t.Errorf("%s is in %s, as %q", found.what, where, found.form)
		}
		t.Logf("%8d bytes of %s searched for %d secrets", len(text), where, len(r.secrets))
	}
	for _, id := range append(r.ids, "evalsha") {
		if !strings.Contains(places["MONITOR"], id) {
			t.Errorf("%s is not in MONITOR, so the search proves nothing", id)
		}
	}
}

// fullRun makes the requests before the search.
type fullRun struct {
	client        *client
	a, b          server
	bearer, other string
	secrets       map[string]string // texts by their description
	ids           []string
}

// hideBearer adds the secret parts of a bearer. Its header is no secret.
func (r *fullRun) hideBearer(what, bearer string) {
	_, rest, _ := strings.Cut(bearer, ".")
	claims, signature, _ := strings.Cut(rest, ".")
	r.secrets["claims of "+what], r.secrets["signature of "+what] = claims, signature
}

// issue gets a ticket for a page, from the first process.
func (r *fullRun) issue(t *testing.T, what string) issued {
	t.Helper()
	got := r.client.mustIssue(t, r.a, r.bearer, "Origin", pageOrigin)
	r.secrets["token of "+what] = got.Token[len("wst1_"):]
	r.secrets["beginning of the token of "+what] = got.Token[len("wst1_"):][:20]
	r.ids = append(r.ids, got.ID)
	return got
}

// receipt checks the state of a ticket, or the status of a refusal.
func (r *fullRun) receipt(t *testing.T, id, bearer, want string) {
	t.Helper()
	got, err := r.client.send(t.Context(), http.MethodGet, "http://"+r.b.public+"/ws-ticket/"+id, bearer)
	if err != nil || !strings.Contains(fmt.Sprint(got.status, got.body), want) {
		t.Errorf("receipt: got %v %s, %v; want %s", got, got.body, err, want)
	}
}

// doors redeems a ticket through each door at the second process, and presents it again
// to the first.
func (r *fullRun) doors(t *testing.T) {
	t.Helper()
	from := "Origin: " + pageOrigin
	for _, d := range []door{doorQuery, doorSubprotocol, doorHeader} {
		got := r.issue(t, "the door "+string(d))
		r.receipt(t, got.ID, r.bearer, `"pending"`)
		wantConnect(t, string(d), r.b, d, got.Token, admitted, from)
		wantConnect(t, string(d)+" again", r.a, d, got.Token, refused, from)
		r.receipt(t, got.ID, r.bearer, `"redeemed"`)
		r.receipt(t, got.ID, r.other, "404")
	}
	wantConnect(t, "a bearer in the header", r.b, "", "", admitted, from, "Authorization: Bearer "+r.bearer)
}

// refusals makes requests that are refused.
func (r *fullRun) refusals(t *testing.T) {
	t.Helper()
	revoked := r.issue(t, "a revoked ticket")
	url := "http://" + r.b.public + "/ws-ticket/" + revoked.ID
	for bearer, want := range map[string]int{r.other: http.StatusNotFound, r.bearer: http.StatusNoContent} {
		if got, err := r.client.send(t.Context(), http.MethodDelete, url, bearer); err != nil || got.status != want {
			t.Errorf("revoke: got %v, %v; want %d", got, err, want)
		}
	}
	wantConnect(t, "revoked", r.a, doorQuery, revoked.Token, refused, "Origin: "+pageOrigin)
	r.receipt(t, revoked.ID, r.bearer, `"revoked"`)

	unbound := r.issue(t, "a ticket without its origin")
	wantConnect(t, "no origin", r.a, doorQuery, unbound.Token, refused)
	r.receipt(t, unbound.ID, r.bearer, `"wrong_origin"`)

	left := r.issue(t, "a ticket in wrong places")
	foreign := answer{status: http.StatusForbidden, code: "origin_not_allowed"}
	wantConnect(t, "a foreign origin", r.a, doorQuery, left.Token, foreign, "Origin: https://foreign.example")
	twice := answer{status: http.StatusBadRequest, code: "invalid_request"}
	wantConnect(t, "two credentials", r.a, doorQuery, left.Token, twice, "Authorization: Bearer "+r.bearer)
	inURL := answer{status: http.StatusBadRequest, code: "credential_in_url"}
	wantConnect(t, "a bearer in the URL", r.a, doorQuery, r.bearer, inURL)
	for _, path := range []string{"/ws/" + left.Token, "/" + r.bearer, "/ws-ticket/" + left.Token} {
		if got, err := r.client.send(t.Context(), http.MethodGet, "http://"+r.a.public+path, r.bearer); err != nil || got.status != http.StatusNotFound {
			t.Errorf("a secret in the path: got %v, %v; want 404", got, err)
		}
	}
}
