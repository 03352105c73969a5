package api

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"

	"wsticket/internal/maskurl"
	"wsticket/internal/origin"
)

// checkBase reports what is wrong with a URL that a WebSocket URL begins with.
// The error has no password of it.
func checkBase(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil {
		return errors.New("must be a URL without user information")
	}
	if socketScheme(u.Scheme) == "" || u.Hostname() == "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return fmt.Errorf("must be a URL such as https://api.example.com (got %q)", maskurl.Hide(text))
	}
	_, err = origin.NewHosts([]string{u.Host})
	return err
}

// socketScheme returns the scheme of a WebSocket on a server with an HTTP or
// WebSocket URL (RFC 6455 3), empty for any other scheme.
func socketScheme(scheme string) string {
	switch scheme {
	case "http", "ws":
		return "ws"
	case "https", "wss":
		return "wss"
	default:
		return ""
	}
}

// secure reports whether the client came over TLS: to this server, or, according
// to PublicURL, to a proxy in front of it.
func (s *Server) secure(state *tls.ConnectionState) bool {
	return state != nil || s.publicURL != nil && socketScheme(s.publicURL.Scheme) == "wss"
}
