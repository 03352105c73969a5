package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/api"
	"wsticket/ticket"
)

// jwt is a JWT in shape; nobody verifies it here.
const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"

func TestAuthorization(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule   string
		values []string
		status int
		code   string
	}{
		{"a good bearer", []string{"Bearer good"}, 201, ""},
		{"P4 the scheme ignores case", []string{"bearer good"}, 201, ""},
		{"P4 in any mixture", []string{"bEaReR good"}, 201, ""},
		{"none", nil, 401, "missing_credential"},
		{"a bad one", []string{"Bearer bad"}, 401, "invalid_token"},
		{"the text is compared as it is", []string{"Bearer GOOD"}, 401, "invalid_token"},
		{"P3 two headers", []string{"Bearer good", "Bearer good"}, 400, "invalid_request"},
		{"P3 two headers, the second of another scheme", []string{"Bearer good", "Basic YTpi"}, 400, "invalid_request"},
		{"P5 a list", []string{"Bearer good, Bearer good"}, 400, "invalid_request"},
		{"P5 a list without blanks", []string{"Bearer good,good"}, 400, "invalid_request"},
		{"P4 the scheme alone", []string{"Bearer"}, 400, "invalid_request"},
		{"P4 the scheme and a blank", []string{"Bearer "}, 400, "invalid_request"},
		{"P4 two blanks", []string{"Bearer  good"}, 400, "invalid_request"},
		{"P4 a tab", []string{"Bearer\tgood"}, 401, "missing_credential"},
		{"two words", []string{"Bearer good good"}, 400, "invalid_request"},
		{"a blank at the end", []string{"Bearer good "}, 400, "invalid_request"},
		{"quotes", []string{`Bearer "good"`}, 400, "invalid_request"},
		{"a parameter", []string{`Bearer token=good`}, 400, "invalid_request"},
		{"padding alone", []string{"Bearer ==="}, 400, "invalid_request"},
		{"letters beyond ASCII", []string{"Bearer gööd"}, 400, "invalid_request"},
		{"JWS as JSON", []string{`Bearer {"payload":"x"}`}, 400, "invalid_request"},
		{"P4 Basic", []string{"Basic YTpi"}, 401, "missing_credential"},
		{"P4 DPoP", []string{"DPoP good"}, 401, "missing_credential"},
		{"P4 a ticket", []string{"Ticket good"}, 401, "missing_credential"},
		{"the text without a scheme", []string{"good"}, 401, "missing_credential"},
		{"an empty header", []string{""}, 401, "missing_credential"},
	} {
		r := newRequest(t, http.MethodPost, "/ws-ticket", "")
		if row.values != nil {
			r.Header["Authorization"] = row.values
		}
		w := h.public(t, r)
		expect(t, row.rule, w, row.status, row.code)
		if want := readVectors(t)[row.code].WWWAuthenticate; w.Header().Get("WWW-Authenticate") != want {
			t.Errorf("%s: got WWW-Authenticate %q, want %q", row.rule, w.Header().Get("WWW-Authenticate"), want)
		}
	}
}

func TestCredentialElsewhereIsNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, row := range []struct {
		rule   string
		header []string
	}{
		{"P2 a cookie", []string{"Cookie", "session=good"}},
		{"another header", []string{"X-Access-Token", "good"}},
		{"that of a proxy", []string{"Proxy-Authorization", "Bearer good"}},
		{"a form with access_token (RFC 6750 2.2)", []string{"Content-Type", "application/x-www-form-urlencoded"}},
	} {
		w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket", "access_token=good", row.header...))
		expect(t, row.rule, w, 401, "missing_credential")
	}
}

func TestCredentialInURL(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	escaped := strings.ReplaceAll(jwt, ".", "%2E")
	for _, row := range []struct {
		rule, query string
		status      int
		code        string
	}{
		{"no query", "", 201, ""},
		{"a query that means nothing", "_=1&lang=en", 201, ""},
		{"a name that only holds the word", "tokens=1&my_token=x", 201, ""},
		{"a host name is no JWT", "ref=www.example.com", 201, ""},
		{"words with dots are no JWT", "v=1.2.3", 201, ""},
		{"an object and one more part are no JWT", "a=v1.eyJhIjoxfQ.x", 201, ""},
		{"P6 access_token", "access_token=x", 400, "credential_in_url"},
		{"P6 token", "token=x", 400, "credential_in_url"},
		{"empty", "access_token=", 400, "credential_in_url"},
		{"without a value", "access_token", 400, "credential_in_url"},
		{"in capitals", "ACCESS_Token=x", 400, "credential_in_url"},
		{"an escaped name", "tok%65n=x", 400, "credential_in_url"},
		{"a name with broken escapes beside it", "a=%zz&token=x", 400, "credential_in_url"},
		{"not the first parameter", "a=1&b=2&token=x", 400, "credential_in_url"},
		{"behind a semicolon", "a=1;token=x", 400, "credential_in_url"},
		{"P6 a JWT by any name", "a=" + jwt, 400, "credential_in_url"},
		{"a JWT with escaped dots", "a=" + escaped, 400, "credential_in_url"},
		{"a JWT with broken escapes behind it", "a=" + jwt + "%zz", 400, "credential_in_url"},
		{"a JWT behind its scheme", "a=Bearer%20" + jwt, 400, "credential_in_url"},
		{"a JWT behind other words", "a=v1." + jwt, 400, "credential_in_url"},
		{"a JWT as the name", jwt, 400, "credential_in_url"},
		{"a JWE", "a=" + jwt + ".x.y", 400, "credential_in_url"},
		{"a JWT with blanks in its header", "a=IHsgImFsZyI6IkVTMjU2In0.e30.x", 400, "credential_in_url"},
		{"a JWT without signature", "a=eyJhbGciOiJub25lIn0.e30.", 400, "credential_in_url"},
		{"P1 a ticket beside the bearer", "ticket=x", 400, "invalid_request"},
		{"by a name that decodes to it", "tick%65t=x", 400, "invalid_request"},
		{"a broken escape", "a=%zz", 400, "invalid_request"},
		{"a broken escape in a name", "%=1", 400, "invalid_request"},
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			target := "/ws-ticket"
			if method != http.MethodPost {
				target += "/4B8xiXBODIlsV0VSjvtzly"
				if row.status == 201 {
					continue
				}
			}
			r := newRequest(t, method, target, "", "Authorization", good)
			r.URL.RawQuery = row.query
			w := h.public(t, r)
			expect(t, method+" "+row.rule, w, row.status, row.code)
			if row.code == "credential_in_url" && h.last(t).Reason != row.code {
				t.Errorf("%s: got reason %q, want it counted by its name", row.rule, h.last(t).Reason)
			}
		}
	}
}

// TestTicketParameterNamedToken: where the WebSocket's parameter is token, one
// here is a bearer in the URL all the same.
func TestTicketParameterNamedToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *api.Options) { o.TicketParameter = "token" })
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket?token=x", "", "Authorization", good))
	expect(t, "token", w, 400, "credential_in_url")
}

// FuzzAuthorization: whatever the header, only the exact text after the
// scheme and one blank reaches the Authenticator.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"Bearer good", "bearer  x", "Basic YTpi", "Bearer a, Bearer b", "Bearer", ""} {
		f.Add(seed)
	}
	var seen []string
	h := newHouse(f, func(o *api.Options) {
		o.Authenticator = authenticate(func(text string) (ticket.Identity, error) {
			seen = append(seen, text)
			return ticket.Identity{}, ticket.ErrInvalidBearer
		})
	})
	f.Fuzz(func(t *testing.T, value string) {
		seen = nil
		w := httptest.NewRecorder()
		h.Public().ServeHTTP(w, newRequest(t, http.MethodPost, "/ws-ticket", "", "Authorization", value))
		switch w.Code {
		case http.StatusBadRequest, http.StatusUnauthorized:
		default:
			t.Errorf("%q: got %d, want 400 or 401", value, w.Code)
		}
		if len(seen) > 1 || len(seen) == 1 && !strings.EqualFold(value, "bearer "+seen[0]) {
			t.Errorf("%q: got %q at the Authenticator, want what stands after the scheme", value, seen)
		}
	})
}
