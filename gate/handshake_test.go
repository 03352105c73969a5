package gate_test

import (
	"strings"
	"testing"

	"wsticket/internal/test"
)

// The H and R rows: the shape of a handshake.
func TestHandshake(t *testing.T) {
	j := newJudge(t, nil)
	for _, tt := range []row{
		{"H1 POST", test.Handshake("POST /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"H1 PUT", test.Handshake("PUT /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"R20 OPTIONS, a preflight", test.Handshake("OPTIONS /ws?ticket=$T HTTP/1.1"), 405, "method_not_allowed", false},
		{"R20 a plain GET", query + "\r\nHost: api.example.com\r\n\r\n", 426, "upgrade_required", false},
		{"R20 a prefetch", query + "\r\nHost: api.example.com\r\nSec-Purpose: prefetch\r\n\r\n", 426, "upgrade_required", false},
		{"H4 no Connection", test.Handshake(query, "-Connection"), 426, "upgrade_required", false},
		{"H4 no Upgrade", test.Handshake(query, "-Upgrade"), 426, "upgrade_required", false},
		{"H4 Connection without the option", test.Handshake(query, "Connection: keep-alive"), 426, "upgrade_required", false},
		{"H4 another protocol", test.Handshake(query, "Upgrade: h2c"), 426, "upgrade_required", false},
		{"H4 a choice of protocols", test.Handshake(query, "Upgrade: websocket, h2c"), 426, "upgrade_required", false},
		{"H4 a choice over two lines", test.Handshake(query, "+Upgrade: h2c"), 426, "upgrade_required", false},
		{"H4 a version of the protocol", test.Handshake(query, "Upgrade: websocket/13"), 426, "upgrade_required", false},
		{"H5 a list of options (Firefox)", test.Handshake(query, "Connection: keep-alive, Upgrade"), switching, "", true},
		{"H5 a list over two lines", test.Handshake(query, "+Connection: keep-alive"), switching, "", true},
		{"H5 options and protocols have no case", test.Handshake(query, "Connection: UPGRADE", "Upgrade: WebSocket"), switching, "", true},
		{"empty members mean nothing", test.Handshake(query, "Connection: , ,Upgrade,", "Upgrade: ,websocket ,", "Sec-WebSocket-Version: ,13"), switching, "", true},
		{"nor do empty lines", test.Handshake(query, "+Connection:", "+Upgrade:", "+Sec-WebSocket-Version:"), switching, "", true},
		{"the protocol twice is one protocol", test.Handshake(query, "+Upgrade: WebSocket"), switching, "", true},
		{"H6 version 8", test.Handshake(query, "Sec-WebSocket-Version: 8"), 426, "upgrade_required", false},
		{"H6 version 0", test.Handshake(query, "Sec-WebSocket-Version: 0"), 426, "upgrade_required", false},
		{"H6 no version", test.Handshake(query, "-Sec-WebSocket-Version"), 426, "upgrade_required", false},
		{"H6 a list of versions", test.Handshake(query, "Sec-WebSocket-Version: 13, 8"), 426, "upgrade_required", false},
		{"H6 two versions (the library would take the first)", test.Handshake(query, "+Sec-WebSocket-Version: 8"), 426, "upgrade_required", false},
		{"H7 no key", test.Handshake(query, "-Sec-WebSocket-Key"), 400, invalid, false},
		{"H7 two keys", test.Handshake(query, "+Sec-WebSocket-Key: "+test.HandshakeKey), 400, invalid, false},
		{"H7 15 bytes", test.Handshake(query, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400, invalid, false},
		{"H7 17 bytes", test.Handshake(query, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTA="), 400, invalid, false},
		{"H7 another spelling of 16 bytes", test.Handshake(query, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), 400, invalid, false},
		{"H7 not base64", test.Handshake(query, "Sec-WebSocket-Key: "+marker+"!!!!!!!!!!!!!"), 400, invalid, false},
		{"H7 an empty key", test.Handshake(query, "Sec-WebSocket-Key:"), 400, invalid, false},
		{"H8 a foreign Host", test.Handshake(query, "Host: "+marker+".example"), 421, "host_not_allowed", false},
		{"H15 an empty body is none", test.Handshake(query, "Content-Length: 0"), switching, "", true},
		{"H16 a body on demand, announced", test.Handshake(query, "Expect: 100-continue", "Content-Length: 5"), 400, invalid, false},
		{
			"H17 Hixie-76", test.Handshake(query, "-Sec-WebSocket-Version", "-Sec-WebSocket-Key",
				"+Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5", "+Sec-WebSocket-Key2: 12998 5 Y3 1  .P00"), 426, "upgrade_required", false,
		},
		{"H18 malformed extensions (RFC 6455 9.1)", test.Handshake(query, "Sec-WebSocket-Extensions: "+marker+"; ;=,"), 400, invalid, false},
		{"a quoted parameter", test.Handshake(query, `Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits="10"`), switching, "", true},
		{"a quoted comma", test.Handshake(query, `Sec-WebSocket-Extensions: x; y="a,b"`), 400, invalid, false},
		{"an open quote", test.Handshake(query, `Sec-WebSocket-Extensions: x; y="a`), 400, invalid, false},
		{"H18 extensions of 10 kB", test.Handshake(query, "Sec-WebSocket-Extensions: x"+strings.Repeat("; y", 3300)), 400, invalid, false},
	} {
		t.Run(tt.rule, func(t *testing.T) { j.check(t, tt) })
	}
}
