package service

import (
	"errors"
	"net/http"

	"wsticket/api"
	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/gate"
	"wsticket/identity"
	"wsticket/internal/limit"
	"wsticket/live"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// generation has the parts that a reload replaces, all built from one set of settings.
// It does not change when it is in use, so that a request that began with it ends with
// it. The other parts, with the state of connections, are those of the Service.
type generation struct {
	*Service

	cfg      config.Config
	number   int         // of the reloads before
	replaces *generation // nil for the first one, and when it is in use

	tls       certificates
	sealKeys  [][]byte
	subjects  subjects
	verifier  *auth.Verifier
	keys      *auth.Keyring
	forwarder *identity.Forwarder
	tickets   *ticket.Service
	gate      *gate.Gate
	api       *api.Server
	replaced  chan struct{} // closed when another one is in use

	adopted adopted
}

// adopted are settings for parts that stay.
type adopted struct {
	live    *live.Registry
	feeds   *live.Feeds
	secret  []byte      // of the webhook
	headers http.Header // for the collector
}

// buildNext builds what replaces the parts of the generation before. What it needs for
// the parts that stay, it keeps for [generation.use].
func (s *generation) buildNext() error {
	err := errors.Join(s.buildTLS(), s.buildAuth(), s.buildIdentity(), s.buildSealKeys())
	if s.cfg.Ticket.SealKeyFile == "" {
		s.subjects = s.replaces.subjects
	}
	var fault, bad, wrong error
	s.adopted.live, s.adopted.feeds, fault = s.newLive()
	s.adopted.secret, bad = s.webhookSecret()
	s.adopted.headers, wrong = s.collectorHeaders()
	return errors.Join(err, fault, bad, wrong, s.buildTickets(), s.buildGate(), s.buildAPI())
}

// use puts the generation in the place of the one before. It cannot fail.
func (s *generation) use() {
	before := s.replaces
	s.replaces = nil // so that it can be freed
	s.live.Adopt(s.adopted.live)
	s.feeds.Adopt(s.adopted.feeds)
	if redis, ok := s.store.(*redisstore.Store); ok {
		redis.KeepStream(s.streamRetention())
	}
	if s.webhook != nil {
		s.webhook.SetSecret(s.adopted.secret)
	}
	if s.telemetry != nil {
		s.telemetry.SetHeaders(s.adopted.headers)
	}
	s.adopted = adopted{}
	s.now.Store(s)
	s.sockets.UseGate(s.gate)
	s.sockets.BoundUnauthenticated(s.cfg.Limits.Unauthenticated, s.cfg.Limits.UnauthenticatedPerAddress)
	s.rates.set(s.cfg.Limits)
	close(before.replaced)
	before.verifier.Close()
}

// rates are the limits of rates, which keep what they have counted.
type rates struct{ address, keys, subject, handshakes *gate.RateLimiter }

func newRates(l config.Limits) rates {
	limiter := func(r limit.Rate) *gate.RateLimiter { return gate.NewRateLimiter(r.Events, r.Per) }
	return rates{limiter(l.PerAddress), limiter(l.PerAddress), limiter(l.PerSubject), limiter(l.HandshakesPerSubject)}
}

func (r rates) set(l config.Limits) {
	r.address.SetRate(l.PerAddress.Events, l.PerAddress.Per)
	r.keys.SetRate(l.PerAddress.Events, l.PerAddress.Per)
	r.subject.SetRate(l.PerSubject.Events, l.PerSubject.Per)
	r.handshakes.SetRate(l.HandshakesPerSubject.Events, l.HandshakesPerSubject.Per)
}

// handler serves each request by a router of now.
func (s *Service) handler(of func(*api.Server) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { of(s.current().api).ServeHTTP(w, r) })
}
