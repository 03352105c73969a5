package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/internal/testenv"
)

// TestNothingSecretInAnyOutput is the canary (ASVS 14.2.1, 16.2.5): a full
// run through every door, with what is right and with what is wrong, and then
// a search of everything the service has written for everything secret.
func TestNothingSecretInAnyOutput(t *testing.T) {
	const password = "canary-redis-password"
	redis := testenv.Redis(t, "--requirepass", password)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "redis://:"+password+"@"+redis.Addr()), "--set", "log.level=debug")
	base := "http://" + p.public
	bearer := idp.bearer(t, "alice")
	secrets := map[string]string{"the password": password, "the bearer": bearer, "the bearer's signature": bearer[strings.LastIndex(bearer, ".")+1:]}

	for door := range through(p.public, issued{}) {
		got := issue(t, p.public, bearer)
		secrets["the ticket of "+door] = got.Ticket
		dialThrough := through(p.public, got)[door]
		dialThrough(t)
		dialThrough(t)
	}
	// Each wrong way in carries something that must not show either.
	left := issue(t, p.public, bearer)
	secrets["the ticket of the wrong ways"] = left.Ticket
	for _, target := range []string{
		"/ws?token=" + bearer, "/ws?access_token=" + bearer, "/ws?x=" + bearer,
		"/ws?ticket=" + left.Ticket + "&ticket=" + left.Ticket, "/ws?ticket=" + left.Ticket + "%zz", "/ws?Ticket=" + left.Ticket,
		"/ws/" + left.Ticket, "//ws?ticket=" + left.Ticket, "/ws;ticket=" + left.Ticket, "/ws-ticket/" + left.Ticket,
		"/ws-ticket?access_token=" + bearer, "/" + bearer,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
			a := send(t, method, base+target, bearer, "")
			if strings.Contains(a.body, left.Ticket) || strings.Contains(a.body, bearer) {
				t.Errorf("%s of a wrong target answers with the secret: %s", method, a.body)
			}
		}
		dialAnyway(t, "ws://"+p.public+target)
	}
	for what, secret := range checkEverything(t, p, bearer) {
		secrets[what] = secret
	}
	send(t, http.MethodPost, base+"/ws-ticket", bearer+"x", "")
	send(t, http.MethodPost, base+"/ws-ticket", "", `{"audience":"`+left.Ticket+`"}`)
	send(t, http.MethodPost, base+"/ws-ticket", bearer, `{"`+bearer+`":1}`)
	redis.Freeze()
	send(t, http.MethodPost, base+"/ws-ticket", bearer, "")
	redis.Thaw()

	metrics := send(t, http.MethodGet, "http://"+p.internal+"/metrics", "", "").body
	_ = p.stop(t)
	written := map[string]string{"standard output": p.stdout.String(), "the log": p.stderr.String(), "the metrics": metrics}
	if !strings.Contains(p.stderr.String(), left.TicketID) && !strings.Contains(p.stderr.String(), `"outcome":"connected"`) {
		t.Error("the log has no handshakes in it: the search would prove nothing")
	}
	for what, secret := range secrets {
		for where, text := range written {
			if strings.Contains(text, secret) {
				t.Errorf("%s stands in %s", what, where)
			}
		}
	}
}

// checkEverything asks at the internal listener in all ways, right and wrong,
// and returns what was secret in it.
func checkEverything(t *testing.T, p *process, bearer string) map[string]string {
	t.Helper()
	fresh := func() string { return issue(t, p.public, bearer).Ticket }
	consumed, looked, asked, left := fresh(), fresh(), fresh(), fresh()
	const form = "application/x-www-form-urlencoded"
	inside := "http://" + p.internal
	answers := []answer{
		p.consume(t, chatKey, `{"ticket":"`+consumed+`","attempt":"canary-attempt"}`), p.consume(t, chatKey, `{"ticket":"`+consumed+`"}`),
		exchange(t, http.MethodPost, inside+"/introspect", "token="+looked, "Authorization", "Bearer "+watchKey, "Content-Type", form),
		p.asNginx(t, asked, "r-1"), p.asNginx(t, asked, "r-2"),
		p.consume(t, watchKey, `{"ticket":"`+left+`"}`), p.consume(t, chatKey+"x", `{"ticket":"`+left+`"}`),
		p.consume(t, chatKey, `{"`+left+`":1}`), p.consume(t, chatKey, `{"ticket":"`+left+`","ticket":"`+left+`"}`),
		p.consume(t, chatKey, `{"ticket":"`+left+`","attempt":"`+left+left+`"}`), p.consume(t, chatKey, `{"ticket":"`+bearer+`"}`),
		send(t, http.MethodPost, inside+"/consume?key="+chatKey, chatKey, ""), send(t, http.MethodPost, inside+"/consume?ticket="+left, chatKey, ""),
		send(t, http.MethodPost, inside+"/consume/"+left, chatKey, ""), send(t, http.MethodPost, inside+"/"+chatKey, chatKey, ""),
		exchange(t, http.MethodPost, inside+"/introspect", "token="+left+"&token="+left, "Authorization", "Bearer "+watchKey, "Content-Type", form),
		exchange(t, http.MethodGet, inside+"/auth/caddy?ticket="+left, "", "X-Forwarded-Uri", "/ws?ticket="+left),
		exchange(t, http.MethodGet, inside+"/auth/envoy/ws?ticket="+left+"&ticket="+left, ""),
		exchange(t, http.MethodGet, inside+"/auth/envoy/"+left, "", "X-Wsticket-Key", otherKey),
		exchange(t, http.MethodGet, inside+"/auth/nginx?key="+otherKey, "", "X-Original-URI", "/ws?ticket="+bearer),
		p.asNginx(t, bearer, "r-3"), p.asNginx(t, left, "r-4", "Authorization", "Bearer "+bearer),
	}
	secrets := map[string]string{
		"the ticket that was consumed": consumed, "the ticket that was looked at": looked, "the ticket that was asked about": asked,
		"the ticket of the wrong questions": left, "the key of chat": chatKey, "the key of another": otherKey, "the key of watch": watchKey,
		"an attempt": "canary-attempt",
	}
	for n, a := range answers {
		for what, secret := range secrets {
			if strings.Contains(fmt.Sprint(a.header, a.body), secret) {
				t.Errorf("%s stands in answer %d: %v %s", what, n, a.header, a.body)
			}
		}
	}
	return secrets
}

// dialAnyway makes a handshake that may fail in any way.
func dialAnyway(t *testing.T, url string) {
	t.Helper()
	conn, res, err := websocket.Dial(t.Context(), url, nil)
	if err == nil {
		t.Errorf("a wrong target was accepted")
		_ = conn.CloseNow()
		return
	}
	if res != nil && res.Header.Get("Location") != "" {
		t.Errorf("a wrong target is redirected")
	}
}
