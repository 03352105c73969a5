package main

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// certified is a client with a certificate, which trusts an authority.
func certified(t *testing.T, certFile, keyFile string, of testenv.Certificates) *http.Client {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	config := trusting(t, of)
	// It is presented also if the server does not know its authority.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	return &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
}

func TestCallersWithCertificates(t *testing.T) {
	ours, foreign := testenv.TLS(t), testenv.TLS(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), "--set", "internal.tls.cert_file="+ours.ServerCertFile,
		"--set", "internal.tls.key_file="+ours.ServerKeyFile, "--set", "internal.tls.client_ca_file="+ours.CAFile)
	known := certified(t, ours.ClientCertFile, ours.ClientKeyFile, ours)
	nobody := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting(t, ours)}}
	ask := func(method, path, body, key string) *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), method, "https://"+p.internal+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		return req
	}
	consume := `{"ticket":"` + issue(t, p.public, idp.bearer(t, "alice")).Ticket + `"}`
	for _, row := range []struct {
		rule, method, path, key string
		client                  *http.Client
		want                    int
	}{
		{"a certificate", http.MethodPost, "/consume", "", known, 200},
		{"a key", http.MethodPost, "/consume", chatKey, nobody, 200},
		{"neither", http.MethodPost, "/consume", "", nobody, 401},
		{"a certificate, and a key that is wrong", http.MethodPost, "/consume", "wrong", known, 401},
		{"health is for everybody", http.MethodGet, "/livez", "", nobody, 200},
		{"metrics are not", http.MethodGet, "/metrics", "", nobody, 401},
		{"metrics with a certificate", http.MethodGet, "/metrics", "", known, 200},
		{"metrics with a key to read", http.MethodGet, "/metrics", watchKey, nobody, 200},
	} {
		body := ""
		if row.method == http.MethodPost {
			body = consume
		}
		if a := do(t, row.client, ask(row.method, row.path, body, row.key)); a.status != row.want {
			t.Errorf("%s: %s = %d %s, want %d", row.rule, row.path, a.status, a.body, row.want)
		}
	}
	p.stderr.WaitFor(t, `"caller":"cert:wsticket test client"`)
	// In a container nobody else can ask.
	health := []string{"health", "--internal", p.internal, "--set", "internal.tls.cert_file=cert.pem", "--set", "internal.tls.key_file=key.pem"}
	if out, _, err := runIn(t, nil, health...); err != nil || out != "ready\n" {
		t.Errorf("health = %q, %v", out, err)
	}
	if res, err := certified(t, foreign.ClientCertFile, foreign.ClientKeyFile, ours).Do(ask(http.MethodGet, "/livez", "", "")); err == nil {
		_ = res.Body.Close()
		t.Errorf("a certificate of a foreign authority: got %d, want no connection", res.StatusCode)
	}
}

// TestCallersWithOtherCertificates: an authority that signs for a whole company
// signs for programs that may not consume tickets.
func TestCallersWithOtherCertificates(t *testing.T) {
	certs := testenv.TLS(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), "--set", "internal.tls.cert_file="+certs.ServerCertFile, "--set", "internal.tls.key_file="+certs.ServerKeyFile,
		"--set", "internal.tls.client_ca_file="+certs.CAFile, "--set", "internal.tls.client_names=wsticket test client")
	for _, row := range []struct {
		rule           string
		cert, key, api string
		want           int
	}{
		{"the name in the list", certs.ClientCertFile, certs.ClientKeyFile, "", 200},
		{"another name of the same authority", certs.ServerCertFile, certs.ServerKeyFile, "", 401},
		{"its owner has a key", certs.ServerCertFile, certs.ServerKeyFile, chatKey, 200},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+p.internal+"/consume", strings.NewReader(`{"ticket":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if row.api != "" {
			req.Header.Set("Authorization", "Bearer "+row.api)
		}
		if a := do(t, certified(t, row.cert, row.key, certs), req); a.status != row.want {
			t.Errorf("%s: got %d %s, want %d", row.rule, a.status, a.body, row.want)
		}
	}
	p.stderr.WaitFor(t, `"reason":"client_name","names":"localhost","setting":"internal.tls.client_names"`)
}
