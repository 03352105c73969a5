package handshake

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Check is RFC 6455 4.2.1 without Host, Origin and subprotocols. It
// is stricter than what the library checks later, so that the library has
// nothing left to refuse: its refusals quote the request, and come when the
// ticket is spent.
func Check(r *http.Request) error {
	switch {
	case r.Method != http.MethodGet:
		return ErrMethod
	case r.ProtoMajor != 1:
		return ErrHTTPVersion
	case r.ProtoMinor != 1, !isUpgrade(r.Header):
		return ErrUpgrade
	case hasBody(r), r.URL.User != nil:
		return ErrMalformed
	case !isOnly(r.Header["Sec-Websocket-Version"], "13"):
		return ErrVersion
	case !isKey(r.Header["Sec-Websocket-Key"]), !ValidExtensions(r.Header["Sec-Websocket-Extensions"]):
		return ErrMalformed
	default:
		return nil
	}
}

// CheckForwarded is what of [Check] can still be told where a proxy asks about
// a handshake: it has taken the hop-by-hop headers away. What is not begun as
// a WebSocket (a link that some scanner follows, a HEAD) has no key. Over
// HTTP/2 the method is CONNECT, and there is no key (RFC 8441 5).
func CheckForwarded(method string, h http.Header) error {
	key, version := h["Sec-Websocket-Key"], h["Sec-Websocket-Version"]
	switch {
	case method != http.MethodGet && method != http.MethodConnect:
		return ErrMethod
	case method == http.MethodGet && len(key) == 0:
		return ErrUpgrade
	case len(version) > 0 && !isOnly(version, "13"):
		return ErrVersion
	case len(key) > 0 && !isKey(key):
		return ErrMalformed
	default:
		return nil
	}
}

// isUpgrade wants "upgrade" among the connection options and "websocket" as
// the one protocol to upgrade to: beside h2c it would be the choice of
// whoever reads the list.
func isUpgrade(h http.Header) bool {
	protocols := ListOf(h["Upgrade"])
	return ContainsFold(ListOf(h["Connection"]), "upgrade") &&
		len(protocols) == 1 && strings.EqualFold(protocols[0], "websocket")
}

// hasBody tells whether bytes behind the handshake are announced, or asked
// for. A body would be read as frames.
func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 || len(r.TransferEncoding) > 0 || len(r.Header["Expect"]) > 0
}

// isOnly tells whether a header came once and is want.
func isOnly(values []string, want string) bool {
	return slices.Equal(values, []string{want})
}

// isKey wants one Sec-WebSocket-Key of 16 bytes in their only base64 form.
func isKey(values []string) bool {
	if len(values) != 1 || len(values[0]) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	key, err := base64.StdEncoding.Strict().DecodeString(values[0])
	return err == nil && len(key) == 16
}
