package test

import "strings"

// HandshakeKey is the Sec-WebSocket-Key of RFC 6455 1.3.
const HandshakeKey = "dGhlIHNhbXBsZSBub25jZQ=="

// Handshake writes the bytes of a WebSocket handshake with api.example.com
// under a request line. An edit "Name: value" replaces the header of that name,
// "+Name: value" adds one more, and "-Name" removes it.
func Handshake(line string, edits ...string) string {
	headers := []string{
		"Host: api.example.com", "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + HandshakeKey,
	}
	for _, edit := range edits {
		if added, ok := strings.CutPrefix(edit, "+"); ok {
			headers = append(headers, added)
			continue
		}
		name, _, valued := strings.Cut(strings.TrimPrefix(edit, "-"), ":")
		var kept []string
		for _, header := range headers {
			if !strings.HasPrefix(header, name+":") {
				kept = append(kept, header)
			}
		}
		headers = kept
		if valued {
			headers = append(headers, edit)
		}
	}
	return line + "\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
}
