//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// applications are those that wsticket is put before.
func applications(t testing.TB) map[string]*upstream {
	t.Helper()
	return map[string]*upstream{
		"npm ws": npmWSUpstream(t), "gorilla/websocket": gorillaUpstream(t), "python websockets": pythonUpstream(t),
	}
}

// sidecar starts wsticket before an application.
func sidecar(t testing.TB, idp issuer, u *upstream, settings ...string) server {
	t.Helper()
	return serve(t, idp.config(t, "memory:"), append(settings, "ws.upstream="+u.url, "ws.max_message=2MiB")...)
}

// TestApplicationsLearnWhoIsThereAndNothingElse comes in by each way and looks
// at the handshake that the application got: no credential stands anywhere,
// who is there is told by wsticket alone, and the rest is as the client sent it.
func TestApplicationsLearnWhoIsThereAndNothingElse(t *testing.T) {
	idp := newIssuer(t)
	bearer := idp.bearer(t, "alice", "email=alice@example.com", `groups=["a","b"]`)
	for name, u := range applications(t) {
		t.Run(name, func(t *testing.T) {
			s := sidecar(t, idp, u, everyDoor()...)
			have := credentials{t, newClient(t), s, bearer}
			for _, w := range ways() {
				t.Run(w.name, func(t *testing.T) { lookAtHandshake(t, u, w, have) })
			}
		})
	}
}

// forged are headers by which a client says that it is somebody else.
var forged = map[string]string{
	"X-Auth-Request-User": "mallory", "X_Auth_Request_User": "mallory", "X-auth_request-Email": "mallory",
	"X-Auth-Request-Preferred-Username": "mallory", "X-Wsticket-Id": "mallory", "X-Wsticket-Assertion": "mallory",
	"X-Forwarded-For": "mallory", "X-Forwarded-Host": "mallory", "X-Forwarded-Proto": "mallory", "Forwarded": "for=mallory",
}

func lookAtHandshake(t *testing.T, u *upstream, w way, have credentials) {
	t.Helper()
	credential := have.of(w)
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
	wantConnectionHeaders(t, got)
}

// headers are several maps in one.
func headers(all ...map[string]string) map[string]string {
	sum := make(map[string]string)
	for _, some := range all {
		for name, value := range some {
			sum[name] = value
		}
	}
	return sum
}

// wantConnectionHeaders wants what tells of the connection: its ID, and an end
// that is ahead.
func wantConnectionHeaders(t *testing.T, got arrival) {
	t.Helper()
	if id := got.all("x-wsticket-id"); len(id) != 1 || len(id[0]) != 22 {
		t.Errorf("x-wsticket-id: got %q, want one of 22 characters", id)
	}
	expires := got.all("x-wsticket-expires")
	if len(expires) != 1 {
		t.Fatalf("x-wsticket-expires: got %q, want one", expires)
	}
	end, err := time.Parse(time.RFC3339, expires[0])
	if err != nil || time.Until(end) <= 0 {
		t.Errorf("x-wsticket-expires: got %s, %v; want a time to come", expires[0], err)
	}
}
