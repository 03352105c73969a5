package gate

import (
	"encoding/base64"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/header"
	"wsticket/ticket"
)

// checkShape checks a handshake against RFC 6455 4.2.1, apart from Host, Origin
// and subprotocols. It leaves nothing for a WebSocket library to refuse: that
// would come after the ticket is spent, in answers that quote the request.
func checkShape(r *http.Request) error {
	switch {
	case r.Method != http.MethodGet:
		return ErrMethod
	case r.ProtoMajor != 1:
		return ticket.WithAttrs(ErrHTTPVersion, slog.String("proto", r.Proto))
	case r.ProtoMinor != 1:
		// nginx asks with HTTP/1.0 if nobody tells it otherwise.
		return ticket.WithAttrs(ErrUpgrade, slog.String("proto", r.Proto))
	case r.URL.User != nil, r.URL.Opaque != "", r.URL.Path != "" && r.URL.Path[0] != '/':
		return ErrMalformed
	case !isHost(r.Host):
		return wrongHeader(ErrMalformed, "Host", faultMalformed)
	}
	if err := checkUpgrade(r.Header); err != nil {
		return err
	}
	if name := bodyHeader(r); name != "" {
		return wrongHeader(ErrMalformed, name, "body")
	}
	if err := checkVersion(r.Header["Sec-Websocket-Version"]); err != nil {
		return err
	}
	if err := checkKey(r.Header["Sec-Websocket-Key"]); err != nil {
		return err
	}
	if !validExtensions(r.Header["Sec-Websocket-Extensions"]) {
		return wrongHeader(ErrMalformed, "Sec-WebSocket-Extensions", faultMalformed)
	}
	return nil
}

// hostCharacters are those of a name or an address with a port (RFC 3986 3.2.2), but for
// those that separate the elements of a list.
const hostCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+=:%[]"

// isHost reports whether a Host can be relayed. net/http accepts more: "user@host" is
// read in different ways, and the host of a target such as http://%80/ws is no text.
func isHost(host string) bool {
	return strings.TrimLeft(host, hostCharacters) == "" && !holdsCredential(host)
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
		return wrongHeader(ErrUpgrade, "Sec-WebSocket-Key", faultMissing)
	}
	if len(version) > 0 {
		if err := checkVersion(version); err != nil {
			return err
		}
	}
	if len(key) > 0 {
		return checkKey(key)
	}
	return nil
}

// The faults of a header that logs name.
const (
	faultMissing   = "missing"
	faultRepeated  = "repeated"
	faultMalformed = "malformed"
)

// wrongHeader returns err with the name of the header that is wrong, and a word
// for how.
func wrongHeader(err error, name, fault string, more ...slog.Attr) error {
	return ticket.WithAttrs(err, append([]slog.Attr{slog.String("header", name), slog.String("fault", fault)}, more...)...)
}

// checkUpgrade wants "upgrade" among the connection options and "websocket" as
// the one protocol to upgrade to. Beside h2c the choice would be up to whoever
// reads the list.
func checkUpgrade(h http.Header) error {
	if !header.ContainsFold(header.List(h["Connection"]), "upgrade") {
		return notUpgraded("Connection", h["Connection"], "upgrade")
	}
	protocols := header.List(h["Upgrade"])
	other := slices.ContainsFunc(protocols, func(p string) bool { return !header.EqualFold(p, "websocket") })
	if len(protocols) == 0 || other {
		return notUpgraded("Upgrade", h["Upgrade"], "websocket")
	}
	return nil
}

func notUpgraded(name string, lines []string, want string) error {
	if len(header.List(lines)) == 0 {
		return wrongHeader(ErrUpgrade, name, faultMissing)
	}
	return wrongHeader(ErrUpgrade, name, "not_websocket", slog.String("value", joined(lines)), ticket.Expected(want))
}

// checkVersion wants version 13 alone.
func checkVersion(lines []string) error {
	versions := header.List(lines)
	switch {
	case len(versions) == 0:
		return wrongHeader(ErrVersion, "Sec-WebSocket-Version", faultMissing)
	case !slices.Equal(versions, []string{"13"}):
		return wrongHeader(ErrVersion, "Sec-WebSocket-Version", "not_13", slog.String("value", joined(lines)), ticket.Expected("13"))
	default:
		return nil
	}
}

// checkKey wants one Sec-WebSocket-Key.
func checkKey(lines []string) error {
	fault := ""
	switch {
	case len(lines) == 0:
		fault = faultMissing
	case len(lines) > 1:
		fault = faultRepeated
	case !isKey(lines[0]):
		fault = faultMalformed
	default:
		return nil
	}
	return wrongHeader(ErrMalformed, "Sec-WebSocket-Key", fault)
}

// bodyHeader returns the header by which bytes after the handshake are
// announced, or asked for, empty if none is. A body would be read as frames.
func bodyHeader(r *http.Request) string {
	switch {
	case len(r.TransferEncoding) > 0:
		return "Transfer-Encoding"
	case r.ContentLength != 0:
		return "Content-Length"
	case len(r.Header["Expect"]) > 0:
		return "Expect"
	default:
		return ""
	}
}

// isKey wants 16 bytes in their only base64 form.
func isKey(value string) bool {
	if len(value) != base64.StdEncoding.EncodedLen(16) {
		return false
	}
	key, err := base64.StdEncoding.Strict().DecodeString(value)
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
// RFC 6455 9.1, by which a malformed one fails the handshake. A quoted value has
// to be a token, too, so that it has no comma, at which some parsers would split.
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
		if inner, quoted := strings.CutPrefix(value, `"`); quoted {
			if value, quoted = strings.CutSuffix(inner, `"`); !quoted {
				return false
			}
		}
		if !header.IsToken(name) || valued && !header.IsToken(value) {
			return false
		}
	}
	return true
}
