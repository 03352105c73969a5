package service

import (
	"cmp"
	"net/http"
	"time"

	"wsticket/ticket"
	"wsticket/ws"
)

// orNone returns a negative time for the zero of a setting, which means none.
// In Options zero would mean the default.
func orNone(d time.Duration) time.Duration { return cmp.Or(d, -1) }

// buildSockets makes the WebSocket endpoint.
func (s *generation) buildSockets() error {
	cfg := s.cfg.WS
	options := ws.Options{
		Gate: s.gate, Live: s.live,
		MaxMessage: int64(cfg.MaxMessage), AuthTimeout: cfg.AuthTimeout, AcceptThenClose: cfg.AcceptThenClose,
		Unauthenticated: s.cfg.Limits.Unauthenticated, UnauthenticatedPerAddress: s.cfg.Limits.UnauthenticatedPerAddress,
		Events: s.events, Logger: s.log,
	}
	if cfg.Upstream == "" {
		options.Endpoint = ws.Echo
	} else {
		options.Upstream = &ws.Upstream{URL: cfg.Upstream, Ping: cfg.Ping, IdleTimeout: cfg.IdleTimeout, Notices: cfg.ExpiryNoticeRelayed}
		if s.forwarder != nil {
			options.Upstream.Identity = currentIdentity{s.Service}
		}
	}
	var err error
	s.sockets, err = ws.New(options)
	return err
}

// currentIdentity makes the identity headers by the keys of now.
type currentIdentity struct{ s *Service }

// Headers implements [ws.Identifier].
func (c currentIdentity) Headers(grant ticket.Grant) (http.Header, error) {
	return c.s.current().forwarder.Headers(grant)
}

// Names implements [ws.Identifier].
func (c currentIdentity) Names() []string { return c.s.current().forwarder.Names() }
