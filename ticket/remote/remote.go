// Package remote redeems tickets at a wsticket service over HTTP, so that a Go
// program that has a WebSocket server of its own needs neither the store nor
// its keys:
//
//	redeemer, err := remote.New(remote.Options{URL: "http://wsticket:8081", Key: key})
//	g, err := gate.New(gate.Options{Redeemer: redeemer, Origins: origins})
//	handler, err := ws.New(ws.Options{Gate: g, Endpoint: chat})
//
// A redemption is one request to POST /consume, which is never repeated. If its
// outcome is not certain, the error is [ticket.ErrUnavailable], and the client
// gets a new ticket. The package links nothing but the standard library and this
// module.
package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
	"wsticket/ticket"
)

const (
	// DefaultTimeout bounds a redemption unless Options say otherwise.
	DefaultTimeout = 2 * time.Second
	// maxAnswer bounds an answer in bytes.
	maxAnswer = 64 << 10
	// maxIdle connections are kept, for a time (the default of httpclient) that
	// is shorter than the service's, so that the service never closes one that
	// a request is about to use.
	maxIdle = 64
)

// Options say where the service is and how it knows this program.
type Options struct {
	// URL is the service's internal listener: http or https with a host and
	// nothing more. Over plain http, everybody on the path can read key and
	// tickets. Required.
	URL string
	// Key is an API key with the scope "consume". Required, unless TLS has a
	// client certificate.
	Key ticket.Bearer
	// TLS is for a service whose certificate comes from a private authority,
	// and for a client certificate. It is copied, and raised to TLS 1.2 where
	// it allows less. Default: the authorities of the system.
	TLS *tls.Config
	// Timeout bounds a redemption, from connecting to the whole answer.
	// Default: 2 s.
	Timeout time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Redeemer redeems tickets at a service, as a gate.Redeemer. It is safe for
// concurrent use.
type Redeemer struct {
	url     string
	key     ticket.Bearer
	timeout time.Duration
	now     func() time.Time
	client  *http.Client
}

// New returns a Redeemer, or an error that joins a [ticket.OptionError] for each
// fault of o. It does not ask the service.
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
	return &Redeemer{
		url: base.Scheme + "://" + base.Host + "/consume", key: o.Key, timeout: o.Timeout, now: o.Now,
		client: httpclient.New(httpclient.Options{
			TLS: o.TLS, ConnectTimeout: o.Timeout, MaxHeader: 16 << 10, MaxIdle: maxIdle,
		}),
	}, nil
}

func (o Options) validate() (*url.URL, error) {
	faults := ticket.OptionErrors{Package: "remote"}
	base, err := url.Parse(o.URL)
	// The URL is not repeated: it may have a password in it.
	faults.Check(err == nil && isBase(base), "URL", "must be http(s)://host[:port] and nothing more")
	faults.Check(!strings.ContainsFunc(o.Key.Reveal(), func(c rune) bool { return c <= ' ' || c > '~' }), "Key",
		"must be printable ASCII without blanks")
	certified := o.TLS != nil && (len(o.TLS.Certificates) > 0 || o.TLS.GetClientCertificate != nil)
	faults.Check(certified || !o.Key.IsZero(), "Key", "required, or a client certificate")
	faults.Check(o.Timeout > 0, "Timeout", "must be positive (got %s)", o.Timeout)
	return base, faults.Err()
}

func isBase(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && !u.ForceQuery && u.Fragment == ""
}

// Close closes the connections that are not in use. A Redeemer can be used
// afterwards.
func (r *Redeemer) Close() { r.client.CloseIdleConnections() }

// Redeem spends the ticket at the service. The grant has the ID, issuer,
// subject, session, claims, audience, scope and end that the service returns;
// the bearer's audience, scope and token ID, and the origin that the ticket was
// bound to, stay empty.
//
// A ticket that is not accepted is [ticket.ErrNotFound], whatever is wrong
// with it. A time-out, a key that is refused and an answer that is not
// understood are [ticket.ErrUnavailable]: the ticket may be spent.
func (r *Redeemer) Redeem(ctx context.Context, token ticket.Token, p ticket.Presentation) (ticket.Grant, error) {
	within, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	grant, err := r.redeem(within, token, p)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		err = context.Canceled // the caller has left, which is no fault of the service
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
	status, kind, data, err := r.ask(ctx, body)
	if err != nil {
		return ticket.Grant{}, err
	}
	a, err := decode(status, kind, data)
	if err != nil {
		return ticket.Grant{}, err
	}
	return a.grant(token, p, r.now())
}

// Check asks the service whether it accepts the key, for a program that starts.
// It presents a text that is no ticket, so that nothing is spent. The error says
// what the service has answered; it wraps [ErrKeyRefused] if the key is wrong,
// and [ticket.ErrUnavailable] in any case.
func (r *Redeemer) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	status, kind, data, err := r.ask(ctx, []byte(`{"ticket":"check"}`))
	if err == nil {
		_, err = decode(status, kind, data)
	}
	if err != nil {
		return fmt.Errorf("remote check: %w", err)
	}
	return nil
}

// ask sends one request. net/http sends it a second time only if a
// connection was closed before a byte of it had been written.
func (r *Redeemer) ask(ctx context.Context, body []byte) (status int, kind string, data []byte, err error) {
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
		return 0, "", nil, unreachable(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, "", nil, unreachable(err)
	case len(data) > maxAnswer:
		return 0, "", nil, errAnswer
	default:
		return res.StatusCode, res.Header.Get("Content-Type"), data, nil
	}
}

// unreachable returns errUnreachable with the cause, as text only: whose time
// was up is the caller's to say.
func unreachable(err error) error {
	cause := netcause.Describe(err)
	return ticket.WithAttrs(fmt.Errorf("%w: %s", errUnreachable, cause), slog.String("cause", cause))
}

// encode returns the body. An attempt that the service would not accept is
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
