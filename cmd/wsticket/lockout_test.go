package main

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestFloodOfWrongKeys: a stranger at a backend's own address sends wrong keys until
// they get 429. The backend's key is answered then, and while the flood goes on.
func TestFloodOfWrongKeys(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), "--set", "limits.per_address=20/h")
	flood, stop := context.WithCancel(t.Context())
	refused := make(chan struct{})
	limited := sync.OnceFunc(func() { close(refused) })
	var strangers sync.WaitGroup
	for range 4 {
		strangers.Go(func() { sendWrongKeys(flood, p, limited) })
	}
	defer strangers.Wait()
	defer stop()
	select {
	case <-refused:
	case <-time.After(patience):
		t.Fatal("wrong keys are not limited")
	}
	for range 50 {
		a := p.consume(t, chatKey, `{"ticket":"x"}`)
		if a.status != http.StatusOK {
			t.Fatalf("the good key = %d %s, want it answered", a.status, a.body)
		}
	}
	p.stderr.WaitFor(t, `"status":429`, `"reason":"rate_limited"`, `"limit":"limits.per_address"`)
}

// sendWrongKeys calls /consume until ctx ends, and limited after each 429.
func sendWrongKeys(ctx context.Context, p *process, limited func()) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.internal+"/consume", strings.NewReader("{}"))
		if err != nil {
			return
		}
		req.Header.Set("Authorization", "Bearer wrong")
		res, err := client.Do(req)
		if err != nil {
			continue
		}
		_ = res.Body.Close()
		if res.StatusCode == http.StatusTooManyRequests {
			limited()
		}
	}
}
