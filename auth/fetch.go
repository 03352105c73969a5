package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"wsticket/internal/httpclient"
)

const (
	// fetchTimeout bounds everything that one fetch of keys does: discovery,
	// name resolution, connections, TLS and both bodies.
	fetchTimeout = 5 * time.Second
	// maxDocument bounds a key set or discovery document in bytes.
	maxDocument = 1 << 20
)

// fetchFault is why keys could not be fetched, as one word for logs and
// metrics. The texts of the network and the peer are not passed on.
type fetchFault string

const (
	errUnreachable fetchFault = "unreachable" // also: TLS failed, too slow
	errBlocked     fetchFault = "blocked"     // an address that may not be dialed
	errStatus      fetchFault = "status"      // not 200, so also each redirect
	errContent     fetchFault = "content"     // not the document that was expected
)

// fetched is the outcome of a fetch without a fault.
const fetched = "ok"

// Error returns the fault.
func (f fetchFault) Error() string { return "fetch keys: " + string(f) }

// outcome returns the word for the result of a fetch.
func outcome(err error) string {
	switch fault, ok := errors.AsType[fetchFault](err); {
	case err == nil:
		return fetched
	case ok:
		return string(fault)
	case errors.Is(err, httpclient.ErrBlocked):
		return string(errBlocked)
	default:
		return string(errUnreachable)
	}
}

// fetcher gets the key set of one issuer.
type fetcher struct {
	network      Network
	allowPrivate bool
	issuer       string
	jwksURL      string // empty: found by discovery, each time anew
	algorithms   map[string]algorithm
}

// fetch returns a set with at least one key that can be used. Its error is a
// [fetchFault] or one of the network; see [outcome].
func (f fetcher) fetch(ctx context.Context) (*keySet, error) {
	client := f.client(ctx)
	address := f.jwksURL
	if address == "" {
		var err error
		if address, err = discover(ctx, client, f.issuer, f.allowPrivate); err != nil {
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

// client returns a client for one fetch, whose connections end with ctx.
// net/http dials and shakes hands under a context of its own, which goes on when
// a request has been given up, so that a peer that accepts and says nothing
// would otherwise cost a goroutine for each fetch.
func (f fetcher) client(ctx context.Context) *http.Client {
	guard := httpclient.Guard{LookupIP: f.network.LookupIP, DialAddr: f.network.Dial, AllowPrivate: f.allowPrivate}
	return httpclient.New(httpclient.Options{
		ConnectTimeout: fetchTimeout,
		TLS:            &tls.Config{RootCAs: f.network.RootCAs, MinVersion: tls.VersionTLS12},
		Dial: func(_ context.Context, network, address string) (net.Conn, error) {
			conn, err := guard.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			context.AfterFunc(ctx, func() { _ = conn.Close() })
			return conn, nil
		},
	})
}

// get returns the body of a document of at most [maxDocument] bytes.
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
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxDocument {
		return nil, errContent
	}
	return body, nil
}
