// Package remote redeems tickets at a wsticket service over HTTP, so that a Go
// program that has a WebSocket server of its own needs neither the store nor
// its keys:
//
//	redeemer, err := remote.New(remote.Options{URL: "http://wsticket:8081", Key: key})
//	handler, err := ws.New(ws.Options{Redeemer: redeemer, Endpoint: chat, Origins: origins})
//
// It asks POST /consume once for each redemption and never again by itself:
// whatever it cannot be sure of is [ticket.ErrUnavailable], and the client gets
// a new ticket. It imports the standard library and package ticket alone.
package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"wsticket/ticket"
)

const (
	// DefaultTimeout bounds a redemption where nothing else is configured.
	DefaultTimeout = 2 * time.Second
	// maxAnswer bounds an answer in bytes.
	maxAnswer = 64 << 10
	// idleTimeout is shorter than the service's, so that we are the one to
	// close a connection that is not used.
	idleTimeout = 30 * time.Second
)

// Options say where the service is and who we are.
type Options struct {
	// URL is the service's internal listener: http or https with a host and
	// nothing more. Over plain http, whoever is on the way reads key and
	// tickets. Required.
	URL string
	// Key is an API key with the scope "consume". Required, unless TLS has a
	// client certificate.
	Key ticket.Bearer
	// TLS is for a service whose certificate is of an authority of one's own,
	// and for a client certificate. Default: the system's authorities. It is
	// copied; less than TLS 1.2 is never spoken.
	TLS *tls.Config
	// Timeout bounds a redemption, from connecting to the whole answer.
	// Default: 2 s.
	Timeout time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Redeemer is a ws.Redeemer. It is safe for concurrent use.
type Redeemer struct {
	url       string
	key       ticket.Bearer
	timeout   time.Duration
	now       func() time.Time
	client    http.Client
	transport *http.Transport
}

// New returns a Redeemer, or an error that lists every fault of o. It does not
// ask the service.
func New(o Options) (*Redeemer, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	base, err := o.validate()
	if err != nil {
		return nil, err
	}
	r := &Redeemer{
		url: base.Scheme + "://" + base.Host + "/consume", key: o.Key, timeout: o.Timeout, now: o.Now,
		transport: newTransport(o.TLS, o.Timeout),
	}
	r.client = http.Client{
		Transport: r.transport,
		// A ticket and a key are for nobody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return r, nil
}

func (o Options) validate() (*url.URL, error) {
	var faults []error
	check := func(good bool, format string, args ...any) {
		if !good {
			faults = append(faults, fmt.Errorf("remote: "+format, args...))
		}
	}
	base, err := url.Parse(o.URL)
	// The URL is not repeated: it may have a password in it.
	check(err == nil && isBase(base), "url: must be http(s)://host[:port] and nothing more")
	check(!strings.ContainsFunc(o.Key.Reveal(), func(c rune) bool { return c <= ' ' || c > '~' }), "key: must be printable ASCII without blanks")
	check(!o.Key.IsZero() || o.TLS != nil && (len(o.TLS.Certificates) > 0 || o.TLS.GetClientCertificate != nil),
		"key: required, or a client certificate")
	check(o.Timeout > 0, "timeout: must be positive (got %s)", o.Timeout)
	return base, errors.Join(faults...)
}

func isBase(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// newTransport obeys no proxy variables and unpacks nothing.
func newTransport(own *tls.Config, timeout time.Duration) *http.Transport {
	config := own.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return &http.Transport{
		// A request that has been given up does not end the attempt to connect,
		// so that this has bounds of its own.
		DialContext: (&net.Dialer{Timeout: timeout}).DialContext, TLSHandshakeTimeout: timeout,
		TLSClientConfig: config, DisableCompression: true,
		MaxIdleConnsPerHost: 64, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: 16 << 10,
	}
}

// Close closes the connections that are not in use. A Redeemer can be used
// afterwards.
func (r *Redeemer) Close() { r.transport.CloseIdleConnections() }

// Redeem spends the ticket at the service. The service tells a grant's ID,
// issuer, subject, session, claims, audience, scope and end; the bearer's own
// audience, scope and token ID, and the origin that the ticket was bound to,
// stay empty.
//
// A ticket that is not accepted is [ticket.ErrNotFound], whatever is wrong
// with it. A time-out, a key that is refused and an answer that is not
// understood are [ticket.ErrUnavailable]: the ticket may be spent.
func (r *Redeemer) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	within, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	grant, err := r.redeem(within, token, p)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		err = context.Canceled // the caller has left, and that is all there is to say
	}
	if err != nil {
		return ticket.Grant{}, fmt.Errorf("remote redeem: %w", err)
	}
	return grant, nil
}

func (r *Redeemer) redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	body, err := encode(token, p)
	if err != nil {
		return ticket.Grant{}, err
	}
	status, kind, answer, err := r.ask(ctx, body)
	if err != nil {
		return ticket.Grant{}, err
	}
	v, err := decode(status, kind, answer)
	if err != nil {
		return ticket.Grant{}, err
	}
	return v.grant(token, p, r.now())
}

// ask sends one request. net/http sends it a second time only where a
// connection was closed before a byte of it had been written.
func (r *Redeemer) ask(ctx context.Context, body []byte) (status int, kind string, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, errUnreachable
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if !r.key.IsZero() {
		req.Header.Set("Authorization", "Bearer "+r.key.Reveal())
	}
	res, err := r.client.Do(req)
	if err != nil {
		return 0, "", nil, errUnreachable
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, "", nil, errUnreachable
	case len(answer) > maxAnswer:
		return 0, "", nil, errAnswer
	default:
		return res.StatusCode, res.Header.Get("Content-Type"), answer, nil
	}
}

// encode writes the body. What the service would not take as an attempt is
// refused here, before it costs a ticket.
func encode(token ticket.Token, p ticket.Presentation) ([]byte, error) {
	if len(p.Attempt) > ticket.MaxAttempt || strings.ContainsFunc(p.Attempt, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return nil, fmt.Errorf("attempt: %w", ticket.ErrInvalidRequest)
	}
	request := struct {
		Ticket   string `json:"ticket"`
		Attempt  string `json:"attempt,omitempty"`
		Audience string `json:"audience,omitempty"`
		Origin   string `json:"origin,omitempty"`
		ClientIP string `json:"client_ip,omitempty"`
	}{Ticket: token.Reveal(), Attempt: p.Attempt, Audience: p.Audience, Origin: p.Origin}
	if p.ClientIP.IsValid() {
		request.ClientIP = p.ClientIP.WithZone("").String()
	}
	return json.Marshal(request)
}
