package api

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/internal/limit"
	"wsticket/internal/token68"
	"wsticket/ticket"
)

// What an API key may be for.
const (
	scopeConsume    = "consume"
	scopeIntrospect = "introspect"
	scopeRead       = "read"
)

// keyholder is a program that calls the internal router: by an API key, or by
// a client certificate, which is for every scope.
type keyholder struct {
	// name is "key:" or "cert:" and the name, so that a certificate cannot be
	// taken for a key of the same name.
	name        string
	certificate bool
	scopes      []string
}

// keyed lets h answer those requests whose sender may do what scope names.
func (s *Server) keyed(scope string, h func(w http.ResponseWriter, r *http.Request, by keyholder) error) endpoint {
	return bounded(func(w http.ResponseWriter, r *http.Request) error {
		if err := s.checkInternalQuery(r.URL.RawQuery); err != nil {
			return err
		}
		by, err := s.authorize(r, scope, bearerKey)
		if err != nil {
			return err
		}
		return h(w, r, by)
	})
}

// authorize returns who sends r, if they may do what scope names. key reads
// their key. What is counted against an address are requests without a good
// one: guesses, and a program that has been misconfigured.
func (s *Server) authorize(r *http.Request, scope string, key func(http.Header) (ticket.Bearer, error)) (keyholder, error) {
	peer := limit.AddrKey(clientip.Peer(r))
	if after, exhausted := s.o.KeyLimit.Exhausted(peer); exhausted {
		return keyholder{}, &limitedError{after: after}
	}
	by, err := s.holder(r, key)
	if err != nil {
		if err := admit(s.o.KeyLimit, peer); err != nil {
			return keyholder{}, err
		}
		return keyholder{}, err
	}
	accesslog.NoteOf(r.Context()).Caller = by.name
	if !by.certificate && !slices.Contains(by.scopes, scope) {
		return keyholder{}, errKeyScope
	}
	return by, nil
}

// holder goes by the key where there is one, good or not, and by the
// certificate of the connection where there is none.
func (s *Server) holder(r *http.Request, key func(http.Header) (ticket.Bearer, error)) (keyholder, error) {
	text, err := key(r.Header)
	if errors.Is(err, errMissingCredential) {
		if by, ok := certified(r.TLS); ok {
			return by, nil
		}
	}
	if err != nil {
		return keyholder{}, err
	}
	if s.o.Keys == nil {
		return keyholder{}, errUnknownKey
	}
	name, scopes, ok := s.o.Keys.Lookup(text.Reveal())
	if !ok {
		return keyholder{}, errUnknownKey
	}
	return keyholder{name: "key:" + name, scopes: scopes}, nil
}

// certified is the holder of the certificate of the connection.
func certified(state *tls.ConnectionState) (by keyholder, ok bool) {
	name := certificateName(state)
	return keyholder{name: "cert:" + name, certificate: true}, name != ""
}

// certificateName is the first alternative name of the client certificate that
// the listener has verified, a URI before a host, or else its common name.
func certificateName(state *tls.ConnectionState) string {
	if state == nil || len(state.VerifiedChains) == 0 {
		return ""
	}
	switch leaf := state.VerifiedChains[0][0]; {
	case len(leaf.URIs) > 0:
		return leaf.URIs[0].String()
	case len(leaf.DNSNames) > 0:
		return leaf.DNSNames[0]
	default:
		return leaf.Subject.CommonName
	}
}

func bearerKey(h http.Header) (ticket.Bearer, error) { return bearer(h["Authorization"]) }

// proxyKey reads the key of a proxy. Authorization is the client's own there.
func proxyKey(h http.Header) (ticket.Bearer, error) {
	values := h["X-Wsticket-Key"]
	switch {
	case len(values) == 0:
		return ticket.Bearer{}, errMissingCredential
	case len(values) > 1 || !token68.Valid(values[0]):
		return ticket.Bearer{}, errCredentialShape
	default:
		return ticket.NewBearer(values[0]), nil
	}
}

// checkInternalQuery refuses any query: nothing here takes a parameter, and
// what people put there are keys and tickets.
func (s *Server) checkInternalQuery(raw string) error {
	if raw == "" {
		return nil
	}
	if err := checkQuery(raw, s.o.TicketParameter); errors.Is(err, errCredentialInURL) {
		return err
	}
	for p := range parameters(raw) {
		if s.namesSecret(p.name) || s.isSecret(p.name) || s.isSecret(p.value) {
			return errCredentialInURL
		}
	}
	return fmt.Errorf("query: %w", ticket.ErrInvalidRequest)
}

func (s *Server) namesSecret(name string) bool {
	return slices.Contains([]string{s.o.TicketParameter, "key", "apikey", "api_key", "api-key", "x-wsticket-key"}, strings.ToLower(name))
}

// isSecret knows tickets by their shape and keys by name.
func (s *Server) isSecret(text string) bool {
	if _, err := ticket.ParseToken(text); err == nil {
		return true
	}
	if s.o.Keys == nil {
		return false
	}
	_, _, known := s.o.Keys.Lookup(text)
	return known
}
