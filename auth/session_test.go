package auth_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/internal/accesslog"
	"wsticket/internal/traceparent"
	"wsticket/ticket"
)

// application is one that vouches for session cookies.
type application struct {
	*httptest.Server
	answer atomic.Value // of http.HandlerFunc
	asked  atomic.Int64
}

func newApplication(t testing.TB, answer http.HandlerFunc) *application {
	t.Helper()
	a := &application{}
	a.answer.Store(answer)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.asked.Add(1)
		answer, _ := a.answer.Load().(http.HandlerFunc)
		answer(w, r)
	}))
	t.Cleanup(a.Close)
	return a
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// sessions returns a Sessions that asks the application at the time now. Its
// time-out is generous, for a busy machine; edit may change it.
func (a *application) sessions(t testing.TB, edit func(*auth.SessionOptions)) *auth.Sessions {
	t.Helper()
	o := auth.SessionOptions{Cookie: "sid", LookupURL: a.URL + "/session?for=ws", Timeout: 20 * time.Second, Now: clock}
	if edit != nil {
		edit(&o)
	}
	s, err := auth.NewSessions(o)
	if err != nil {
		t.Fatalf("NewSessions: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

const cookie = "s3ss10n-c00k13-v4lu3"

// TestLookupAnswers: 200 with an identity and 401 are answers, and everything
// else is an outage.
func TestLookupAnswers(t *testing.T) {
	t.Parallel()
	soon := now.Add(time.Minute).Unix()
	for _, row := range []struct {
		rule   string
		status int
		body   string
		want   string
	}{
		{"a subject is enough", 200, `{"sub":"u-1"}`, "ok"},
		{"everything", 200, fmt.Sprintf(`{"sub":"u-1","sid":"s-1","exp":%d,"claims":{"email":"a@b"}}`, soon), "ok"},
		{"white space around it", 200, " {\"sub\":\"u-1\"}\r\n", "ok"},
		{"a subject of 255 bytes", 200, `{"sub":"` + strings.Repeat("a", 255) + `"}`, "ok"},
		{"a fraction of a second", 200, fmt.Sprintf(`{"sub":"u-1","exp":%d.5}`, soon), "ok"},
		{"claims may be empty", 200, `{"sub":"u-1","claims":{}}`, "ok"},

		{"401", 401, "", "session_refused"},
		{"401 is that whatever it says", 401, `{"sub":"u-1"}`, "session_refused"},
		{"401 with a page of any size", 401, strings.Repeat("x", 1<<20), "session_refused"},
		{"a session that is over", 200, fmt.Sprintf(`{"sub":"u-1","exp":%d}`, now.Unix()), "bearer_expired"},
		{"one of 1970", 200, `{"sub":"u-1","exp":0}`, "bearer_expired"},

		{"500", 500, `{"sub":"u-1"}`, "session_status"},
		{"503", 503, "", "session_status"},
		{"404, a wrong URL", 404, "", "session_status"},
		{"206", 206, `{"sub":"u-1"}`, "session_status"},
		{"a permanent one", 308, "", "session_status"},

		{"nothing", 200, "", "session_content"},
		{"a page", 200, "<!doctype html><title>Sign in</title>", "session_content"},
		{"a list", 200, `[{"sub":"u-1"}]`, "session_content"},
		{"an empty object", 200, "{}", "session_content"},
		{"something behind it", 200, `{"sub":"u-1"}{}`, "session_content"},
		{"broken UTF-8", 200, `{"sub":"u-` + "\xff" + `"}`, "session_content"},
		{"over 64 KiB", 200, `{"sub":"u-1"}` + strings.Repeat(" ", 64<<10), "session_content"},
		{"two subjects", 200, `{"sub":"u-1","sub":"u-2"}`, "session_content"},
		{"a subject in another case", 200, `{"SUB":"u-1"}`, "session_content"},
		{"a member that is not known", 200, `{"sub":"u-1","expires":1}`, "session_content"},
		{"an issuer, which the URL is", 200, `{"sub":"u-1","iss":"https://id.example.com"}`, "session_content"},
		{"claims that are a list", 200, `{"sub":"u-1","claims":[]}`, "session_content"},
		{"claims that are null are none", 200, `{"sub":"u-1","claims":null}`, "ok"},
		{"R26 no subject", 200, `{"sid":"s-1"}`, "session_content"},
		{"R26 an empty one", 200, `{"sub":""}`, "session_content"},
		{"R26 a number", 200, `{"sub":1}`, "session_content"},
		{"R26 null", 200, `{"sub":null}`, "session_content"},
		{"R26 a new line", 200, `{"sub":"u\nX-Admin: 1"}`, "session_content"},
		{"a session id that is a number", 200, `{"sub":"u-1","sid":7}`, "session_content"},
		{"an empty session id", 200, `{"sub":"u-1","sid":""}`, "session_content"},
		{"a time as text", 200, `{"sub":"u-1","exp":"2026-11-23T13:00:00Z"}`, "session_content"},
		{"a time in milliseconds", 200, fmt.Sprintf(`{"sub":"u-1","exp":%d}`, soon*1000), "session_content"},
		{"a negative time", 200, `{"sub":"u-1","exp":-1}`, "session_content"},
		{"a time that is null is none", 200, `{"sub":"u-1","sid":null,"exp":null}`, "ok"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			a := newApplication(t, says(row.status, row.body))
			s := a.sessions(t, nil)
			check(t, s, row.rule, cookie, row.want)
			check(t, s, "again", cookie, row.want)
			if want := map[bool]int64{true: 1, false: 2}[row.want == "ok"]; a.asked.Load() != want {
				t.Errorf("asked %d times, want %d: what is no identity is not remembered", a.asked.Load(), want)
			}
		})
	}
}

func TestLookupIdentity(t *testing.T) {
	t.Parallel()
	a := newApplication(t, says(200, fmt.Sprintf(
		`{"sub":"u-1","sid":"s-1","exp":%d,"claims":{"email":"a@example.com","groups":["x","y"]}}`, now.Add(time.Hour).Unix())))
	s := a.sessions(t, nil)
	got := check(t, s, "everything", cookie, "ok")
	if got.Issuer != a.URL || got.Subject != "u-1" || got.SessionID != "s-1" || got.TokenID != "" || got.Scope != "" {
		t.Errorf("got %+v, want u-1 of %s in session s-1", got, a.URL)
	}
	if want := now.Add(time.Hour); !got.ExpiresAt.Equal(want) {
		t.Errorf("ends at %s, want %s", got.ExpiresAt, want)
	}
	if fmt.Sprint(got.Claims) != "map[email:a@example.com groups:[x y]]" {
		t.Errorf("got claims %v", got.Claims)
	}
	got.Claims["email"] = "mallory@example.com"
	if again := check(t, s, "from the cache", cookie, "ok"); again.Claims["email"] != "a@example.com" {
		t.Error("a caller changed the claims of the next one")
	}
	a.answer.Store(says(200, `{"sub":"u-1"}`))
	if got := check(t, s, "without an end", "other", "ok"); !got.ExpiresAt.Equal(now.Add(24 * time.Hour)) {
		t.Errorf("without an end: ends at %s, want a day after the lookup", got.ExpiresAt)
	}
	a.answer.Store(says(200, fmt.Sprintf(`{"sub":"u-1","exp":%d}`, now.Add(30*24*time.Hour).Unix())))
	if got := check(t, s, "an end in a month", "third", "ok"); !got.ExpiresAt.Equal(now.Add(24 * time.Hour)) {
		t.Errorf("an end in a month: ends at %s, want a day after the lookup", got.ExpiresAt)
	}
}

// TestLookupRequest: the application gets the cookie, and nothing else of the
// client.
func TestLookupRequest(t *testing.T) {
	t.Parallel()
	var seen http.Request
	a := newApplication(t, func(w http.ResponseWriter, r *http.Request) {
		seen = *r
		says(200, `{"sub":"u-1"}`)(w, r)
	})
	check(t, a.sessions(t, nil), "a lookup", cookie, "ok")
	want := http.Header{"Accept": {"application/json"}, "User-Agent": {"wsticket"}, "Cookie": {"sid=" + cookie}}
	if fmt.Sprint(seen.Header) != fmt.Sprint(want) {
		t.Errorf("got headers %v, want %v", seen.Header, want)
	}
	if seen.Method != http.MethodGet || seen.RequestURI != "/session?for=ws" || seen.ContentLength != 0 {
		t.Errorf("got %s %s with %d bytes, want a GET of the URL", seen.Method, seen.RequestURI, seen.ContentLength)
	}
}

// TestLookupInATrace: the application is part of the request's trace, and gets nothing
// else of its caller.
func TestLookupInATrace(t *testing.T) {
	t.Parallel()
	var seen http.Header
	a := newApplication(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		says(200, `{"sub":"u-1"}`)(w, r)
	})
	s := a.sessions(t, nil)
	const line = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Header = http.Header{"Traceparent": {line}, "Tracestate": {"a=1"}, "Baggage": {"user=alice"}}
	begin := func(r *http.Request) accesslog.Given { return accesslog.Given{Trace: traceparent.Pass(r.Header)} }
	accesslog.Middleware(nil, nil, begin)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if _, err := s.Authenticate(r.Context(), ticket.NewBearer(cookie)); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
	if seen.Get("Traceparent") != line || seen.Get("Tracestate") != "" || seen.Get("Baggage") != "" {
		t.Errorf("got %v, want the traceparent alone", seen)
	}
}

// TestLookupCookieValues: a text that is no cookie value is not sent.
func TestLookupCookieValues(t *testing.T) {
	t.Parallel()
	a := newApplication(t, says(200, `{"sub":"u-1"}`))
	s := a.sessions(t, nil)
	for rule, value := range map[string]string{
		"none": "", "a second cookie": "a; admin=1", "a header": "a\r\nX-Admin: 1", "a blank": "a b", "a comma": "a,b",
		"quotes": `"a"`, "a backslash": `a\b`, "a NUL": "a\x00", "not ASCII": "ä", "over 8 KiB": strings.Repeat("a", 8<<10+1),
	} {
		check(t, s, rule, value, "bearer_malformed")
	}
	if got := a.asked.Load(); got != 0 {
		t.Errorf("asked %d times, want never", got)
	}
	check(t, s, "8 KiB", strings.Repeat("a", 8<<10), "ok")
}

// TestLookupOfCookies: an application that judges its cookies gets them as they
// were sent, and each combination is a session of its own.
func TestLookupOfCookies(t *testing.T) {
	t.Parallel()
	var seen atomic.Value
	a := newApplication(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r.Header["Cookie"])
		says(200, `{"sub":"u-1"}`)(w, r)
	})
	s := a.sessions(t, nil)
	for _, cookies := range []string{`sid="a b"; sid=c`, "sid=c; sid=d", "sid.0=a; sid.1=b", "sid=" + strings.Repeat("a", 12<<10)} {
		got, err := s.AuthenticateCookies(t.Context(), ticket.NewBearer(cookies))
		if err != nil || got.Subject != "u-1" || fmt.Sprint(seen.Load()) != "["+cookies+"]" {
			t.Errorf("%.40q: got %q, %v; the application has seen %.60q", cookies, got.Subject, err, seen.Load())
		}
	}
	if got := a.asked.Load(); got != 4 {
		t.Errorf("asked %d times, want once for each", got)
	}
	if _, err := s.AuthenticateCookies(t.Context(), ticket.NewBearer(strings.Repeat("a", 16<<10+1))); ticket.Reason(err) != "bearer_malformed" {
		t.Errorf("over 16 KiB: got %v, want bearer_malformed", err)
	}
}

// TestLookupFollowsNoRedirect: a redirect is no answer, wherever it leads.
func TestLookupFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	trap := newApplication(t, says(200, `{"sub":"admin"}`))
	a := newApplication(t, http.RedirectHandler(trap.URL, http.StatusFound).ServeHTTP)
	check(t, a.sessions(t, nil), "a redirect", cookie, "session_status")
	if got := trap.asked.Load(); got != 0 {
		t.Errorf("the target was asked %d times, want never", got)
	}
}

// TestLookupTimeout: an answer that comes too late is an outage, in whatever
// way the application is slow.
func TestLookupTimeout(t *testing.T) {
	t.Parallel()
	drip := func(w http.ResponseWriter, r *http.Request) {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		for r.Context().Err() == nil {
			<-ticker.C
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
		}
	}
	for _, row := range []struct {
		rule   string
		answer http.HandlerFunc
	}{
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }},
		{"a byte at a time", drip},
	} {
		t.Run(row.rule, func(t *testing.T) {
			t.Parallel()
			a := newApplication(t, row.answer)
			s := a.sessions(t, func(o *auth.SessionOptions) { o.Timeout = 300 * time.Millisecond })
			check(t, s, row.rule, cookie, "session_unreachable")
		})
	}
}

// TestLookupOfNobody: there is no server, or one that does not end its answer.
func TestLookupOfNobody(t *testing.T) {
	t.Parallel()
	a := newApplication(t, says(200, ""))
	s := a.sessions(t, nil)
	a.Close()
	check(t, s, "no server", cookie, "session_unreachable")
	a = newApplication(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("a", 128<<10)) })
	check(t, a.sessions(t, nil), "headers without end", cookie, "session_unreachable")
	a = newApplication(t, endless)
	check(t, a.sessions(t, nil), "a body without end is cut", cookie, "session_content")
}

// TestLookupSaysWhy: the log of a session that nobody can judge says what the
// application answered instead.
func TestLookupSaysWhy(t *testing.T) {
	t.Parallel()
	gone := newApplication(t, says(200, ""))
	gone.Close()
	for _, row := range []struct {
		rule string
		a    *application
		want string
	}{
		{"no server", gone, "[lookup=" + gone.URL + " cause=connection refused]"},
		{"another status", newApplication(t, says(500, "")), "lookup_status=500 expected=[200 or 401]]"},
		{"no JSON", newApplication(t, says(200, "<html>")), "[cause=not a JSON object]"},
		{"an unknown member", newApplication(t, says(200, `{"sub":"u","expires":1}`)), "[member=expires]"},
		{"no subject", newApplication(t, says(200, `{"sid":"s"}`)), "[member=sub]"},
		{"two that are wrong", newApplication(t, says(200, `{"sub":1,"sid":2}`)), "[member=sid]"},
	} {
		_, err := row.a.sessions(t, nil).Authenticate(t.Context(), ticket.NewBearer(cookie))
		if got := fmt.Sprint(ticket.AttrsOf(err)); !strings.HasSuffix(got, row.want) {
			t.Errorf("%s: attributes %s, want %s", row.rule, got, row.want)
		}
	}
}

func TestLookupOverTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(says(200, `{"sub":"u-1"}`))
	t.Cleanup(server.Close)
	a := &application{Server: server}
	trusting := a.sessions(t, func(o *auth.SessionOptions) {
		o.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs //nolint:errcheck,forcetypeassert // It is one.
	})
	if got := check(t, trusting, "a certificate that is trusted", cookie, "ok"); got.Issuer != a.URL {
		t.Errorf("got issuer %s, want %s", got.Issuer, a.URL)
	}
	check(t, a.sessions(t, nil), "one that is not", cookie, "session_unreachable")
}

func TestSessionOptions(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule string
		o    auth.SessionOptions
		want string // empty: no fault
	}{
		{"http", auth.SessionOptions{Cookie: "__Host-sid", LookupURL: "http://127.0.0.1:3000/session"}, ""},
		{"https", auth.SessionOptions{Cookie: "sid", LookupURL: "https://app.example.com/session?x=1"}, ""},
		{"no name", auth.SessionOptions{LookupURL: "http://a/"}, `auth: Cookie: must be the name of a cookie (got "")`},
		{"a name with a separator", auth.SessionOptions{Cookie: "a=b", LookupURL: "http://a/"}, "auth: Cookie: "},
		{"no URL", auth.SessionOptions{Cookie: "sid"}, "auth: LookupURL: must be an http or https URL"},
		{"a path", auth.SessionOptions{Cookie: "sid", LookupURL: "/session"}, "must be an http or https URL"},
		{"another scheme", auth.SessionOptions{Cookie: "sid", LookupURL: "file:///etc/passwd"}, "must be an http or https URL"},
		{"a fragment", auth.SessionOptions{Cookie: "sid", LookupURL: "http://a/#b"}, "neither user name nor fragment"},
		{"a host that is none", auth.SessionOptions{Cookie: "sid", LookupURL: "http://a b/"}, "auth: LookupURL: "},
		{"a port that is none", auth.SessionOptions{Cookie: "sid", LookupURL: "http://a:0/"}, "auth: LookupURL: "},
		{"time that runs backwards", auth.SessionOptions{Cookie: "sid", LookupURL: "http://a/", Timeout: -1}, "auth: Timeout: "},
	} {
		s, err := auth.NewSessions(row.o)
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: got %v, want no fault", row.rule, err)
		case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: got %v, want it to say %q", row.rule, err, row.want)
		case row.want == "":
			s.Close()
		}
	}
	_, err := auth.NewSessions(auth.SessionOptions{Cookie: "sid", LookupURL: "http://user:pa55word@app/"})
	if err == nil || strings.Contains(err.Error(), "pa55word") {
		t.Errorf("a password in the URL: got %v, want an error without it", err)
	}
}

// TestSessionIssuer: the origin of the URL, as a browser would write it.
func TestSessionIssuer(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"http://App.Example.com:80/session": "http://app.example.com", "https://app.example.com:443": "https://app.example.com",
		"http://app:3000/": "http://app:3000", "https://[::1]:8443/x?y": "https://[::1]:8443",
	} {
		if got, err := auth.LookupIssuer(address); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", address, got, err, want)
		}
	}
}

// FuzzVouched: no bytes make it panic, and every answer that is accepted has a
// subject that can be shown.
func FuzzVouched(f *testing.F) {
	for _, seed := range []string{
		`{"sub":"u-1"}`, `{"sub":"u-1","sid":"s","exp":1795435200,"claims":{"groups":["a"]}}`, `{"sub":"a","sub":"b"}`,
		`{"sub":"\ud800"}`, `{"sub":"u","exp":1e400}`, `{"Sub":"u"}`, `{"sub":"u","claims":[]}`, "null", "[]", "", "{",
		string(pem.EncodeToMemory(&pem.Block{Type: "X"})),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		subject, session, expires, err := auth.ParseVouched(data)
		if err != nil {
			if !errors.Is(err, ticket.ErrUnavailable) || subject != "" {
				t.Errorf("%q: got %q, %v, want nothing and ErrUnavailable", data, subject, err)
			}
			return
		}
		for _, text := range []string{subject, session} {
			if len(text) > 255 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfffd }) {
				t.Errorf("%q: accepted the text %q", data, text)
			}
		}
		if subject == "" || expires.Year() > 9999 {
			t.Errorf("%q: accepted subject %q until %s", data, subject, expires)
		}
	})
}
