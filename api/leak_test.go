package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// marker is put into every place of a request. It has the form of an identifier,
// and a length at which paths are redacted.
const marker = "MARKER-41-characters-that-are-in-no-answer"

// TestNothingIsEchoed: neither the answer nor the log repeats anything of a
// request (ASVS 14.2.1, 16.2.5, 16.5.1), but for the values that loggedOf names.
func TestNothingIsEchoed(t *testing.T) {
	t.Parallel()
	places := map[string]func(*http.Request){
		"path":              func(r *http.Request) { r.URL.Path = "/" + marker },
		"path of a receipt": func(r *http.Request) { r.URL.Path = "/ws-ticket/" + marker },
		"escaped path":      func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/"+marker, "/%4D"+marker[1:] },
		"parameter":         func(r *http.Request) { r.URL.RawQuery = marker + "=1" },
		"query":             func(r *http.Request) { r.URL.RawQuery = "a=" + marker },
		"ticket":            func(r *http.Request) { r.URL.RawQuery = "ticket=" + marker },
		"token":             func(r *http.Request) { r.URL.RawQuery = "access_token=" + marker },
		"fragment":          func(r *http.Request) { r.URL.Fragment = marker },
		"host":              func(r *http.Request) { r.Host = marker + ".example.com" },
		"method":            func(r *http.Request) { r.Method = marker },
		"field name":        func(r *http.Request) { setBody(r, `{"`+marker+`":1}`) },
		"audience":          func(r *http.Request) { setBody(r, `{"audience":"`+marker+`"}`) },
		"scope":             func(r *http.Request) { setBody(r, `{"scope":"`+marker+`"}`) },
		"bad scope":         func(r *http.Request) { setBody(r, `{"scope":"\"`+marker+`"}`) },
		"ttl":               func(r *http.Request) { setBody(r, `{"ttl":"`+marker+`"}`) },
		"broken JSON":       func(r *http.Request) { setBody(r, marker) },
	}
	for _, name := range []string{
		"Authorization", "Origin", "Content-Type", "Content-Encoding", "X-Forwarded-For", "Forwarded", "User-Agent",
		"Cookie", "Referer", "Accept", "Accept-Language", "Sec-Websocket-Protocol", "X-Http-Method-Override",
		"Access-Control-Request-Method", "Access-Control-Request-Headers", "If-None-Match", "Range", marker,
	} {
		places["header "+name] = func(r *http.Request) { r.Header.Set(name, marker) }
	}
	places["bearer"] = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+marker) }
	places["request ID"] = func(r *http.Request) { r.Header.Set("X-Request-Id", marker+" x") }
	for place, put := range places {
		for _, method := range []string{http.MethodPost, http.MethodOptions, http.MethodGet} {
			h := newHouse(t, nil)
			for _, router := range []http.Handler{h.Public(), h.Internal()} {
				r := newRequest(t, method, "/ws-ticket", "{}", "Authorization", good, "Content-Type", "application/json")
				put(r)
				w := h.send(t, router, r)
				noMarker(t, place, fmt.Sprintf("%v %s", w.Header(), w.Body))
				noMarker(t, place, loggedOf(t, h))
			}
		}
	}
}

// TestNothingIsEchoedInside: the same for the internal router.
func TestNothingIsEchoedInside(t *testing.T) {
	t.Parallel()
	places := map[string]func(*http.Request){
		"query":           func(r *http.Request) { r.URL.RawQuery = "a=" + marker },
		"key in the URL":  func(r *http.Request) { r.URL.RawQuery = "key=" + marker },
		"body":            func(r *http.Request) { setBody(r, marker) },
		"ticket":          func(r *http.Request) { setBody(r, `{"ticket":"`+marker+`"}`) },
		"field":           func(r *http.Request) { setBody(r, `{"ticket":"x","`+marker+`":"a"}`) },
		"attempt":         func(r *http.Request) { setBody(r, `{"ticket":"x","attempt":"`+marker+`"}`) },
		"audience":        func(r *http.Request) { setBody(r, `{"ticket":"x","audience":"`+marker+`"}`) },
		"origin in JSON":  func(r *http.Request) { setBody(r, `{"ticket":"x","origin":"https://`+marker+`"}`) },
		"client address":  func(r *http.Request) { setBody(r, `{"ticket":"x","client_ip":"`+marker+`"}`) },
		"form":            func(r *http.Request) { setBody(r, "token="+marker) },
		"name in a form":  func(r *http.Request) { setBody(r, marker+"=x") },
		"asked path":      func(r *http.Request) { r.Header.Set("X-Forwarded-Uri", "/"+marker) },
		"asked ticket":    func(r *http.Request) { r.Header.Set("X-Original-Uri", "/ws?ticket="+marker) },
		"asked parameter": func(r *http.Request) { r.Header.Set("X-Forwarded-Uri", "/ws?ticket="+marker) },
		"wrong key":       func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+marker) },
	}
	for _, name := range []string{
		"X-Wsticket-Key", "X-Original-Uri", "X-Original-Method", "X-Forwarded-Uri", "X-Forwarded-Method", "X-Forwarded-Host",
		"X-Forwarded-Proto", "X-Forwarded-For", "Origin", "Cookie", "Sec-Websocket-Key", "Sec-Websocket-Protocol", "X-Auth-Request-User",
	} {
		places["header "+name] = func(r *http.Request) { r.Header.Set(name, marker) }
	}
	kinds := map[string]string{"/consume": "application/json", "/introspect": "application/x-www-form-urlencoded"}
	for place, put := range places {
		for _, path := range []string{"/consume", "/introspect", "/auth/nginx", "/auth/traefik", "/auth/caddy", "/auth/haproxy", "/auth/envoy/ws"} {
			h := newHouse(t, func(o *parts) { o.Identifier = identifier{} })
			r := askers()["traefik"].ask(t, "/ws?ticket="+unknownToken, "X-Original-Method", "GET", "X-Original-Uri", "/ws?ticket="+unknownToken)
			r.URL, r.RequestURI, r.Method = mustURL(t, path), path, http.MethodPost
			if kind := kinds[path]; kind != "" {
				r.Header.Set("Authorization", "Bearer every-key")
				r.Header.Set("Content-Type", kind)
			}
			put(r)
			w := h.internal(t, r)
			noMarker(t, path+" "+place, fmt.Sprintf("%v %s", w.Header(), w.Body))
			noMarker(t, path+" "+place, loggedOf(t, h))
		}
	}
}

// loggedOf returns what is logged of the last request, without the values that may
// be logged because nobody puts a secret there.
func loggedOf(t *testing.T, h *house) string {
	t.Helper()
	e := h.last(t)
	e.Request.UserAgent = "" // which the audit trail keeps, escaped, and nothing else shows
	e.Attrs = slices.DeleteFunc(slices.Clone(e.Attrs), func(a slog.Attr) bool {
		return slices.Contains([]string{"host", "origin", "audience", "scope", "member", "value"}, a.Key)
	})
	return fmt.Sprintf("%+v %s", e, h.log())
}

func setBody(r *http.Request, body string) {
	with := httptest.NewRequestWithContext(r.Context(), r.Method, "/", strings.NewReader(body))
	r.Body, r.ContentLength = with.Body, with.ContentLength
}

// noMarker checks that text does not hold the marker, in any case.
func noMarker(t *testing.T, place, text string) {
	t.Helper()
	if strings.Contains(strings.ToLower(text), strings.ToLower(marker[:12])) {
		t.Errorf("marker in %s: got it back in %s", place, text)
	}
}

// FuzzIssueBody: a body is refused, or means what encoding/json reads in it.
func FuzzIssueBody(f *testing.F) {
	for _, seed := range []string{
		"", "{}", `{"audience":"chat","scope":"chat.read","ttl":10}`, `{"ttl":1e1}`, `{"ttl":"30"}`,
		`{"TTL":10}`, `{"ttl":10,"ttl":11}`, `{"scope":"\ud800"}`, "null", "[]", "\ufeff{}", `{"ttl":10}x`,
	} {
		f.Add([]byte(seed))
	}
	h := newHouse(f, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		h.Public().ServeHTTP(w, newRequest(t, http.MethodPost, "/ws-ticket", string(body),
			"Authorization", good, "Content-Type", "application/json"))
		switch w.Code {
		case http.StatusBadRequest, http.StatusForbidden, http.StatusRequestEntityTooLarge:
			return
		case http.StatusCreated:
		default:
			t.Fatalf("%q: got %d, want 201, 400, 403 or 413", body, w.Code)
		}
		if len(body) == 0 {
			return
		}
		var meant struct {
			TTL *int `json:"ttl"`
		}
		var got issued
		if err := json.Unmarshal(body, &meant); err != nil || json.Unmarshal(w.Body.Bytes(), &got) != nil {
			t.Fatalf("%q: got 201, want it refused: %v", body, err)
		}
		want := 30
		if meant.TTL != nil {
			want = *meant.TTL
		}
		if got.ExpiresIn != want {
			t.Errorf("%q: got %d s, want %d", body, got.ExpiresIn, want)
		}
	})
}
