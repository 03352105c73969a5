//go:build e2e

package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// edgeCase is a row of the table. The result of run is the cell of the proxy.
type edgeCase struct {
	name string
	run  func(t *testing.T, s *scene) string
}

// edgeCases returns the cases in their order: the last ones stop the store and the
// service.
func edgeCases() []edgeCase {
	return []edgeCase{
		{"ticket in the query", caseQuery},
		{"ticket among the subprotocols", caseSubprotocol},
		{"ticket in the header", caseHeaderDoor},
		{"Basic beside the ticket", caseBasic},
		{"room in the path", caseRoom},
		{"path behind the room", caseTraversal},
		{"replayed", caseReplayed},
		{"another page's ticket", caseOtherOrigin},
		{"foreign origin", caseForeignOrigin},
		{"no ticket", caseMissing},
		{"ticket twice or escaped", caseSpellings},
		{"plain request", casePlain},
		{"mistaken path", casePath},
		{"forged identity", caseForged},
		{"identity named in Connection", caseConnection},
		{"another upgrade beside it", caseUpgrade},
		{"answer lost", caseKilled},
		{"expired", caseExpired},
		{"no answer in time", caseSlow},
		{"store away", caseUnavailable},
		{"service gone", caseGone},
		{"tickets in the access log", caseAccessLog},
		{"tickets in the error log", caseErrorLog},
	}
}

// wantNoTicket checks that no ticket reached the application in any spelling.
func (s *scene) wantNoTicket(seen handshaken, token string) {
	s.t.Helper()
	text := seen.uri + fmt.Sprint(seen.header)
	if decoded, err := url.QueryUnescape(text); err != nil || strings.Contains(decoded+text, token[5:25]) {
		s.t.Errorf("the application got the ticket: %s", text)
	}
	for _, name := range []string{"Authorization", "X-Forwarded-Uri", "X-Original-Uri"} {
		if got := seen.header[name]; len(got) > 0 {
			s.t.Errorf("%s: got %q, want none at the application", name, got)
		}
	}
}

func caseQuery(t *testing.T, s *scene) string {
	cell := "admitted, removed"
	for _, query := range []string{"?ticket=%s", "?ticket=%s&room=1&q=a%%20b", "?room=1&ticket=%s", "?room=1&ticket=%s&q=a%%20b"} {
		a, token := newAttempt(), s.issue()
		a.query = fmt.Sprintf(query, token)
		seen := s.wantAdmitted(query, a)
		s.wantIdentity(seen.header, true)
		if s.proxy.passive {
			cell = "admitted, left in"
			seen.uri = strings.Replace(seen.uri, "ticket="+token, "", 1)
		}
		s.wantNoTicket(seen, token)
		// The order does not matter, because Caddy sorts them.
		rest, err := url.ParseQuery(strings.TrimPrefix(a.query, "?"))
		rest.Del("ticket")
		got, err2 := url.ParseRequestURI(seen.uri)
		if err != nil || err2 != nil || got.Path != "/ws" || got.Query().Encode() != rest.Encode() {
			t.Errorf("%s: got %q at the application, want the rest of the query", query, seen.uri)
		}
	}
	return cell
}

func caseSubprotocol(t *testing.T, s *scene) string {
	cell := "admitted, removed"
	for _, offer := range []string{"wsticket.v1, ticket.%s", "ticket.%s, wsticket.v1", "wsticket.v1,ticket.%s,chat.v2", "ticket.%s, chat.v2"} {
		if s.proxy.passive && !strings.Contains(offer, appProtocol) {
			cell = "admitted if the application chooses"
			continue // a browser would close the connection
		}
		a, token := newAttempt(), s.issue()
		a.offer, a.query = fmt.Sprintf(offer, token), "?room=1"
		seen := s.wantAdmitted(offer, a)
		s.wantIdentity(seen.header, true)
		s.wantNoTicket(seen, token)
		if seen.uri != "/ws?room=1" {
			t.Errorf("%s: got %q at the application, want the query as it was", offer, seen.uri)
		}
		got := strings.ReplaceAll(strings.Join(seen.header["Sec-Websocket-Protocol"], ","), " ", "")
		if want := strings.NewReplacer("ticket.%s,", "", ",ticket.%s", "").Replace(strings.ReplaceAll(offer, " ", "")); got != want && (got != "" || want != "wsticket.v1") {
			t.Errorf("%s: got %q at the application, want %q, or nothing where that says nothing", offer, got, want)
		}
	}
	// Browsers send one line. Of two lines, proxies use the first, the last or both.
	a, token := newAttempt(), s.issue()
	a.lines = []string{"Sec-WebSocket-Protocol: ticket." + token, "Sec-WebSocket-Protocol: " + appProtocol}
	_, _ = a.shake(t.Context(), s.running.addr)
	s.asked++
	for _, seen := range s.app.handshakes(a.name) {
		s.wantNoTicket(seen, token)
	}
	return cell
}

func caseHeaderDoor(_ *testing.T, s *scene) string {
	a, token := newAttempt(), s.issue()
	a.lines = []string{"Authorization: Ticket " + token}
	seen := s.wantAdmitted("a ticket", a)
	s.wantIdentity(seen.header, true)
	s.wantNoTicket(seen, token)
	b := newAttempt()
	b.lines = []string{"Authorization: Bearer " + s.bearer}
	seen = s.wantAdmitted("a bearer", b)
	s.wantIdentity(seen.header, false)
	s.wantNoTicket(seen, s.bearer)
	return "admitted, removed"
}

// caseBasic sends what a browser sends with every request to a site that asks for
// Basic. It is the application's, but nothing of ours beside it is.
func caseBasic(t *testing.T, s *scene) string {
	const basic = "Basic YWxpY2U6c3RhZ2luZw=="
	a, _ := s.withTicket()
	a.lines = []string{"Authorization: " + basic}
	if got := s.wantAdmitted("Basic beside a ticket", a).header["Authorization"]; !slices.Equal(got, []string{basic}) {
		t.Errorf("got Authorization %q at the application, want what the browser sent", got)
	}
	// Proxies use the first line, the last, both, or refuse the request.
	for _, ours := range []string{"Ticket " + s.issue(), "bearer " + s.bearer} {
		for _, lines := range [][]string{
			{"Authorization: " + basic, "Authorization: " + ours},
			{"Authorization: " + ours, "Authorization: " + basic},
			{"Authorization: " + basic + ", " + ours},
		} {
			b, _ := s.withTicket()
			if b.lines = lines; len(lines) == 2 {
				b.query = ""
			}
			_, _ = b.shake(t.Context(), s.running.addr)
			s.asked++
			for _, seen := range s.app.handshakes(b.name) {
				_, secret, _ := strings.Cut(ours, " ")
				if got := seen.header["Authorization"]; strings.Contains(fmt.Sprint(got), secret) {
					t.Errorf("%q: got %q at the application", lines, got)
				}
			}
		}
	}
	return "kept"
}

// caseRoom is a path with a template, with and without a slash at its end.
func caseRoom(t *testing.T, s *scene) string {
	for _, path := range []string{"/ws/", "/ws/chat/general", "/ws/chat/caf%C3%A9%201/"} {
		a, token := newAttempt(), s.issue()
		a.path, a.query = path, "?q=1&ticket="+token
		seen := s.wantAdmitted(path, a)
		s.wantIdentity(seen.header, true)
		if got, _, _ := strings.Cut(seen.uri, "?"); got != path {
			t.Errorf("got %q at the application, want %q", got, path)
		}
	}
	return "admitted, unchanged"
}

// caseTraversal is a path that an application could read as one that nobody
// configured.
func caseTraversal(_ *testing.T, s *scene) string {
	for _, path := range []string{
		"/ws/chat/..%2f..%2fadmin", "/ws/chat/%2e%2e%2fadmin", "/ws/chat/a%2fb", "/ws/chat/a/b", "/ws/chat/..%5cadmin", "/ws/chat/%00", "/ws/chat/",
	} {
		a, token := newAttempt(), s.issue()
		a.path, a.query = path, "?ticket="+token
		// Traefik refuses some of them itself.
		s.wantRefused(path, a, http.StatusNotFound, http.StatusOK, http.StatusBadRequest)
	}
	return "not passed on"
}

func caseReplayed(_ *testing.T, s *scene) string {
	a, _ := s.withTicket()
	s.wantAdmitted("once", a)
	again := newAttempt()
	again.query = a.query
	return s.wantRefused("again", again, http.StatusUnauthorized).String()
}

// caseOtherOrigin spends the ticket, so that a thief cannot try one origin after the
// other.
func caseOtherOrigin(_ *testing.T, s *scene) string {
	a, _ := s.withTicket()
	a.origin = otherOrigin
	got := s.wantRefused("from another page", a, http.StatusUnauthorized)
	back := newAttempt()
	back.query = a.query
	s.wantRefused("back on its own page", back, http.StatusUnauthorized)
	return got.String()
}

func caseForeignOrigin(_ *testing.T, s *scene) string {
	a, _ := s.withTicket()
	a.origin = "https://foreign.example"
	got := s.wantRefused("from a foreign page", a, http.StatusForbidden)
	own := newAttempt()
	own.query = a.query
	s.wantAdmitted("the same ticket on its own page", own)
	return got.String()
}

func caseMissing(_ *testing.T, s *scene) string {
	a := newAttempt()
	a.query = "?room=1"
	return s.wantRefused("without a ticket", a, http.StatusUnauthorized).String()
}

// caseSpellings refuses tickets that a proxy might not recognise and remove, and does
// not spend them.
func caseSpellings(_ *testing.T, s *scene) string {
	var cell string
	token := s.issue()
	for _, query := range []string{
		"?%%74icket=%[1]s", "?Ticket=%[1]s", "?ticket=%[1]s&ticket=%[1]s", "?ticket=%[1]s&%%74icket=%[1]s",
		"?ticket=%%77st1_%[2]s", "?room=1;ticket=%[1]s", "?ticket=%[1]s&TICKET=x",
	} {
		if s.proxy.passive && strings.Contains(query, ";") {
			continue
		}
		a := newAttempt()
		a.query = fmt.Sprintf(query, token, token[len("wst1_"):])
		cell = s.wantRefused(query, a, s.proxy.malformed).String()
	}
	for _, query := range []string{"?%%74icket=%s", "?ticket=%s"} {
		a := newAttempt()
		a.offer, a.query = "wsticket.v1, ticket."+token, fmt.Sprintf(query, token)
		s.wantRefused("at two doors", a, s.proxy.malformed)
	}
	a := newAttempt()
	a.query = "?ticket=" + token
	s.wantAdmitted("as it should be", a)
	return cell
}

// casePlain is an ordinary request, such as that of a link checker.
func casePlain(_ *testing.T, s *scene) string {
	a, _ := s.withTicket()
	plain := a
	plain.name, plain.plain = newAttempt().name, true
	got := s.wantRefused("no WebSocket", plain, http.StatusUpgradeRequired, http.StatusNotFound)
	s.wantAdmitted("the same ticket in a handshake", a)
	return got.String()
}

// casePath is a handshake at a wrong path. The ticket is not spent, so it must not be
// in a log.
func casePath(_ *testing.T, s *scene) string {
	a, token := newAttempt(), s.issue()
	a.path, a.query = "/wsx", "?ticket="+token
	// Caddy answers 200 if nothing is configured for a path.
	return s.wantRefused("/wsx", a, http.StatusNotFound, http.StatusOK).String()
}

func caseExpired(t *testing.T, s *scene) string {
	select {
	case <-time.After(time.Until(s.expires) + time.Second): // expires is rounded to seconds
	case <-t.Context().Done():
	}
	a := newAttempt()
	a.query = "?ticket=" + s.expired
	return s.wantRefused("expired", a, http.StatusUnauthorized).String()
}
