package service

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"weak"

	"wsticket/api"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/test"
)

// reloading is a service in this process whose settings change.
type reloading struct {
	*Service

	settings atomic.Pointer[config.Config]
	asked    chan os.Signal
	stop     context.CancelFunc
	ended    chan error
	log      test.Output
}

func serveReloading(t *testing.T, cfg config.Config) *reloading {
	t.Helper()
	cfg.Public.Listen, cfg.Internal.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.WS.DrainWindow = 0
	r := &reloading{asked: make(chan os.Signal, 1), ended: make(chan error, 1)}
	r.settings.Store(&cfg)
	var err error
	r.Service, err = New(cfg, Options{Log: &r.log, Reload: r.asked, Load: func(check func(config.Config) error) (config.Config, error) {
		next := *r.settings.Load()
		return next, check(next)
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	if err := r.Open(ctx, 0); err != nil {
		t.Fatal(err)
	}
	l, err := Listen(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	go func() { r.ended <- r.Serve(ctx, l) }() // ends with ctx
	return r
}

// reloadWith takes other settings and returns when that was done.
func (r *reloading) reloadWith(t *testing.T, change func(*config.Config)) {
	t.Helper()
	next := *r.settings.Load()
	change(&next)
	r.settings.Store(&next)
	before := r.reloadStats()
	r.asked <- syscall.SIGHUP
	test.Wait(t, "a reload", func() bool { return r.reloadStats() != before })
	if after := r.reloadStats(); after.Faulty > before.Faulty {
		t.Fatalf("a reload failed:\n%s", r.log.String())
	}
}

// end stops the service.
func (r *reloading) end(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// TestReloadsLeakNothing: what a reload replaces is gone, with its goroutines: also the
// fetching of keys of an issuer that is no longer there, and a setting that was refused.
func TestReloadsLeakNothing(t *testing.T) {
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	defer issuer.Close()
	_, keyFile := benchBearer(t)
	cfg := benchConfig(t, "memory:", keyFile)
	cfg.Identity.Headers = cfg.Identity.Headers.WithIssuer() // which more than one needs
	r := serveReloading(t, cfg)
	defer r.end(t)
	with := func(n int) func(*config.Config) {
		return func(c *config.Config) {
			c.Origins = []string{fmt.Sprintf("https://%d.example.com", n)}
			c.Issuers = cfg.Issuers
			if n%2 == 1 {
				c.Issuers = append(c.Issuers[:1:1], config.Issuer{
					Issuer: fmt.Sprintf("https://id-%d.example.com", n), Audience: []string{"ws"}, JWKSURL: issuer.URL, Insecure: true,
				})
			}
		}
	}
	var generations []weak.Pointer[generation]
	var servers []weak.Pointer[api.Server]
	left := func() (n int) {
		runtime.GC()
		for i := range generations {
			if generations[i].Value() != nil || servers[i].Value() != nil {
				n++
			}
		}
		return n
	}
	const reloads = 40
	r.reloadWith(t, with(1)) // so that all has started
	goroutines := runtime.NumGoroutine()
	for n := range reloads {
		now := r.current()
		generations, servers = append(generations, weak.Make(now)), append(servers, weak.Make(now.api))
		r.reloadWith(t, with(n))
	}
	test.Wait(t, "all that was replaced is freed", func() bool { return left() == 0 })
	// One of each reload would be many more. Connections to the issuer come and go.
	test.Wait(t, fmt.Sprintf("about %d goroutines, as before", goroutines), func() bool { return runtime.NumGoroutine() <= goroutines+reloads/4 })
}

// TestReloadWhileItStops: the end of a service does not wait for reloads, and loses none
// half way.
func TestReloadWhileItStops(t *testing.T) {
	_, keyFile := benchBearer(t)
	for range 5 {
		r := serveReloading(t, benchConfig(t, "memory:", keyFile))
		r.reloadWith(t, func(c *config.Config) { c.Origins = []string{"https://app.example.com"} })
		stopped, sent := make(chan struct{}), make(chan struct{})
		go func() { // ends with stopped
			defer close(sent)
			for {
				select {
				case r.asked <- syscall.SIGHUP:
				case <-stopped:
					return
				}
			}
		}()
		seen := r.reloadStats().Good
		test.Wait(t, "reloads", func() bool { return r.reloadStats().Good > seen+2 })
		r.end(t)
		close(stopped)
		<-sent
		if strings.Contains(r.log.String(), "not reloaded") {
			t.Errorf("a reload failed because the service stopped:\n%s", r.log.String())
		}
		if err := r.current().startAuth(t.Context()); err != nil {
			t.Errorf("the generation in use was not whole: %v", err)
		}
	}
}

// TestFaultyReloadKeepsTheGeneration: a setting that cannot be used replaces nothing.
func TestFaultyReloadKeepsTheGeneration(t *testing.T) {
	_, keyFile := benchBearer(t)
	r := serveReloading(t, benchConfig(t, "memory:", keyFile))
	defer r.end(t)
	r.reloadWith(t, func(*config.Config) {}) // so that all has started
	before, goroutines := r.current(), runtime.NumGoroutine()
	next := *r.settings.Load()
	next.Origins = []string{"nonsense"}
	r.settings.Store(&next)
	const faults = 20
	for n := range uint64(faults) {
		r.asked <- syscall.SIGHUP
		test.Wait(t, "a fault", func() bool { return r.reloadStats().Faulty == n+1 })
	}
	if r.current() != before {
		t.Error("a fault has replaced the generation")
	}
	test.Wait(t, "about as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines+faults/4 })
}
