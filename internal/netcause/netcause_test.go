package netcause_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
)

// ask sends a request to a URL with a client that trusts only roots.
func ask(ctx context.Context, address string, roots *x509.CertPool) error {
	client := httpclient.New(httpclient.Options{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// server listens on loopback and gives each connection to serve.
func server(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	known := x509.NewCertPool()
	known.AddCert(secure.Certificate())
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	gone := server(t, func(net.Conn) {})
	refusing := httptest.NewServer(http.NotFoundHandler())
	refusing.Close()
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "a")
	}))
	t.Cleanup(cut.Close)
	garbage := server(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n") })
	past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for _, row := range []struct {
		rule string
		err  error
		want string
	}{
		{"nobody listens", ask(t.Context(), refusing.URL, nil), "connection refused"},
		{"the peer hangs up", ask(t.Context(), "http://"+gone, nil), "the connection was broken off"},
		{"the body ends early", ask(t.Context(), cut.URL, nil), "the connection was broken off"},
		{"too late", ask(past, plain.URL, nil), "no answer in time"},
		{"an unknown authority", ask(t.Context(), secure.URL, x509.NewCertPool()), "authority that is not known"},
		{"a wrong name", ask(t.Context(), strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), known), "for another name"},
		{"https to a plain port", ask(t.Context(), strings.Replace(plain.URL, "http:", "https:", 1), known), "plain HTTP"},
		{"https to something else", ask(t.Context(), "https://"+garbage, known), "does not speak TLS"},
		{"an old certificate", x509.CertificateInvalidError{Reason: x509.Expired}, "expired"},
		{"another fault of a certificate", x509.CertificateInvalidError{Reason: x509.NotAuthorizedToSign}, "not valid"},
		{"the server refuses", &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, "refuses the handshake"},
		{"a name that does not exist", &net.DNSError{Name: "secret-marker", IsNotFound: true}, "DNS: the name does not exist"},
		{"a resolver that is away", &net.DNSError{Name: "secret-marker", IsTimeout: true}, "DNS: no answer in time"},
		{"a resolver that fails", &net.DNSError{Name: "secret-marker", Err: "secret-marker"}, "DNS: the name cannot be looked up"},
		{"a private address", fmt.Errorf("dial: %w", httpclient.ErrBlocked), "loopback, private or special"},
		{"the peer hangs up before it is asked", &url.Error{Op: "Get", Err: errors.New("http: server closed idle connection")}, "the connection was broken off"},
		{"anything else", errors.New("secret-marker"), "no connection"},
	} {
		if row.err == nil {
			t.Errorf("%s: got no error", row.rule)
			continue
		}
		got := netcause.Describe(fmt.Errorf("wrapped: %w", row.err))
		if !strings.Contains(got, row.want) || strings.Contains(got, "secret-marker") {
			t.Errorf("%s: %v: got %q, want %q in it", row.rule, row.err, got, row.want)
		}
	}
}
