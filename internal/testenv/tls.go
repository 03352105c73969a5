package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Certificates are PEM files: of a new certificate authority, and of a server and a
// client certificate that it has signed. The keys are ECDSA on P-256.
type Certificates struct {
	CAFile                        string
	ServerCertFile, ServerKeyFile string // for 127.0.0.1, localhost and other names
	ClientCertFile, ClientKeyFile string
}

// TLS writes certificates to a temporary directory. They are valid for an hour, and
// that of the server also for names.
func TLS(tb testing.TB, names ...string) Certificates {
	tb.Helper()
	a := &authority{tb: tb, dir: tb.TempDir()}
	a.ca, a.key, a.caFile, _ = a.issue("ca", &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	c := Certificates{CAFile: a.caFile}
	_, _, c.ServerCertFile, c.ServerKeyFile = a.issue("server", &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: append([]string{"localhost"}, names...),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	_, _, c.ClientCertFile, c.ClientKeyFile = a.issue("client", &x509.Certificate{
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return c
}

// authority signs certificates, the first one its own.
type authority struct {
	tb     testing.TB
	dir    string
	ca     *x509.Certificate
	key    *ecdsa.PrivateKey
	caFile string
	serial int64
}

// issue fills in the common fields of a certificate, signs it, and writes it and
// its key to files.
func (a *authority) issue(name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, string, string) {
	a.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	a.serial++
	c.SerialNumber, c.Subject = big.NewInt(a.serial), pkix.Name{CommonName: "wsticket test " + name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	parent, signer := a.ca, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	a.must(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	parsed, err := x509.ParseCertificate(der)
	a.must(err)
	certFile := a.write(name+".crt", "CERTIFICATE", der)
	return parsed, key, certFile, a.write(name+".key", "PRIVATE KEY", secret)
}

func (a *authority) write(name, kind string, data []byte) string {
	a.tb.Helper()
	file := filepath.Join(a.dir, name)
	a.must(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600))
	return file
}

func (a *authority) must(err error) {
	a.tb.Helper()
	if err != nil {
		a.tb.Fatalf("certificates: %v", err)
	}
}

// args returns the arguments of a server that accepts TLS on a port. Client
// certificates are optional.
func (c Certificates) args(port string) []string {
	return []string{
		"--tls-port", port, "--tls-auth-clients", "optional",
		"--tls-ca-cert-file", c.CAFile, "--tls-cert-file", c.ServerCertFile, "--tls-key-file", c.ServerKeyFile,
	}
}

// RedisTLS is like [Redis], for a server that also accepts TLS on a second port.
// Client certificates are optional, or required with the args
// "--tls-auth-clients", "yes".
func RedisTLS(tb testing.TB, certs Certificates, args ...string) *RedisServer {
	tb.Helper()
	return launch(tb, func(s *RedisServer) {
		s.addr, s.tlsAddr = FreeAddr(tb), FreeAddr(tb)
		_, port := split(tb, s.tlsAddr)
		s.args = slices.Concat(defaults(tb, s), certs.args(port), args)
	})
}

// TLSAddr returns the host and port for TLS, empty if the server has none.
func (s *RedisServer) TLSAddr() string { return s.tlsAddr }

// SentinelTLS is like [Sentinel], but servers, Sentinels and clients only use TLS.
// CutReplication does not work with it.
func SentinelTLS(tb testing.TB, certs Certificates, args ...string) *SentinelServers {
	tb.Helper()
	return sentinelServers(tb, &certs, args)
}

// ClusterTLS is like [Cluster], but masters and clients only use TLS. Migrations do
// not work with it.
func ClusterTLS(tb testing.TB, certs Certificates, args ...string) *ClusterServers {
	tb.Helper()
	return clusterServers(tb, &certs, args)
}
