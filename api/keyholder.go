package api

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"wsticket/gate"
	"wsticket/internal/accesslog"
	"wsticket/internal/clientip"
	"wsticket/internal/limit"
	"wsticket/internal/token68"
	"wsticket/ticket"
)

// The scopes of an API key.
const (
	scopeConsume    = "consume"
	scopeIntrospect = "introspect"
	scopeRevoke     = "revoke"
	scopeRead       = "read"
)

// keyholder is a program that calls the internal router, with an API key or with
// a client certificate, which has every scope and is for every audience.
type keyholder struct {
	// name begins with "key:" or "cert:", so that a certificate is not taken for
	// a key of the same name.
	name        string
	certificate bool
	key         ticket.Keyholder
}

// mayHave reports whether tickets of an audience are the holder's business.
func (by keyholder) mayHave(audience string) bool { return by.key.MayHave(audience) }

// keyed returns an endpoint that calls h for requests of callers with the scope,
// and refuses others.
func (s *Server) keyed(scope string, h func(w http.ResponseWriter, r *http.Request, by keyholder) error) endpoint {
	return bounded(func(w http.ResponseWriter, r *http.Request) error {
		by, err := s.authorize(r, scope, bearerKey)
		if err := s.withQuery(r, err); err != nil {
			return err
		}
		return h(w, r, by)
	})
}

// authorize returns who sent r, which must have the scope. key returns the API
// key among the headers.
func (s *Server) authorize(r *http.Request, scope string, key func(http.Header) (ticket.Bearer, error)) (keyholder, error) {
	by, err := s.holderOf(r, key)
	if err != nil {
		return keyholder{}, err
	}
	if !by.certificate && !slices.Contains(by.key.Scopes, scope) {
		return keyholder{}, lacksScope(by, scope)
	}
	return by, nil
}

// holderOf returns who sent r, whatever the scopes. Requests without a good key count
// against the peer's address: they are guesses, or come from a misconfigured program.
func (s *Server) holderOf(r *http.Request, key func(http.Header) (ticket.Bearer, error)) (keyholder, error) {
	addr := clientip.Peer(r)
	by, err := s.limitedHolder(r, limit.AddrKey(addr), key)
	if errors.Is(err, gate.ErrLimited) {
		s.o.Gate.Refused(r.Context(), ticket.Event{
			Request: requestInfo(r, addr), Presentation: ticket.Presentation{ClientIP: addr},
		}, err)
	}
	if err != nil {
		return keyholder{}, err
	}
	accesslog.NoteOf(r.Context()).Caller = by.name
	accesslog.TrustTrace(r.Context())
	return by, nil
}

// lacksScope returns the error of a key that has other scopes.
func lacksScope(by keyholder, scope string) error {
	err := ticket.WithAttrs(errKeyScope, slog.String("needs", scope), slog.String("scope", strings.Join(by.key.Scopes, " ")))
	return ticket.WithDetail(err, "the key needs the scope "+scope)
}

// otherAudience returns the error of a key that is for other audiences.
func otherAudience(by keyholder, audience string) error {
	err := ticket.WithAttrs(errKeyAudience, slog.String("audience", audience), ticket.Expected(by.key.Audiences...))
	return ticket.WithDetail(err, "the key is not for this audience")
}

// unknownKey is the error of a key that is in no list.
func unknownKey() error {
	return ticket.WithAttrs(errUnknownKey, slog.String("setting", "internal.api_keys"))
}

// limitedHolder is holder, and counts a failure against the peer. A good key or
// certificate is answered however many failures there were: strangers may share
// the peer's address.
func (s *Server) limitedHolder(r *http.Request, peer string, key func(http.Header) (ticket.Bearer, error)) (keyholder, error) {
	by, err := s.holder(r, key)
	if err != nil {
		return keyholder{}, cmp.Or(gate.LimitedBy(limitOfPeers, gate.Limit(s.o.KeyLimit, peer)), err)
	}
	return by, nil
}

// limitOfPeers names KeyLimit in logs, by its key in the configuration of serve.
const limitOfPeers = "limits.per_address"

// holder returns the holder of the key, or, if there is no key, that of the
// connection's certificate. A wrong key is refused whatever the certificate.
func (s *Server) holder(r *http.Request, key func(http.Header) (ticket.Bearer, error)) (keyholder, error) {
	text, err := key(r.Header)
	if errors.Is(err, errMissingCredential) {
		return s.certified(r.TLS)
	}
	if err != nil {
		return keyholder{}, err
	}
	if s.o.Keys == nil {
		return keyholder{}, unknownKey()
	}
	held, ok := s.o.Keys.Lookup(text.Reveal())
	if !ok {
		return keyholder{}, unknownKey()
	}
	return keyholder{name: "key:" + held.Name, key: held}, nil
}

// bearerKey returns the key of a caller, which is in Authorization.
func bearerKey(h http.Header) (ticket.Bearer, error) { return bearer(h) }

// proxyKey returns the key of a proxy, whose Authorization is that of its client.
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

// withQuery returns what a request is refused for: its query, or else err, which is
// why its caller was refused. Within the limit, what is wrong with the query says
// more.
func (s *Server) withQuery(r *http.Request, err error) error {
	if errors.Is(err, gate.ErrLimited) {
		return err
	}
	return cmp.Or(s.checkInternalQuery(r.URL.RawQuery, err == nil), err)
}

// checkInternalQuery refuses every query: most internal endpoints have no parameters,
// and what callers put there by mistake are keys and tickets.
func (s *Server) checkInternalQuery(raw string, known bool) error {
	if raw == "" {
		return nil
	}
	if err := s.secretInQuery(raw, known); err != nil {
		return err
	}
	return badRequest("query: there are no parameters here")
}

// secretInQuery refuses a query that holds a credential. Keys are looked up for known
// callers only: anybody else could try out many at once.
func (s *Server) secretInQuery(raw string, known bool) error {
	if err := checkQuery(raw, s.o.Gate.TicketParameter()); errors.Is(err, errCredentialInURL) {
		return err
	}
	for p := range parameters(raw) {
		if s.namesSecret(p.name) || isTicket(p.name) || isTicket(p.value) || known && (s.isKey(p.name) || s.isKey(p.value)) {
			return errCredentialInURL
		}
	}
	return nil
}

// namesSecret reports whether name is one under which callers send keys or
// tickets.
func (s *Server) namesSecret(name string) bool {
	return slices.Contains([]string{s.o.Gate.TicketParameter(), "key", "apikey", "api_key", "api-key", "x-wsticket-key"}, gate.PlainName(name))
}

// isTicket reports whether text is a well-formed ticket.
func isTicket(text string) bool {
	_, err := ticket.ParseToken(text)
	return err == nil
}

// isKey reports whether text is a known key.
func (s *Server) isKey(text string) bool {
	if s.o.Keys == nil {
		return false
	}
	_, known := s.o.Keys.Lookup(text)
	return known
}
