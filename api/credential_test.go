package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/ticket"
)

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
		{"none", nil, 401, "missing_credential"},
		{"a bad one", []string{"Bearer bad"}, 401, "invalid_token"},
		{"the text is compared as it is", []string{"Bearer GOOD"}, 401, "invalid_token"},
		{"P3 two headers", []string{"Bearer good", "Bearer good"}, 400, "invalid_request"},
		{"beside one of another scheme", []string{"Bearer good", "Basic YTpi"}, 201, ""},
		{"beside a bad one of another scheme", []string{"Basic", "Bearer good"}, 201, ""},
		{"P5 a list", []string{"Bearer good, Bearer good"}, 400, "invalid_request"},
		{"P4 the scheme alone", []string{"Bearer"}, 400, "invalid_request"},
		{"P4 the scheme and a blank", []string{"Bearer "}, 400, "invalid_request"},
		{"P4 two blanks", []string{"Bearer  good"}, 400, "invalid_request"},
		{"P4 a tab", []string{"Bearer\tgood"}, 400, "invalid_request"},
		{"two words", []string{"Bearer good good"}, 400, "invalid_request"},
		{"a blank at the end", []string{"Bearer good "}, 400, "invalid_request"},
		{"quotes", []string{`Bearer "good"`}, 400, "invalid_request"},
		{"P4 Basic", []string{"Basic YTpi"}, 401, "missing_credential"},
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
		{"nor is one that begins like JSON", "page=example.co.uk&file=export.2024.csv&channel=exchange.btc.usd", 201, ""},
		{"P6 access_token", "access_token=x", 400, "credential_in_url"},
		{"P6 token", "token=x", 400, "credential_in_url"},
		{"empty", "access_token=", 400, "credential_in_url"},
		{"in capitals", "ACCESS_Token=x", 400, "credential_in_url"},
		{"an escaped name", "tok%65n=x", 400, "credential_in_url"},
		{"a name with broken escapes beside it", "a=%zz&token=x", 400, "credential_in_url"},
		{"with white space before the name", "+access_token=x", 400, "credential_in_url"},
		{"in letters that some fold", "acce%C5%BF%C5%BF_token=x", 400, "credential_in_url"},
		{"not the first parameter", "a=1&b=2&token=x", 400, "credential_in_url"},
		{"behind a semicolon", "a=1;token=x", 400, "credential_in_url"},
		{"P6 a JWT by any name", "a=" + jwt, 400, "credential_in_url"},
		{"a JWT with escaped dots", "a=" + escaped, 400, "credential_in_url"},
		{"a JWT with broken escapes behind it", "a=" + jwt + "%zz", 400, "credential_in_url"},
		{"a JWT behind its scheme", "a=Bearer%20" + jwt, 400, "credential_in_url"},
		{"P1 a ticket beside the bearer", "ticket=x", 400, "invalid_request"},
		{"by a name that decodes to it", "tick%65t=x", 400, "invalid_request"},
		{"by a name whose upper case is the same", "t%C4%B1cket=x", 400, "invalid_request"},
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
			if row.code == "credential_in_url" {
				h.became(t, row.rule, "refused", row.code)
			}
		}
	}
}

// TestTicketParameterNamedToken: "token" in the query is a bearer, even if it is
// the WebSocket's parameter for tickets.
func TestTicketParameterNamedToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(o *parts) { o.Gate.TicketParameter = "token" })
	w := h.public(t, newRequest(t, http.MethodPost, "/ws-ticket?token=x", "", "Authorization", good))
	expect(t, "token", w, 400, "credential_in_url")
}

// FuzzAuthorization: only the exact text after the scheme and one blank reaches
// the Authenticator.
func FuzzAuthorization(f *testing.F) {
	for _, seed := range []string{"Bearer good", "bearer  x", "Basic YTpi", "Bearer a, Bearer b", "Bearer", ""} {
		f.Add(seed)
	}
	var seen []string
	h := newHouse(f, func(o *parts) {
		o.Gate.Authenticator = authenticate(func(text string) (ticket.Identity, error) {
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
