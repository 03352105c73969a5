package jwtscan_test

import (
	"strings"
	"testing"

	"wsticket/internal/jwtscan"
)

func TestHolds(t *testing.T) {
	const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln"
	for _, row := range []struct {
		rule, text string
		want       bool
	}{
		{"a JWS", jwt, true},
		{"a JWS without a signature", "eyJhbGciOiJub25lIn0.e30.", true},
		{"a JWE", "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn", true},
		{"a JWS with a scheme before it", "Bearer " + jwt, true},
		{"a JWS inside another text", "x=1&y=" + jwt + ";z", true},
		{"a header with white space before its brace", "IHsiYWxnIjoibm9uZSJ9.e30.", true},
		{"a word glued to it by a dot", "a." + jwt, true},
		{"a word glued to it by a dash", "jwt-" + jwt, true},
		{"by nothing, in a path", "/0eyJ" + jwt, true},
		{"many beginnings", strings.Repeat("eyJ", 1<<14) + ".a.b", false},
		{"a JWE without alg, which nobody makes", "eyJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVy.dGFn", true},
		{"a JSON object that is no header", "eyJzdWIiOiJhIiwiYWxnbyI6IngifQ.e30.x", false},
		{"a header whose JSON is cut", "eyJhbGciOiJFUzI1NiI.e30.x", false},
		{"a host name that begins like a brace", "example.co.uk", false},
		{"a file name that does", "export.2024.csv", false},
		{"a channel that does", "exchange.btc.usd", false},
		{"two parts are none", "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0", false},
		{"a host name", "chat.app.example.com", false},
		{"a version number", "1.2.3", false},
		{"a ticket", "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht", false},
		{"nothing", "", false},
		{"many dots", strings.Repeat(".", 1<<16), false},
	} {
		if got := jwtscan.Holds(row.text); got != row.want {
			t.Errorf("%s: got %t, want %t", row.rule, got, row.want)
		}
	}
}
