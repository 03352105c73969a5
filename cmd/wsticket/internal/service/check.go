package service

import (
	"errors"
	"io"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/identity"
)

// CheckEdge returns the faults of the settings that the configuration of a
// proxy depends on. It reads no secret and needs no issuer: it replaces the
// configured callers by sessions that an application confirms, which may have
// any claims.
func CheckEdge(cfg config.Config) error {
	reduced := cfg
	reduced.Issuers, reduced.Session = nil, config.Session{Cookie: "session", LookupURL: "http://127.0.0.1"}
	reduced.Ticket, reduced.Store = config.Default().Ticket, config.Default().Store
	reduced.Ticket.Audiences = cfg.Ticket.Audiences // whose paths are those of ws
	reduced.Identity.AssertionKeyFile, reduced.Identity.AssertionAudience = "", ""
	reduced.Public.TLS, reduced.Internal.TLS = config.TLS{}, config.InternalTLS{}
	s, err := New(reduced, Options{Log: io.Discard})
	if err == nil {
		s.Close()
	}
	f := config.NewFaults()
	f.Check(cfg.Internal.TLS.CertFile == "", "internal.tls", "print-config knows an internal listener without TLS only, on the proxy's machine or in a network that is theirs alone")
	f.Check(cfg.Public.TLS.CertFile == "", "public.tls", "print-config knows a public listener without TLS only, because the proxy ends TLS")
	return config.ByKey(errors.Join(config.Only(err, "public", "internal", "ws", "identity"), f.Err()))
}

// IdentityHeaders returns the names of all headers that an application may read
// as the identity.
func IdentityHeaders(cfg config.Config) ([]string, error) {
	f, err := identity.New(identity.Options{Headers: cfg.Identity.Headers.Claims()})
	if err != nil {
		return nil, config.ByKey(err)
	}
	return f.Names(), nil
}
