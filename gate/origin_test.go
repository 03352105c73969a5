package gate_test

import (
	"strings"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
)

// The O rows: the origin of a handshake. Matching is tested in internal/origin;
// here, that a refusal spends no ticket.
func TestOrigin(t *testing.T) {
	j := newJudge(t, nil)
	for _, tt := range originRows() {
		t.Run(tt.rule, func(t *testing.T) { j.check(t, tt) })
	}
}

func originRows() []row {
	return []row{
		{"the allowed origin", test.Handshake(query, "Origin: "+appOrigin), switching, "", true},
		{"none, from a program, where that is allowed", test.Handshake(query), switching, "", true},
		{"O2 an opaque origin", test.Handshake(query, "Origin: null"), 403, denied, false},
		{"O3 another scheme", test.Handshake(query, "Origin: http://app.example.com"), 403, denied, false},
		{"O4 another port", test.Handshake(query, "Origin: "+appOrigin+":8443"), 403, denied, false},
		{"O5 the default port", test.Handshake(query, "Origin: "+appOrigin+":443"), switching, "", true},
		{"O6 upper case, which no browser sends", test.Handshake(query, "Origin: https://APP.example.com"), 403, denied, false},
		{"O7 a trailing dot", test.Handshake(query, "Origin: "+appOrigin+"."), 403, denied, false},
		{"O8 a subdomain", test.Handshake(query, "Origin: https://evil.app.example.com"), 403, denied, false},
		{"O9 a longer name", test.Handshake(query, "Origin: "+appOrigin+".evil.io"), 403, denied, false},
		{"O10 a longer label", test.Handshake(query, "Origin: https://evilapp.example.com"), 403, denied, false},
		{"O11 user information", test.Handshake(query, "Origin: https://x@app.example.com"), 403, denied, false},
		{"O12 our name as user information", test.Handshake(query, "Origin: "+appOrigin+"@"+marker+".com"), 403, denied, false},
		{"O13 a path", test.Handshake(query, "Origin: "+appOrigin+"/"), 403, denied, false},
		{"O14 a script", test.Handshake(query, "Origin: javascript://app.example.com"), 403, denied, false},
		{"O15 no scheme", test.Handshake(query, "Origin: //app.example.com"), 403, denied, false},
		{"O15 a host", test.Handshake(query, "Origin: app.example.com"), 403, denied, false},
		{"O15 our own Host is no origin", test.Handshake(query, "Origin: https://api.example.com"), 403, denied, false},
		{"O16 two, the good one first", test.Handshake(query, "Origin: "+appOrigin, "+Origin: https://evil.example"), 403, denied, false},
		{"O16 two, the good one last", test.Handshake(query, "Origin: https://evil.example", "+Origin: "+appOrigin), 403, denied, false},
		{"O16 the good one twice", test.Handshake(query, "Origin: "+appOrigin, "+Origin: "+appOrigin), 403, denied, false},
		{"O17 a list", test.Handshake(query, "Origin: "+appOrigin+", https://evil.example"), 403, denied, false},
		{"O18 an escape", test.Handshake(query, "Origin: "+appOrigin+"%00"), 403, denied, false},
		{"O18 a file", test.Handshake(query, "Origin: file://"), 403, denied, false},
		{"O18 10 kB", test.Handshake(query, "Origin: https://"+strings.Repeat("a", 10<<10)), 403, denied, false},
		{"O18 broken UTF-8 without an end", test.Handshake(query, "Origin: "+strings.Repeat("\x80", 300)), 403, denied, false},
		{"an empty header is not a missing one", test.Handshake(query, "Origin:"), 403, denied, false},
		{"O19 what proxies say does not count", test.Handshake(query, "Host: evil.example", "X-Forwarded-Host: api.example.com"), 421, "host_not_allowed", false},
		{
			"O20 an allowed origin may be of another site",
			test.Handshake(query, "Origin: "+appOrigin, "Sec-Fetch-Site: cross-site"), switching, "", true,
		},
	}
}

func TestMissingOriginIsRefusedByDefault(t *testing.T) {
	j := newJudge(t, func(o *gate.Options) { o.AllowMissingOrigin = false })
	j.check(t, row{"", test.Handshake(query), 403, denied, false})
	got := j.check(t, row{"", test.Handshake(query, "Origin: "+appOrigin+":443"), switching, "", true})
	if got.Presentation.Origin != appOrigin {
		t.Errorf("presented origin %q, want the canonical %q", got.Presentation.Origin, appOrigin)
	}
}
