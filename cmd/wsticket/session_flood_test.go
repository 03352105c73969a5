package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"wsticket/internal/test"
)

// TestFloodOfInventedCookies: somebody invents cookies at one address while the
// application is slow to judge them. Users at other addresses get tickets and
// connections meanwhile, and nobody lacks a place but the stranger.
func TestFloodOfInventedCookies(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var judging atomic.Int32
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Cookie"), "sid=invented") {
			judging.Add(1)
			select {
			case <-release:
			case <-r.Context().Done():
			}
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, `{"sub":"alice"}`)
	}))
	t.Cleanup(app.Close)
	p := start(t, "serve", "--config", newProvider(t).config(t, "memory:"), "--set", "public.trusted_proxies=[127.0.0.1]",
		"--set", "limits.per_address=0", "--set", "limits.per_subject=0",
		"--set", "session.cookie=sid", "--set", "session.lookup_url="+app.URL, "--set", issuerHeader)

	ctx, stop := context.WithCancel(t.Context())
	var strangers sync.WaitGroup
	defer strangers.Wait()
	defer close(release)
	defer stop()
	for n := range 400 {
		strangers.Go(func() { inventCookie(ctx, p, n) })
	}
	test.Wait(t, "the application is busy with the stranger", func() bool { return judging.Load() >= 16 })

	cookie := []string{"Origin", pageOrigin, "Cookie", "sid=alices", "X-Forwarded-For", "198.51.100.7"}
	askForTicket := func() answer {
		return exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", "", append(cookie, "Content-Type", "application/json")...)
	}
	// On a busy machine, 2 s may be too short for any lookup.
	test.Wait(t, "a ticket for a user at another address", func() bool { return askForTicket().status == http.StatusCreated })
	if a := p.asNginx(t, "", "request-1", append(cookie, "X-Original-URI", "/ws")...); a.status != http.StatusOK {
		t.Errorf("the cookie door, asked about by a proxy = %d %s", a.status, a.body)
	}
	cookie[5] = "203.0.113.66"
	if a := askForTicket(); a.status != http.StatusCreated {
		t.Errorf("a ticket for a remembered user at the stranger's address = %d %s", a.status, a.body)
	}
	p.stderr.WaitFor(t, `"status":503`, `"reason":"session_busy_per_address"`, `"network":"203.0.113.66/32"`)
	if strings.Contains(p.stderr.String(), `"reason":"session_busy"`) {
		t.Error("the stranger has kept all places busy")
	}
}

// inventCookie shows the n-th cookie, until it is answered or ctx ends.
func inventCookie(ctx context.Context, p *process, n int) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.public+"/ws-ticket", http.NoBody)
	if n%2 == 1 {
		req, err = http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.internal+"/auth/nginx", http.NoBody)
	}
	if err != nil {
		return
	}
	for name, value := range map[string]string{
		"Origin": pageOrigin, "Cookie": fmt.Sprintf("sid=invented-%d", n), "X-Forwarded-For": "203.0.113.66", "Content-Type": "application/json",
		"X-Original-URI": "/ws", "X-Original-Method": "GET", "X-Forwarded-Host": "localhost", "X-Forwarded-Proto": "https",
		"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		req.Header.Set(name, value)
	}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	if res, err := client.Do(req); err == nil {
		_ = res.Body.Close()
	}
}
