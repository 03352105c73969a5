package gate

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/header"
)

// checkShape checks a handshake against RFC 6455 4.2.1, apart from Host, Origin
// and subprotocols. It leaves nothing for a WebSocket library to refuse: that
// would come after the ticket is spent, in answers that quote the request.
func checkShape(r *http.Request) error {
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
	case !isKey(r.Header["Sec-Websocket-Key"]), !validExtensions(r.Header["Sec-Websocket-Extensions"]):
		return ErrMalformed
	default:
		return nil
	}
}

// checkForwardedShape checks what is left of a handshake that a proxy asks
// about, which has removed the hop-by-hop headers. A request that does not
// begin a WebSocket (a followed link, a HEAD) has no key. Over HTTP/2 the
// method is CONNECT, and there is no key (RFC 8441 5).
func checkForwardedShape(method string, h http.Header) error {
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
// the one protocol to upgrade to. Beside h2c the choice would be up to whoever
// reads the list.
func isUpgrade(h http.Header) bool {
	protocols := header.List(h["Upgrade"])
	return header.ContainsFold(header.List(h["Connection"]), "upgrade") &&
		len(protocols) == 1 && strings.EqualFold(protocols[0], "websocket")
}

// hasBody reports whether bytes after the handshake are announced, or asked
// for. A body would be read as frames.
func hasBody(r *http.Request) bool {
	return r.ContentLength != 0 || len(r.TransferEncoding) > 0 || len(r.Header["Expect"]) > 0
}

// isOnly reports whether a header came once and has the value want.
func isOnly(values []string, want string) bool {
	return slices.Equal(values, []string{want})
}

// isKey wants one Sec-WebSocket-Key of 16 bytes in its only base64 form.
func isKey(values []string) bool {
	if len(values) != 1 || len(values[0]) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	key, err := base64.StdEncoding.Strict().DecodeString(values[0])
	return err == nil && len(key) == 16
}

// maxList bounds a header that holds a list, in bytes and over all its lines,
// whatever the server's own bound on headers is.
const maxList = 4096

func listTooLong(lines []string) bool {
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	return size > maxList
}

// validExtensions checks Sec-WebSocket-Extensions against the grammar of
// RFC 6455 9.1, by which a malformed one fails the handshake. Quoted values are
// refused: no registered extension has one, and parsers that split at commas
// would read a comma inside one differently.
func validExtensions(lines []string) bool {
	if listTooLong(lines) {
		return false
	}
	for _, extension := range header.List(lines) {
		name, params, more := strings.Cut(extension, ";")
		if !header.IsToken(strings.TrimRight(name, " \t")) || more && !validParams(params) {
			return false
		}
	}
	return true
}

func validParams(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, valued := strings.Cut(strings.Trim(param, " \t"), "=")
		if !header.IsToken(name) || valued && !header.IsToken(value) {
			return false
		}
	}
	return true
}
