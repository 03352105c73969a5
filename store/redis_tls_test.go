package store_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"wsticket/internal/testenv"
	"wsticket/store"
	"wsticket/ticket"
)

// tlsServer starts a redis-server that also speaks TLS, and returns that
// address and the only roots that know its certificate.
func tlsServer(t *testing.T) (addr string, roots *x509.CertPool) {
	t.Helper()
	certFile, keyFile, roots := certificate(t)
	addr = testenv.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	testenv.Redis(t, "--tls-port", port, "--tls-auth-clients", "no",
		"--tls-cert-file", certFile, "--tls-key-file", keyFile)
	return addr, roots
}

// certificate makes one for 127.0.0.1 that nobody has signed but itself.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		file := filepath.Join(t.TempDir(), name)
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data})
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", secret), roots
}

func TestRedisTLS(t *testing.T) {
	addr, roots := tlsServer(t)
	c := redis.NewClient(&redis.Options{Addr: addr, TLSConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	t.Cleanup(func() { closeStore(t, c) })
	s, err := store.NewRedis(store.RedisOptions{Client: c})
	if err != nil {
		t.Fatal(err)
	}
	mustConsume(t, s, mustCreate(t, s))
}

// rediss:// verifies: a certificate that no root knows is not a server of ours.
func TestRedisTLSUnknownAuthority(t *testing.T) {
	addr, _ := tlsServer(t)
	s := openRedis(t, "rediss://"+addr)
	err := s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
	wantKind(t, "create", err, store.OutageOther)
}
