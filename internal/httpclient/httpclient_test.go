package httpclient_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"wsticket/internal/httpclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, client *http.Client, url string) (status int, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// TestPlain: no redirect, no compression, and a connection is kept only if asked
// for.
func TestPlain(t *testing.T) {
	t.Parallel()
	for maxIdle, want := range map[int]int{0: 2, 1: 1} {
		connections := make(map[string]bool)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			connections[r.RemoteAddr] = true
			if got := r.Header.Get("Accept-Encoding"); got != "" {
				t.Errorf("Accept-Encoding: got %q, want none", got)
			}
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}))
		client := httpclient.New(httpclient.Options{MaxIdle: maxIdle})
		for range 2 {
			if status, err := get(t, client, server.URL); err != nil || status != http.StatusFound {
				t.Errorf("got %d, %v, want the redirect itself", status, err)
			}
		}
		client.CloseIdleConnections()
		server.Close()
		if len(connections) != want {
			t.Errorf("up to %d kept: got %d connections, want %d", maxIdle, len(connections), want)
		}
	}
}

func TestMaxHeader(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 32<<10))
	}))
	defer server.Close()
	if _, err := get(t, httpclient.New(httpclient.Options{MaxHeader: 16 << 10}), server.URL); err == nil {
		t.Error("32 KiB of headers where 16 are allowed: got no error")
	}
	if _, err := get(t, httpclient.New(httpclient.Options{}), server.URL); err != nil {
		t.Errorf("32 KiB of headers by default: %v", err)
	}
}

// TestTLS: the caller's settings count, and TLS 1.2 is the least.
func TestTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	authorities := x509.NewCertPool()
	authorities.AddCert(server.Certificate())
	config := &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS10}
	if _, err := get(t, httpclient.New(httpclient.Options{TLS: config}), server.URL); err == nil {
		t.Error("TLS 1.1: got no error")
	}
	if config.MinVersion != tls.VersionTLS10 {
		t.Error("the caller's settings were changed")
	}
	modern := httptest.NewTLSServer(http.NotFoundHandler())
	defer modern.Close()
	modern.Config.ErrorLog = log.New(io.Discard, "", 0)
	authorities = x509.NewCertPool()
	authorities.AddCert(modern.Certificate())
	if _, err := get(t, httpclient.New(httpclient.Options{TLS: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}}), modern.URL); err != nil {
		t.Errorf("an authority of the caller's: %v", err)
	}
	if _, err := get(t, httpclient.New(httpclient.Options{}), modern.URL); err == nil {
		t.Error("an unknown authority: got no error")
	}
}
