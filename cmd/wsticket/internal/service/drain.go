package service

import (
	"context"
	"time"

	"wsticket/live"
)

// RestTimeout is how long requests in progress have when the service stops, after
// ws.drain_window.
const RestTimeout = shutdownTimeout

// leave makes /readyz say that the service stops, and clients of an application that
// vanishes hear the same.
func (s *Service) leave() {
	s.draining.Store(true)
	s.live.Leave()
}

// drainOnRequest is for POST /drain: it says that the service stops, gives balancers a
// time to see it, and closes all WebSockets. The process goes on until it gets a
// signal, which also ends the delay. No handshake is accepted any more.
func (s *Service) drainOnRequest(ctx context.Context, delay time.Duration) live.Drained {
	s.leave()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopping:
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.WS.DrainWindow+shutdownTimeout)
	defer cancel()
	_ = s.drain(ctx) // which logs what is left
	return s.live.Stats().Drained
}

// drain closes all WebSockets, and logs how many there were.
func (s *Service) drain(ctx context.Context) error {
	start := time.Now()
	err := s.live.Shutdown(ctx)
	d := s.live.Stats().Drained
	s.log.InfoContext(ctx, "drained", "connections", d.Total, "closed", d.Closed,
		"cut", d.Cut, "left", d.Total-d.Closed, "took", time.Since(start))
	return err
}
