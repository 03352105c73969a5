package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"wsticket/ticket"
)

const (
	session = "__Host-session"
	alices  = session + "=c00k1e"
)

// newSessions returns a house that accepts session cookies, and the values that it
// verified.
func newSessions(tb testing.TB, edit func(*parts)) (h *house, asked *[]string) {
	tb.Helper()
	asked = new([]string)
	h = newHouse(tb, func(o *parts) {
		o.Gate.SessionCookie = session
		o.Gate.Sessions = authenticate(func(text string) (ticket.Identity, error) {
			*asked = append(*asked, text)
			if text != "c00k1e" {
				return ticket.Identity{}, ticket.ErrInvalidBearer
			}
			return bearers("good")
		})
		if edit != nil {
			edit(o)
		}
	})
	return h, asked
}

// TestSessionIssues: a foreign page cannot make a browser get a ticket, and no
// request has two credentials (R40, R43, R45).
func TestSessionIssues(t *testing.T) {
	t.Parallel()
	const form, text, multipart = "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"
	for _, row := range []struct {
		rule   string
		header []string
		body   string
		status int
		code   string
		reason string // empty: not compared
		asked  bool
	}{
		{"a page of ours", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON}, "", 201, "", "ok", true},
		{"with a body", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON}, `{"audience":"feed"}`, 201, "", "ok", true},
		{"with the charset", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON + "; charset=utf-8"}, "", 201, "", "ok", true},
		{"among other cookies", []string{"Cookie", "a=1; " + alices + "; b=\"2\"", "Origin", page, "Content-Type", asJSON}, "", 201, "", "ok", true},
		{"a session that is over", []string{"Cookie", session + "=old", "Origin", page, "Content-Type", asJSON}, "", 401, "invalid_token", "invalid_bearer", true},
		{"no cookie", []string{"Origin", page, "Content-Type", asJSON}, "", 401, "missing_credential", "missing_credential", false},
		{"another cookie", []string{"Cookie", "session=c00k1e", "Origin", page, "Content-Type", asJSON}, "", 401, "missing_credential", "", false},
		{"its name in another case", []string{"Cookie", "__host-session=c00k1e", "Origin", page, "Content-Type", asJSON}, "", 401, "missing_credential", "", false},

		{"R40 no origin", []string{"Cookie", alices, "Content-Type", asJSON}, "", 403, "origin_not_allowed", "session_without_origin", false},
		{"R40 no origin, but a referer", []string{"Cookie", alices, "Content-Type", asJSON, "Referer", page + "/"}, "", 403, "origin_not_allowed", "session_without_origin", false},
		{"R40 no origin, of the same site by its own account", []string{"Cookie", alices, "Content-Type", asJSON, "Sec-Fetch-Site", "same-origin"}, "", 403, "origin_not_allowed", "session_without_origin", false},
		{"R40 another origin", []string{"Cookie", alices, "Origin", "https://evil.com", "Content-Type", asJSON}, "", 403, "origin_not_allowed", "origin_not_allowed", false},
		{"R44 a sibling", []string{"Cookie", alices, "Origin", "https://evil.example.com", "Content-Type", asJSON}, "", 403, "origin_not_allowed", "origin_not_allowed", false},
		{"R43 null, of a sandboxed frame", []string{"Cookie", alices, "Origin", "null", "Content-Type", asJSON}, "", 403, "origin_not_allowed", "origin_not_allowed", false},
		{"two origins", []string{"Cookie", alices, "Origin", page, "Origin", page, "Content-Type", asJSON}, "", 403, "origin_not_allowed", "origin_not_allowed", false},

		{"R43 a form", []string{"Cookie", alices, "Origin", page, "Content-Type", form}, "a=b", 403, "origin_not_allowed", "session_content_type", false},
		{"R43 a form of another page", []string{"Cookie", alices, "Origin", "https://evil.com", "Content-Type", form}, "a=b", 403, "origin_not_allowed", "origin_not_allowed", false},
		{"R43 JSON as text", []string{"Cookie", alices, "Origin", page, "Content-Type", text}, "{}", 403, "origin_not_allowed", "session_content_type", false},
		{"R43 no type and no body", []string{"Cookie", alices, "Origin", page}, "", 403, "origin_not_allowed", "session_content_type", false},
		{"R43 two types", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON, "Content-Type", text}, "", 403, "origin_not_allowed", "session_content_type", false},
		{"R43 a type that begins with it", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON + "-seq"}, "", 403, "origin_not_allowed", "session_content_type", false},

		{"R45 a bearer, too", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON, "Authorization", good}, "", 201, "", "", false},
		{"R45 a bearer, too, and no page", []string{"Cookie", alices, "Content-Type", asJSON, "Authorization", good}, "", 201, "", "", false},
		{"R45 a bad bearer, too", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON, "Authorization", "Bearer bad"}, "", 401, "invalid_token", "", false},
		{"R45 a malformed bearer, too", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON, "Authorization", "Bearer"}, "", 400, "invalid_request", "credential_shape", false},
		{"another scheme, too, which a browser sends by itself", []string{"Cookie", alices, "Origin", page, "Content-Type", asJSON, "Authorization", "Basic YTpi"}, "", 201, "", "", true},
		{"the same twice", []string{"Cookie", alices + "; " + alices, "Origin", page, "Content-Type", asJSON}, "", 201, "", "", true},
		{"R45 two of the name", []string{"Cookie", alices + "; " + session + "=x", "Origin", page, "Content-Type", asJSON}, "", 401, "invalid_token", "session_ambiguous", false},
		{"quoted", []string{"Cookie", session + `="c00k1e"`, "Origin", page, "Content-Type", asJSON}, "", 201, "", "", true},
		{"in chunks", []string{"Cookie", session + ".1=k1e; " + session + ".0=c00", "Origin", page, "Content-Type", asJSON}, "", 201, "", "", true},
		{"a chunk is missing", []string{"Cookie", session + ".0=c00; " + session + ".2=k1e", "Origin", page, "Content-Type", asJSON}, "", 401, "invalid_token", "session_malformed", false},
		{"no value", []string{"Cookie", session + "=", "Origin", page, "Content-Type", asJSON}, "", 401, "missing_credential", "missing_credential", false},
	} {
		h, asked := newSessions(t, nil)
		w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", row.body, row.header...))
		expect(t, row.rule, w, row.status, row.code)
		if row.status > 201 && row.reason != "" {
			h.became(t, row.rule, "refused", row.reason)
		}
		if (len(*asked) > 0) != row.asked {
			t.Errorf("%s: looked up %q, want a look-up: %v", row.rule, *asked, row.asked)
		}
		if (h.issued() == 1) != (row.status == 201) {
			t.Errorf("%s: got %d tickets", row.rule, h.issued())
		}
	}
}

// TestSessionReceipts: reading needs no origin, because browsers send none to the
// page's own. A request that says it comes from elsewhere is refused.
func TestSessionReceipts(t *testing.T) {
	t.Parallel()
	h, _ := newSessions(t, nil)
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Cookie", alices, "Origin", page, "Content-Type", asJSON))
	expect(t, "a ticket", w, 201, "")
	receipt := w.Header().Get("Location")
	for _, row := range []struct {
		rule, method string
		header       []string
		status       int
		code         string
	}{
		{"a page of the same origin", http.MethodGet, []string{"Sec-Fetch-Site", "same-origin"}, 200, ""},
		{"an older browser", http.MethodGet, nil, 200, ""},
		{"somebody who types the address", http.MethodGet, []string{"Sec-Fetch-Site", "none"}, 200, ""},
		{"a page of ours elsewhere", http.MethodGet, []string{"Origin", page, "Sec-Fetch-Site", "cross-site"}, 200, ""},
		{"HEAD is like GET", http.MethodHead, nil, 200, ""},
		{"another page", http.MethodGet, []string{"Origin", "https://evil.com"}, 403, "origin_not_allowed"},
		{"a frame without an origin", http.MethodGet, []string{"Origin", "null"}, 403, "origin_not_allowed"},
		{"an image on another page", http.MethodGet, []string{"Sec-Fetch-Site", "cross-site"}, 403, "origin_not_allowed"},
		{"one on a sibling's page", http.MethodGet, []string{"Sec-Fetch-Site", "same-site"}, 403, "origin_not_allowed"},
		{"HEAD from another page", http.MethodHead, []string{"Sec-Fetch-Site", "cross-site"}, 403, "origin_not_allowed"},
		{"a bearer, too, of the same user", http.MethodGet, []string{"Authorization", good, "Sec-Fetch-Site", "cross-site"}, 200, ""},
		{"to revoke without an origin", http.MethodDelete, nil, 403, "origin_not_allowed"},
		{"to revoke from the same site, by its own account", http.MethodDelete, []string{"Sec-Fetch-Site", "same-origin"}, 403, "origin_not_allowed"},
		{"to revoke from another page", http.MethodDelete, []string{"Origin", "https://evil.com"}, 403, "origin_not_allowed"},
		{"to revoke from a page of ours, without a type, for there is no body", http.MethodDelete, []string{"Origin", page}, 204, ""},
		{"the receipt of it", http.MethodGet, nil, 200, ""},
	} {
		header := append([]string{"Cookie", alices}, row.header...)
		expect(t, row.rule, h.public(t, newRequest(t, row.method, receipt, "", header...)), row.status, row.code)
	}
	// The bearer of the same user is the same owner.
	w = h.public(t, newRequest(t, http.MethodGet, receipt, "", "Authorization", good))
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"state":"revoked"`) {
		t.Errorf("by the bearer: got %d %s", w.Code, w.Body)
	}
}

// TestSessionsOff: without sessions no cookie is a credential.
func TestSessionsOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	expect(t, "beside a bearer", h.post(t, "", "Cookie", alices+"; "+alices), 201, "")
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Cookie", alices, "Origin", page, "Content-Type", asJSON))
	expect(t, "alone", w, 401, "missing_credential")
}

// TestBearersBesideSessions: the rules for cookies are not those for bearers.
func TestBearersBesideSessions(t *testing.T) {
	t.Parallel()
	h, asked := newSessions(t, nil)
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", good))
	expect(t, "no origin and no type", w, 201, "")
	w = h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", good, "Cookie", "other=1"))
	expect(t, "beside another cookie", w, 201, "")
	if len(*asked) > 0 {
		t.Errorf("looked up %q, want none", *asked)
	}
}

// TestSessionPreflight: an allowed page may send its cookie and a content type.
func TestSessionPreflight(t *testing.T) {
	t.Parallel()
	h, asked := newSessions(t, nil)
	for _, target := range []string{"/ws-ticket", "/ws-ticket/" + unknownID} {
		w := h.public(t, newRequest(t, http.MethodOptions, target, "", "Origin", page, "Access-Control-Request-Headers", "content-type"))
		expect(t, target, w, 204, "")
		if got := w.Header().Get("Access-Control-Allow-Credentials"); got != "true" || w.Header().Get("Access-Control-Allow-Origin") != page {
			t.Errorf("%s: got credentials %q for %v", target, got, w.Header())
		}
		if got := strings.Split(w.Header().Get("Access-Control-Allow-Headers"), ", "); !slices.Contains(got, "Content-Type") {
			t.Errorf("%s: got headers %q, want Content-Type among them", target, got)
		}
		w = h.public(t, newRequest(t, http.MethodOptions, target, "", "Origin", "https://evil.com", "Cookie", alices))
		expect(t, "another page", w, 403, "origin_not_allowed")
		noCORS(t, "another page", w)
		w = h.public(t, newRequest(t, http.MethodOptions, target, ""))
		noCORS(t, "no page", w)
	}
	if len(*asked) > 0 {
		t.Errorf("looked up %q, want none", *asked)
	}
}

// TestSessionsUnavailable: a session that cannot be verified is an outage.
func TestSessionsUnavailable(t *testing.T) {
	t.Parallel()
	h, _ := newSessions(t, func(o *parts) {
		o.Gate.Sessions = authenticate(func(string) (ticket.Identity, error) { return ticket.Identity{}, ticket.ErrUnavailable })
	})
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Cookie", alices, "Origin", page, "Content-Type", asJSON))
	expect(t, "unavailable", w, 503, "unavailable")
	if w.Header().Get("Retry-After") == "" {
		t.Error("got no Retry-After, want one")
	}
}

// TestSessionIsNotEchoed: neither answer nor log repeats a cookie (ASVS 14.2.1,
// 16.2.5).
func TestSessionIsNotEchoed(t *testing.T) {
	t.Parallel()
	for _, value := range []string{marker, marker + "; " + session + "=" + marker, `"` + marker + `"`, marker + ","} {
		h, _ := newSessions(t, nil)
		w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Cookie", session+"="+value, "Origin", page, "Content-Type", asJSON))
		noMarker(t, value, fmt.Sprintf("%v %s", w.Header(), w.Body))
		noMarker(t, value, fmt.Sprintf("%+v %s", h.last(t), h.log()))
	}
}

// FuzzSessionCookie: only a single well-formed value of that name is verified.
func FuzzSessionCookie(f *testing.F) {
	for _, seed := range []string{alices, alices + ";" + alices, session, session + `="x"`, "a=1;" + session + "=b=c", ";;=", session + "=\x00"} {
		f.Add(seed)
	}
	h, asked := newSessions(f, nil)
	f.Fuzz(func(t *testing.T, value string) {
		*asked = nil
		w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "", "Cookie", value, "Origin", page, "Content-Type", asJSON))
		if len(*asked) > 1 || len(*asked) == 1 && !strings.Contains(value, session) {
			t.Errorf("%q: looked up %q", value, *asked)
		}
		if (w.Code == 201) != slices.Equal(*asked, []string{"c00k1e"}) {
			t.Errorf("%q: got %d after looking up %q", value, w.Code, *asked)
		}
		for _, text := range *asked {
			if text == "" || strings.ContainsAny(text, "\" ,;\\") {
				t.Errorf("%q: looked up %q", value, text)
			}
		}
	})
}
