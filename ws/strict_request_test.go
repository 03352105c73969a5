package ws_test

import (
	"fmt"
	"regexp"
	"strings"
)

// strictRequest is a request as the strictest parser of RFC 9112 reads it.
type strictRequest struct {
	method, target string
	fields         []strictField
}

type strictField struct{ name, value string }

// values returns the values of all fields of that name, whose case means nothing.
func (r strictRequest) values(name string) (values []string) {
	for _, f := range r.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

var (
	// Origin-form (RFC 9112 3.2.1). What browsers send in a query beyond RFC 3986 may
	// stay as it is, but for "#".
	strictLine = regexp.MustCompile(`^([A-Z]+) (/[!"$-~]*) HTTP/1\.1$`)
	// No obs-fold and no control characters (RFC 9112 5, RFC 9110 5.5).
	strictHeader = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?((?:[!-~](?:[ \\t!-~]*[!-~])?)?)$")
	strictHost   = regexp.MustCompile(`^([A-Za-z0-9._~!$&'()*+;=%-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]*)?$`)
)

// parseStrict reads bytes that have to be one request without a body, and nothing
// behind it.
func parseStrict(raw string) (strictRequest, error) {
	head, behind, whole := strings.Cut(raw, "\r\n\r\n")
	if !whole || behind != "" {
		return strictRequest{}, fmt.Errorf("not one request: %q is behind it", behind)
	}
	lines := strings.Split(head, "\r\n")
	first := strictLine.FindStringSubmatch(lines[0])
	if first == nil {
		return strictRequest{}, fmt.Errorf("request line %q", lines[0])
	}
	r := strictRequest{method: first[1], target: first[2]}
	for _, line := range lines[1:] {
		match := strictHeader.FindStringSubmatchIndex(withoutObsText(line))
		if match == nil {
			return r, fmt.Errorf("header line %q", line)
		}
		r.fields = append(r.fields, strictField{line[match[2]:match[3]], line[match[4]:match[5]]})
	}
	return r, r.checkFraming()
}

// withoutObsText replaces bytes that are not ASCII: obs-text, which a parser has to
// let pass (RFC 9110 5.5).
func withoutObsText(line string) string {
	text := []byte(line)
	for i, c := range text {
		if c >= 0x80 {
			text[i] = 'x'
		}
	}
	return string(text)
}

// checkFraming wants one Host, and nothing that says where a message ends.
func (r strictRequest) checkFraming() error {
	if hosts := r.values("Host"); len(hosts) != 1 || !strictHost.MatchString(hosts[0]) {
		return fmt.Errorf("hosts %q", hosts)
	}
	for _, name := range []string{
		"Content-Length", "Transfer-Encoding", "TE", "Trailer", "Expect", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "HTTP2-Settings",
	} {
		if values := r.values(name); values != nil {
			return fmt.Errorf("%s: %q", name, values)
		}
	}
	for name, want := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket"} {
		if values := r.values(name); len(values) != 1 || values[0] != want {
			return fmt.Errorf("%s: %q", name, values)
		}
	}
	return nil
}
