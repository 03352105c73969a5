package handshake

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 4.2.2 wants it; nothing rests on its strength.
	"encoding/base64"
)

// AcceptKey is the Sec-WebSocket-Accept that proves that the handshake with
// this Sec-WebSocket-Key was understood (RFC 6455 4.2.2).
func AcceptKey(key string) string {
	digest := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // See the import.
	return base64.StdEncoding.EncodeToString(digest[:])
}
