package service

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"

	"wsticket/api"
)

// internalHandler serves the internal listener. A client certificate counts as long as
// an authority of now vouches for it: a connection that a caller keeps open, or resumes,
// would otherwise outlast an authority that was removed.
func (s *Service) internalHandler() http.Handler {
	next := s.handler((*api.Server).Internal)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && !s.current().tls.vouchFor(r.TLS) {
			r = withoutCertificate(r)
			w.Header().Set("Connection", "close") // the next one begins with a handshake
		}
		next.ServeHTTP(w, r)
	})
}

// vouchFor reports whether an authority of the internal listener vouches for the
// certificate of a client.
func (c certificates) vouchFor(client *tls.ConnectionState) bool {
	if c.internal == nil || c.internal.ClientCAs == nil {
		return false
	}
	chain := client.VerifiedChains[0]
	if c.authorities[string(chain[len(chain)-1].Raw)] {
		return true
	}
	between := x509.NewCertPool()
	for _, certificate := range client.PeerCertificates[1:] {
		between.AddCert(certificate)
	}
	_, err := client.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: c.internal.ClientCAs, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

// withoutCertificate returns a request as if its client had shown none.
func withoutCertificate(r *http.Request) *http.Request {
	state := *r.TLS
	state.PeerCertificates, state.VerifiedChains = nil, nil
	r = r.WithContext(r.Context()) // a shallow copy
	r.TLS = &state
	return r
}
