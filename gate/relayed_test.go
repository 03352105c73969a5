package gate_test

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
)

// TestWithoutCredentials: what an application gets of a handshake. $T is a ticket
// and $J a JWT.
func TestWithoutCredentials(t *testing.T) {
	j := newJudge(t, withSessions)
	kept := func(h http.Header) [2]http.Header { return [2]http.Header{h, h} }
	gone := func(h http.Header) [2]http.Header { return [2]http.Header{h, {}} }
	for rule, row := range map[string][2]http.Header{ // before and after
		"ours": {
			{"Authorization": {"bearer x", "Ticket y"}, "Cookie": {"a=b; sid=x; sid.0=y"}, "Accept": {"*/*"}},
			{"Cookie": {"a=b"}, "Accept": {"*/*"}},
		},
		"the application's own":                 kept(http.Header{"Authorization": {"Basic eDp5", `Digest username="x", nonce="y"`}}),
		"behind a tab":                          gone(http.Header{"Authorization": {"Bearer\tx"}}),
		"joined by a proxy":                     gone(http.Header{"Authorization": {"Basic eDp5, Bearer x"}}),
		"a ticket of a scheme that is not ours": gone(http.Header{"Authorization": {"Basic $T"}}),

		"the URL of the page, with a ticket":                gone(http.Header{"Referer": {"https://app.example.com/?ticket=$T"}}),
		"a ticket that is encoded":                          gone(http.Header{"X-Original-Uri": {"/ws?ticket=%77st1%5fAAECAwQ"}}),
		"twice":                                             gone(http.Header{"X-Original-Url": {"/login?next=%2Fws%3Fticket%3D%2577st1%255fAAECAwQ"}}),
		"in another case":                                   gone(http.Header{"X-Envoy-Original-Path": {"/ws?ticket=WST1_AAECAWQ"}}),
		"in any line":                                       gone(http.Header{"X-App": {"a", "b; $T"}}),
		"the URL of the page, with a JWT":                   gone(http.Header{"Referer": {"https://app.example.com/#access_token=$J"}}),
		"a path with a JWT, the dots encoded":               gone(http.Header{"X-Rewrite-Url": {"/ws?t=" + strings.ReplaceAll(jwt, ".", "%252e")}}),
		"a JWT that is the header's value":                  kept(http.Header{"Dpop": {"$J"}, "X-Amzn-Oidc-Data": {"$J"}}),
		"URLs without credentials":                          kept(http.Header{"Referer": {"https://app.example.com/?a=b.c.d&e=%77"}, "X-Forwarded-Uri": {"/ws"}}),
		"cookies of the application that are JWTs":          kept(http.Header{"Cookie": {"session=$J; theme=dark"}}),
		"a cookie with a ticket":                            {{"Cookie": {"a=1; t=%77st1_x; b=2", "t=$T"}}, {"Cookie": {"a=1; b=2"}}},
		"the offer, of which Offer.Application is the rest": kept(http.Header{"Sec-Websocket-Protocol": {"wsticket.v1, ticket.$T"}}),
		"what a proxy has added behind it": {
			{"X-Forwarded-For": {"$T, 192.0.2.1", "192.0.2.2"}, "Forwarded": {`for="$T", for=192.0.2.1`}},
			{"X-Forwarded-For": {"192.0.2.1", "192.0.2.2"}, "Forwarded": {"for=192.0.2.1"}},
		},
	} {
		before, want := filled(row[0]), filled(row[1])
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/ws?room=1&ticket=x&a=%41&b="+wellFormed, http.NoBody)
		r.Header = before
		got := j.WithoutCredentials(r)
		if got.URL.RawQuery != "room=1&a=%41" || !reflect.DeepEqual(got.Header, want) {
			t.Errorf("%s: left are %q and %v, want %v", rule, got.URL.RawQuery, got.Header, want)
		}
		if !reflect.DeepEqual(r.Header, filled(row[0])) || !strings.Contains(r.URL.RawQuery, "ticket=x") {
			t.Errorf("%s: the handshake itself has changed: %q %v", rule, r.URL.RawQuery, r.Header)
		}
	}
}

func filled(h http.Header) http.Header {
	fill := strings.NewReplacer("$T", wellFormed, "$J", jwt)
	out := make(http.Header)
	for name, lines := range h {
		for _, line := range lines {
			out[name] = append(out[name], fill.Replace(line))
		}
	}
	return out
}

// A handshake that cannot be relayed without a credential, or as one request, is
// refused before a ticket is spent.
func TestCannotBeRelayed(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.Hosts = nil })
	for _, tt := range []row{
		{"a ticket in the path", test.Handshake("GET /ws/$T?ticket=$T HTTP/1.1"), 400, inURL, false},
		{"encoded", test.Handshake("GET /ws/%2577st1_x?ticket=$T HTTP/1.1"), 400, inURL, false},
		{"a JWT in the path", test.Handshake("GET /ws/" + jwt + "?ticket=$T HTTP/1.1"), 400, inURL, false},
		{"a JWT in a parameter, encoded twice", test.Handshake("GET /ws?ticket=$T&x=" + strings.ReplaceAll(jwt, ".", "%252e") + " HTTP/1.1"), 400, inURL, false},
		{"a ticket as a subprotocol", test.Handshake(query, "Sec-WebSocket-Protocol: wsticket.v1, $T"), 400, invalid, false},
		{"an asterisk for a path", test.Handshake("GET * HTTP/1.1", "Authorization: Ticket $T"), 400, invalid, false},
		{"no path", test.Handshake("GET x:y?ticket=$T HTTP/1.1"), 400, invalid, false},
		{"a user in the Host", test.Handshake(query, "Host: app.example@api.example.com"), 400, invalid, false},
		{"a ticket for a Host", test.Handshake(query, "Host: $T"), 400, invalid, false},
		{"a Host that is no text", test.Handshake("GET http://%80/ws?ticket=$T HTTP/1.1"), 400, invalid, false},
		{"two hosts", test.Handshake(query, "Host: a.example,b.example"), 400, invalid, false},
		{"an absolute URL", test.Handshake("GET http://api.example.com/ws?ticket=$T HTTP/1.1"), switching, "", true},
		{"a name and a port", test.Handshake(query, "Host: [::1]:8080"), switching, "", true},
	} {
		t.Run(tt.rule, func(t *testing.T) { j.check(t, tt) })
	}
}
