package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wsticket/internal/test"
)

// hostile has what would turn a line of a log or of a terminal into another one:
// bidirectional controls, zero-width characters, line separators, and commands of
// terminals in one byte and in two. Real ones, and not escapes.
const hostile = "\u202elive\u2066\u2069\u202a\u200e\u200f\u061c\u200b\ufeff\u2028\u2029\u0085\u009b31m\x7f"

// wantVisible looks for anything in an output that is not shown by itself.
func wantVisible(t *testing.T, what, output string) {
	t.Helper()
	for line := range strings.SplitSeq(output, "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return !strconv.IsPrint(r) }) {
			t.Errorf("%s has %+q", what, line)
		}
	}
	if !strings.Contains(output, `u202e`) { // in JSON as \\u202e
		t.Errorf("%s has nothing of what was tried:\n%s", what, output)
	}
}

// unsigned is a bearer that nobody has signed, with a text in every place that a
// refusal may name.
func unsigned(text string) string {
	part := func(format string, args ...any) string {
		return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, format, args...))
	}
	quoted := inJSON(text)
	return part(`{"alg":"RS256","typ":"JWT","kid":%s}`, quoted) + "." + part(`{"iss":%s,"sub":%s,"aud":%s,"iat":1,"exp":2}`, quoted, quoted, quoted) + ".AAAA"
}

func inJSON(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// TestNothingHiddenInTheLog (ASVS 16.4.1, CWE-117, CVE-2021-42574): in both
// formats, whatever a stranger writes into a request.
func TestNothingHiddenInTheLog(t *testing.T) {
	for _, format := range []string{"json", "text"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			p := startWithKeys(t, newProvider(t).config(t, "memory:"), "--set", "log.format="+format, "--set", "log.level=debug",
				"--set", "session.cookie=sid", "--set", "session.jwt=true", "--set", "ws.doors=query, subprotocol, header, cookie")
			public, internal := "http://"+p.public, "http://"+p.internal
			value := strings.TrimSuffix(hostile, "\x7f") // which no header may have
			handshake := []string{
				"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
			}
			for _, header := range [][]string{
				{"Origin", "https://" + value},
				{"User-Agent", value},
				{"X-Request-Id", value},
				{"X-Forwarded-For", value},
				{"X-Forwarded-Proto", value},
				{"Sec-WebSocket-Protocol", "wsticket.v1, ticket." + value},
				{"Sec-WebSocket-Version", value},
				{"Upgrade", value},
				{"Authorization", "Bearer " + unsigned(hostile)},
				{"Authorization", "Ticket " + value},
				{"Cookie", "sid=" + value},
			} {
				exchange(t, http.MethodGet, public+"/ws", "", append(header, handshake...)...)
				exchange(t, http.MethodPost, public+"/ws-ticket", "", header...)
				p.asNginx(t, value, value, header...)
			}
			for _, path := range []string{"/", "/ws/", "/ws-ticket/", "//", "/auth/envoy/ws/"} {
				for piece := range slices.Chunk([]rune(hostile), 6) { // a longer one would be redacted
					exchange(t, http.MethodGet, public+path+url.PathEscape(string(piece)), "")
					exchange(t, http.MethodGet, internal+path+url.PathEscape(string(piece)), "")
				}
			}
			exchange(t, http.MethodGet, public+"/ws?"+url.QueryEscape(hostile)+"=1&token="+unsigned(hostile), "")
			for _, member := range []string{"attempt", "audience", "origin", "client_ip", hostile} {
				p.consume(t, chatKey, fmt.Sprintf(`{"ticket":"x",%s:%s}`, inJSON(member), inJSON(hostile)))
			}
			p.consume(t, hostile[:8], `{"ticket":"x"}`)
			exchange(t, http.MethodPost, public+"/ws-ticket", `{"audience":`+inJSON(hostile)+`}`, "Content-Type", hostile[:8])
			if err := p.stop(t); err != nil {
				t.Error(err)
			}
			wantVisible(t, "the log", p.stderr.String())
		})
	}
}

// TestNothingHiddenOnATerminal: in what commands print about a bearer, a file or a
// setting of somebody else.
func TestNothingHiddenOnATerminal(t *testing.T) {
	t.Parallel()
	e := newExplained(t)
	file := func(text string) string { return test.WriteFile(t, "file", text) }
	for name, args := range map[string][]string{
		"explain":                       {"explain", "--config", e.config, "--bearer-file", file(unsigned(hostile))},
		"check-config of an entry":      {"check-config", "--config", file("\"a\u202e\u2066\": 1")},
		"check-config of a value":       {"check-config", "--set", "ticket.ttl=" + hostile},
		"check-config of a key":         {"check-config", "--set", hostile + "=1"},
		"check-config of no file":       {"check-config", "--config", "/gone/" + hostile},
		"check-config of a setting":     {"check-config", "--set", "log.format=" + hostile},
		"check-config of a file's name": {"check-config", "--set", "ticket.seal_key_file=/gone/" + hostile},
		"a command":                     {hostile},
		"an argument":                   {"version", hostile},
		"print-config":                  {"print-config", "nginx", "--upstream", hostile},
	} {
		out, err := command(t.Context(), t, args...).CombinedOutput()
		if err == nil {
			t.Errorf("%s succeeds", name)
		}
		wantVisible(t, name, string(out))
	}
}
