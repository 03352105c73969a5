package service

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
	"wsticket/internal/sdnotify"
)

const (
	// askAgain is the pause after a question that was not answered.
	askAgain = time.Second
	// askTimeout bounds a question where there is no watchdog that sets the pace.
	askTimeout = 10 * time.Second
	// maxProbe is more than an answer of /livez has, in bytes.
	maxProbe = 1 << 10
)

// Supervise makes Serve tell systemd how the service is: that it serves, once it
// answers; at this interval that it still answers, unless it is 0; and that it stops.
// Call it before Serve.
func (s *Service) Supervise(socket *sdnotify.Socket, every time.Duration) {
	s.systemd, s.watchdog = socket, every
}

// supervise asks the service over its own internal listener whether it lives, and
// tells systemd, until ctx ends.
//
// The connection is kept, so that neither a flood of others nor a lack of descriptors
// takes it away.
func (s *Service) supervise(ctx context.Context, stopping <-chan struct{}, l *Listeners) {
	if s.systemd == nil {
		return
	}
	ask := s.asker(l.Internal())
	defer ask.client.CloseIdleConnections()
	serving := false // is known to systemd, or over
	for timer := time.NewTimer(0); ; {
		select {
		case <-ctx.Done():
			if stopping != nil { // it took no time
				s.tellStopping()
			}
			return
		case <-stopping:
			stopping, serving = nil, true
			s.tellStopping()
		case <-timer.C:
			err := ask.alive(ctx)
			if err != nil {
				if stopping != nil && ctx.Err() == nil {
					s.log.WarnContext(ctx, "the internal listener does not answer", "cause", netcause.Describe(err))
				}
				timer.Reset(askAgain)
				continue
			}
			if !serving {
				serving = true
				s.tell(s.systemd.Ready(s.serving(l)))
			}
			if s.watchdog > 0 {
				s.tell(s.systemd.Alive())
				timer.Reset(s.watchdog)
			}
		}
	}
}

func (s *Service) tellStopping() {
	s.tell(s.systemd.Stopping(fmt.Sprintf("closing WebSockets for %s", s.cfg.WS.DrainWindow)))
}

// serving is what `systemctl status` shows.
func (s *Service) serving(l *Listeners) string {
	return fmt.Sprintf("%s, serving at %s, internally at %s", s.info.Version, l.Public(), l.Internal())
}

// tell logs that systemd could not be told.
func (s *Service) tell(err error) {
	if err != nil {
		s.log.Warn(err.Error())
	}
}

// asker asks this process whether it lives.
type asker struct {
	client  *http.Client
	url     string
	timeout time.Duration
}

func (s *Service) asker(internal net.Addr) asker {
	a := asker{url: "http://", timeout: askTimeout}
	if s.watchdog > 0 {
		a.timeout = s.watchdog / 2
	}
	if s.current().tls.internal != nil {
		a.url = "https://"
	}
	a.url += reachable(internal) + "/livez"
	a.client = httpclient.New(httpclient.Options{
		MaxIdle: 1, MaxConns: 1, IdleTimeout: s.watchdog + a.timeout, ConnectTimeout: a.timeout,
		// The process asks itself, and the answer is no secret.
		TLS: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // see above
	})
	return a
}

// reachable returns an address to connect to: a listener of all addresses is on
// loopback, too.
func reachable(listener net.Addr) string {
	host, port, err := net.SplitHostPort(listener.String())
	if err == nil && net.ParseIP(host).IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return listener.String()
}

// alive returns an error unless /livez is answered with 200.
func (a asker) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return fmt.Errorf("livez: %w", err)
	}
	res, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("livez: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	// A connection whose answer is not read is not kept.
	_, _ = io.CopyN(io.Discard, res.Body, maxProbe)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("livez: status %d", res.StatusCode)
	}
	return nil
}
