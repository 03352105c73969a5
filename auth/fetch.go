package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// fetchTimeout bounds everything that one fetch of keys does: discovery, name
// resolution, connections, TLS and both bodies.
const fetchTimeout = 5 * time.Second

// fetchFault is why keys could not be fetched, in one fixed word for logs and
// metrics. What the network or the peer said in its own words goes nowhere.
type fetchFault string

const (
	errUnreachable fetchFault = "unreachable" // also: TLS failed, too slow
	errBlocked     fetchFault = "blocked"     // an address that may not be dialed
	errStatus      fetchFault = "status"      // not 200, so also each redirect
	errContent     fetchFault = "content"     // not the document that it should be
)

// fetched is the outcome of a fetch without a fault.
const fetched = "ok"

// Error names the fault.
func (f fetchFault) Error() string { return "fetch keys: " + string(f) }

// outcome names the result of a fetch.
func outcome(err error) string {
	if err == nil {
		return fetched
	}
	if fault, ok := errors.AsType[fetchFault](err); ok {
		return string(fault)
	}
	return string(errUnreachable)
}

// fetcher gets the key set of one issuer.
type fetcher struct {
	dialer     dialer
	issuer     string
	jwksURL    string // empty: found by discovery, each time anew
	algorithms map[string]algorithm
}

// fetch returns a set with at least one key that can be used. Its error is a
// [fetchFault], or one of the network, which [outcome] takes for unreachable.
func (f fetcher) fetch(ctx context.Context) (*keySet, error) {
	client := newClient(ctx, f.dialer)
	address := f.jwksURL
	if address == "" {
		var err error
		if address, err = discover(ctx, client, f.issuer, f.dialer.allowPrivate); err != nil {
			return nil, err
		}
	}
	body, err := get(ctx, client, address)
	if err != nil {
		return nil, err
	}
	set, err := remoteSet(body, f.algorithms)
	if err != nil {
		return nil, errContent
	}
	return set, nil
}

// newClient returns a client for one fetch of keys and nothing else: no proxy,
// no redirects, no cookies, no compression (a bomb would unpack before the
// limit counts), and no connection that outlives the context.
//
// http.Transport dials and shakes hands under a context of its own, which
// goes on when the request has been given up. A peer that accepts and says
// nothing would cost a goroutine for each fetch. So the connections hang on
// the context of the fetch.
func newClient(ctx context.Context, d dialer) *http.Client {
	dial := func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := d.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dial,
			TLSClientConfig:        &tls.Config{RootCAs: d.network.RootCAs, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// get returns the body of a document of at most 1 MiB.
func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, errUnreachable
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errStatus
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxFile {
		return nil, errContent
	}
	return body, nil
}
