package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) authority {
	t.Helper()
	a := authority{key: newECKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

func newECKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a certificate for a use.
func (a authority) sign(t *testing.T, name string, use x509.ExtKeyUsage) tls.Certificate {
	t.Helper()
	key := newECKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{use},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func pemFile(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	return writeFile(t, name, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func TestCallersWithCertificates(t *testing.T) {
	ours, foreign := newAuthority(t, "ours"), newAuthority(t, "foreign")
	server := ours.sign(t, "wsticket", x509.ExtKeyUsageServerAuth)
	der, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	idp := newProvider(t)
	p := startWithKeys(t, idp.config(t, "memory:"),
		"--set", "internal.tls.cert_file="+pemFile(t, "cert.pem", "CERTIFICATE", server.Certificate[0]),
		"--set", "internal.tls.key_file="+pemFile(t, "key.pem", "PRIVATE KEY", der),
		"--set", "internal.tls.client_ca_file="+pemFile(t, "ca.pem", "CERTIFICATE", ours.cert.Raw),
	)
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	client := func(certs ...tls.Certificate) *http.Client {
		return &http.Client{Timeout: patience, Transport: &http.Transport{
			DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certs, MinVersion: tls.VersionTLS12},
		}}
	}
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
	chat := ours.sign(t, "chat", x509.ExtKeyUsageClientAuth)
	bearer := idp.bearer(t, "alice")
	for _, row := range []struct {
		rule, key string
		client    *http.Client
		want      int
	}{
		{"a certificate", "", client(chat), 200},
		{"a key", chatKey, client(), 200},
		{"neither", "", client(), 401},
		{"a certificate, and a key that is wrong", "wrong", client(chat), 401},
		{"a certificate, and a key for something else", watchKey, client(chat), 403},
	} {
		body := `{"ticket":"` + issue(t, p.public, bearer).Ticket + `"}`
		if a := do(t, row.client, ask(http.MethodPost, "/consume", body, row.key)); a.status != row.want {
			t.Errorf("%s: /consume = %d %s, want %d", row.rule, a.status, a.body, row.want)
		}
	}
	p.stderr.waitFor(t, `"caller":"cert:chat"`)
	for _, row := range []struct {
		rule, path, key string
		client          *http.Client
		want            int
	}{
		{"health is for everybody", "/livez", "", client(), 200},
		{"readiness too", "/readyz", "", client(), 200},
		{"metrics are not", "/metrics", "", client(), 401},
		{"metrics with a certificate", "/metrics", "", client(chat), 200},
		{"metrics with a key to read", "/metrics", watchKey, client(), 200},
		{"metrics with a key for something else", "/metrics", chatKey, client(), 403},
	} {
		if a := do(t, row.client, ask(http.MethodGet, row.path, "", row.key)); a.status != row.want {
			t.Errorf("%s: %s = %d, want %d", row.rule, row.path, a.status, row.want)
		}
	}
	// In a container nobody else can ask.
	health := []string{"health", "--internal", p.internal, "--set", "internal.tls.cert_file=cert.pem", "--set", "internal.tls.key_file=key.pem"}
	if out, _, err := runIn(t, nil, health...); err != nil || out != "ready\n" {
		t.Errorf("health = %q, %v", out, err)
	}
	for rule, cert := range map[string]tls.Certificate{
		"of a foreign authority": foreign.sign(t, "chat", x509.ExtKeyUsageClientAuth),
		"of a server":            ours.sign(t, "chat", x509.ExtKeyUsageServerAuth),
	} {
		insistent := client()
		config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
		insistent.Transport = &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}
		if res, err := insistent.Do(ask(http.MethodGet, "/livez", "", "")); err == nil {
			_ = res.Body.Close()
			t.Errorf("a certificate %s: got %d, want no connection", rule, res.StatusCode)
		}
	}
}
