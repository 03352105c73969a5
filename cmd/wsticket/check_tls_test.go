package main

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

func TestCallersWithCertificates(t *testing.T) {
	ours, foreign := testenv.TLS(t), testenv.TLS(t)
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"), "--set", "internal.tls.cert_file="+ours.ServerCertFile,
		"--set", "internal.tls.key_file="+ours.ServerKeyFile, "--set", "internal.tls.client_ca_file="+ours.CAFile)
	// clientOf presents a certificate, also if the server does not know its authority.
	clientOf := func(certs testenv.Certificates) *http.Client {
		cert, err := tls.LoadX509KeyPair(certs.ClientCertFile, certs.ClientKeyFile)
		if err != nil {
			t.Fatal(err)
		}
		config := trusting(t, ours)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		return &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
	}
	known := clientOf(ours)
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
	if res, err := clientOf(foreign).Do(ask(http.MethodGet, "/livez", "", "")); err == nil {
		_ = res.Body.Close()
		t.Errorf("a certificate of a foreign authority: got %d, want no connection", res.StatusCode)
	}
}
