package service

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"

	"wsticket/internal/testenv"
)

// A certificate is vouched for by an authority of now: the same one, one with its key, or
// none.
func TestVouchFor(t *testing.T) {
	t.Parallel()
	ours, foreign := testenv.TLS(t), testenv.TLS(t)
	parse := func(file string) *x509.Certificate {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return certificate
	}
	client, authority := parse(ours.ClientCertFile), parse(ours.CAFile)
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{client}, VerifiedChains: [][]*x509.Certificate{{client, authority}}}
	of := func(files ...string) certificates {
		t.Helper()
		c := certificates{internal: &tls.Config{MinVersion: tls.VersionTLS12, ClientCAs: x509.NewCertPool()}, authorities: map[string]bool{}}
		for _, file := range files {
			pool, all, err := readAuthorities(file)
			if err != nil {
				t.Fatal(err)
			}
			c.internal.ClientCAs, c.authorities = pool, all
		}
		return c
	}
	renewed := of(ours.CAFile)
	renewed.authorities = nil // as if its bytes were others
	for rule, row := range map[string]struct {
		now  certificates
		want bool
	}{
		"the authority":               {of(ours.CAFile), true},
		"one with its key":            {renewed, true},
		"another one":                 {of(foreign.CAFile), false},
		"none":                        {of(), false},
		"a listener without any TLS":  {certificates{}, false},
		"a listener that asks nobody": {certificates{internal: &tls.Config{MinVersion: tls.VersionTLS12}}, false},
	} {
		if got := row.now.vouchFor(state); got != row.want {
			t.Errorf("%s: got %t, want %t", rule, got, row.want)
		}
	}
	text, err := os.ReadFile(ours.ClientKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := readAuthorities(ours.ClientKeyFile); err == nil {
		t.Errorf("a key was taken for an authority: %.20s", text)
	}
}
