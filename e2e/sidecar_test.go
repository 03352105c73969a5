//go:build e2e

package e2e_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/ticket"
)

// applications returns the applications behind wsticket by name.
func applications(t testing.TB) map[string]*upstream {
	t.Helper()
	return map[string]*upstream{
		"npm ws": npmWSUpstream(t), "gorilla/websocket": gorillaUpstream(t), "python websockets": pythonUpstream(t),
	}
}

// sidecar starts a wsticket in front of an application.
func sidecar(t testing.TB, idp issuer, u *upstream, settings ...string) server {
	t.Helper()
	return serve(t, idp.config(t, "memory:"), append(settings, "ws.upstream="+u.url, "ws.max_message=2MiB")...)
}

// TestApplicationsLearnWhoIsThereAndNothingElse connects in each way and checks the
// handshake that the application gets: it has no credential, the identity comes from
// wsticket alone, and the rest is as the client sent it.
func TestApplicationsLearnWhoIsThereAndNothingElse(t *testing.T) {
	idp := newIssuer(t)
	bearer := idp.bearer(t, "alice", "email=alice@example.com", `groups=["a","b"]`)
	for name, u := range applications(t) {
		t.Run(name, func(t *testing.T) {
			s := sidecar(t, idp, u, everyDoor()...)
			have := credentials{newClient(t), s, bearer}
			for _, w := range ways() {
				t.Run(w.name, func(t *testing.T) { lookAtHandshake(t, u, w, have) })
			}
		})
	}
}

// forged has headers with which a client claims another identity.
var forged = map[string]string{
	"X-Auth-Request-User": "mallory", "X_Auth_Request_User": "mallory", "X-auth_request-Email": "mallory",
	"X-Auth-Request-Preferred-Username": "mallory", "X-Wsticket-Id": "mallory", "X-Wsticket-Assertion": "mallory",
	"X-Forwarded-For": "mallory", "X-Forwarded-Host": "mallory", "X-Forwarded-Proto": "mallory", "Forwarded": "for=mallory",
}

func lookAtHandshake(t *testing.T, u *upstream, w way, have credentials) {
	t.Helper()
	credential := have.of(t, w)
	o := w.order(have.url(), credential)
	if before, query, ok := strings.Cut(o.URL, "?"); ok {
		o.URL = before + "?room=%37&" + query + "&z="
	} else {
		o.URL += "?room=%37&z="
	}
	o.Protocols = append(o.Protocols, "chat.v1")
	cookie := strings.TrimPrefix(o.Headers["Cookie"]+"; theme=dark", "; ")
	o.Headers = headers(o.Headers, forged, map[string]string{"X-Custom": "kept", "Cookie": cookie})
	o.Steps = append(o.Steps, say("hello"), listen(), leave())
	want := slices.Concat([]string{"open chat.v1"}, w.met[1:], []string{"message hello", "closed 1000"})
	v := coder()
	v.wantEvents(t, "through the sidecar", v.mustVisit(t, o)[0], want...)

	got := u.next(t)
	text := got.String()
	for _, secret := range append(disguises(credential), "wst1_", "ticket.", "Bearer", "mallory") {
		if strings.Contains(text, secret) {
			t.Errorf("the application sees %q in\n%s", secret, text)
		}
	}
	if want := "/ws?room=%37&z="; got.Target != want {
		t.Errorf("target: got %q, want %q", got.Target, want)
	}
	for name, want := range map[string]string{
		"x-auth-request-user": "alice", "x-auth-request-email": "alice@example.com", "x-auth-request-groups": "a,b",
		"x-custom": "kept", "cookie": "theme=dark", "sec-websocket-protocol": "chat.v1",
		"x-forwarded-for": "127.0.0.1", "x-forwarded-host": have.server.public, "x-forwarded-proto": "http",
	} {
		if values := got.all(name); !slices.Equal(values, []string{want}) {
			t.Errorf("%s: got %q, want %q", name, values, want)
		}
	}
	wantConnectionHeaders(t, got, credential)
}

// headers merges maps.
func headers(all ...map[string]string) map[string]string {
	sum := make(map[string]string)
	for _, some := range all {
		maps.Copy(sum, some)
	}
	return sum
}

// wantConnectionHeaders checks the headers about the connection: its ID, which is that
// of the ticket if there was one, and the time of its end, which is in the future.
func wantConnectionHeaders(t *testing.T, got arrival, credential string) {
	t.Helper()
	id := got.all("x-wsticket-id")
	if len(id) != 1 || len(id[0]) != 22 {
		t.Errorf("x-wsticket-id: got %q, want one of 22 characters", id)
	}
	if token, err := ticket.ParseToken(credential); err == nil && !slices.Equal(id, []string{string(token.ID())}) {
		t.Errorf("x-wsticket-id: got %q, want %s", id, token.ID())
	}
	expires := got.all("x-wsticket-expires")
	if len(expires) != 1 {
		t.Fatalf("x-wsticket-expires: got %q, want one", expires)
	}
	end, err := time.Parse(time.RFC3339, expires[0])
	if err != nil || time.Until(end) <= 0 {
		t.Errorf("x-wsticket-expires: got %s, %v; want a time in the future", expires[0], err)
	}
}
