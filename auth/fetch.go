package auth

import (
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"time"

	"wsticket/internal/httpclient"
	"wsticket/internal/maskurl"
)

const (
	// fetchTimeout bounds everything that one fetch of keys does: discovery,
	// name resolution, connections, TLS and both bodies.
	fetchTimeout = 5 * time.Second
	// maxDocument bounds a key set or discovery document in bytes.
	maxDocument = 1 << 20
)

// fetcher gets the key set of one issuer.
type fetcher struct {
	network      Network
	allowPrivate bool
	issuer       string
	jwksURL      string // empty: found by discovery, each time anew
	algorithms   map[string]algorithm
}

// same reports whether both fetch the same keys from the same place.
func (f fetcher) same(other fetcher) bool {
	return f.issuer == other.issuer && f.jwksURL == other.jwksURL && f.allowPrivate == other.allowPrivate &&
		slices.Equal(slices.Sorted(maps.Keys(f.algorithms)), slices.Sorted(maps.Keys(other.algorithms)))
}

// shownURL returns where the keys come from, as far as it may be shown.
func (f fetcher) shownURL() string {
	if f.jwksURL == "" {
		return maskurl.Hide(discoveryURL(f.issuer))
	}
	return maskurl.Hide(f.jwksURL)
}

// published is what an issuer publishes about its keys.
type published struct {
	url     string // of the key set; empty if it was not found
	set     *keySet
	skipped []SkippedKey
}

// fetch returns a set with at least one key that can be used. Its error is a
// [fetchFault]; together with one, published holds what was found before it.
func (f fetcher) fetch(ctx context.Context) (published, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	client := f.client(ctx)
	found := published{url: f.jwksURL}
	if found.url == "" {
		var err error
		if found.url, err = discover(ctx, client, f.issuer, f.allowPrivate); err != nil {
			return found, err
		}
	}
	body, err := get(ctx, client, found.url)
	if err != nil {
		return found, err
	}
	found.set, found.skipped, err = remoteSet(body, f.algorithms)
	if err != nil {
		return found, contentFault(found.url, "the key set is refused: "+err.Error())
	}
	return found, nil
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
		return nil, networkFault(address, err)
	}
	req.Header.Set("Accept", "application/json, application/jwk-set+json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, networkFault(address, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, statusFault(address, resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	if err != nil {
		return nil, networkFault(address, err)
	}
	if len(body) > maxDocument {
		return nil, contentFault(address, "the document is larger than 1 MiB")
	}
	return body, nil
}
