package redisstore_test

import (
	"net"
	"strings"
	"testing"

	"wsticket/internal/testenv"
	"wsticket/store/internal/fixture"
	"wsticket/ticket"
)

func TestTLS(t *testing.T) {
	certs := testenv.TLS(t)
	server := testenv.RedisTLS(t, certs, "--tls-auth-clients", "yes")
	url := "rediss://" + server.TLSAddr() + "?ca_file=" + certs.CAFile
	conform(t, url+"&cert_file="+certs.ClientCertFile+"&key_file="+certs.ClientKeyFile, server)
	t.Run("a client without a certificate is refused", func(t *testing.T) {
		err := create(t, openStore(t, url))
		fixture.WantErr(t, "create", err, ticket.ErrUnavailable)
	})
}

// A certificate of an unknown authority or for another name is refused.
func TestTLSVerifies(t *testing.T) {
	certs, other := testenv.TLS(t), testenv.TLS(t)
	server := testenv.RedisTLS(t, certs)
	_, port, err := net.SplitHostPort(server.TLSAddr())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		rule, host, query string
		good              bool
	}{
		{"an authority that is given", "127.0.0.1:" + port, "?ca_file=" + certs.CAFile, true},
		{"the other name of the server", "localhost:" + port, "?ca_file=" + certs.CAFile, true},
		{"the authorities of the system do not know it", "127.0.0.1:" + port, "", false},
		{"nor does another one", "127.0.0.1:" + port, "?ca_file=" + other.CAFile, false},
		{"a name that the certificate does not have", "127.0.0.2:" + port, "?ca_file=" + certs.CAFile, false},
		{"no TLS where TLS is expected", server.Addr(), "?timeout=1s&ca_file=" + certs.CAFile, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := openStore(t, "rediss://"+tt.host+tt.query)
			if tt.good {
				fixture.Consume(t, s, fixture.Create(t, s))
				return
			}
			err := create(t, s)
			fixture.WantErr(t, "create", err, ticket.ErrUnavailable)
		})
	}
}

// The certificates are verified for the addresses that Sentinels and nodes report,
// and every connection uses TLS.
func TestTLSTopologies(t *testing.T) {
	t.Parallel()
	certs := testenv.TLS(t)
	urls := map[string]string{
		"sentinel": testenv.SentinelTLS(t, certs).URL(),
		"cluster":  testenv.ClusterTLS(t, certs).URL(),
	}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, url)
			for range 8 {
				fixture.Consume(t, s, fixture.Create(t, s))
			}
			plain, _, _ := strings.Cut(url, "?")
			err := create(t, openStore(t, plain))
			fixture.WantErr(t, "without the authority", err, ticket.ErrUnavailable)
		})
	}
}
