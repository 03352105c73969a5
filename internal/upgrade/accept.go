package upgrade

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 4.2.2 requires it; no security rests on its strength.
	"encoding/base64"
)

// AcceptKey returns the Sec-WebSocket-Accept for a Sec-WebSocket-Key. It proves
// that the server understood the handshake (RFC 6455 4.2.2).
func AcceptKey(key string) string {
	digest := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // See the import.
	return base64.StdEncoding.EncodeToString(digest[:])
}
