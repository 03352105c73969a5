package api

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"slices"
	"strings"

	"wsticket/ticket"
)

// certified returns the holder of the client certificate of a connection.
// Without one that names somebody the error is errMissingCredential, and for one
// without a name of ClientNames errClientName.
func (s *Server) certified(state *tls.ConnectionState) (keyholder, error) {
	if state == nil || len(state.VerifiedChains) == 0 {
		return keyholder{}, errMissingCredential
	}
	names := certificateNames(state.VerifiedChains[0][0])
	if len(names) == 0 {
		return keyholder{}, errMissingCredential
	}
	name := names[0]
	if len(s.o.ClientNames) > 0 {
		n := slices.IndexFunc(names, s.allowsName)
		if n < 0 {
			return keyholder{}, ticket.WithAttrs(errClientName, slog.String("names", strings.Join(names, ", ")),
				slog.String("setting", "internal.tls.client_names"), ticket.Expected(s.o.ClientNames...))
		}
		name = names[n]
	}
	return keyholder{name: "cert:" + name, certificate: true}, nil
}

// allowsName compares a name whole: in a certificate of a caller an asterisk
// stands for nothing.
func (s *Server) allowsName(name string) bool {
	return slices.ContainsFunc(s.o.ClientNames, func(allowed string) bool {
		return name == allowed || name == strings.ToLower(allowed)
	})
}

// certificateNames returns the names in a client certificate: its URIs and its
// host names, which have no case (RFC 4343), or where it has neither its common
// name.
func certificateNames(leaf *x509.Certificate) []string {
	var names []string
	for _, uri := range leaf.URIs {
		names = append(names, uri.String())
	}
	for _, host := range leaf.DNSNames {
		names = append(names, strings.ToLower(host))
	}
	if len(names) == 0 && leaf.Subject.CommonName != "" {
		names = append(names, leaf.Subject.CommonName)
	}
	return names
}
