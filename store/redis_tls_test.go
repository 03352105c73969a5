package store_test

import (
	"net"
	"strings"
	"testing"

	"wsticket/internal/testenv"
	"wsticket/ticket"
)

func TestRedisTLS(t *testing.T) {
	certs := testenv.TLS(t)
	server := testenv.RedisTLS(t, certs, "--tls-auth-clients", "yes")
	url := "rediss://" + server.TLSAddr() + "?ca_file=" + certs.CAFile
	conform(t, url+"&cert_file="+certs.ClientCertFile+"&key_file="+certs.ClientKeyFile, server)
	t.Run("a client without a certificate is refused", func(t *testing.T) {
		err := openRedis(t, url).Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
		wantErr(t, "create", err, ticket.ErrUnavailable)
	})
}

// A certificate that no root knows, or that is for another name, is not one of
// a server of ours.
func TestRedisTLSVerifies(t *testing.T) {
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
		{"no TLS where TLS is expected", server.Addr(), "?ca_file=" + certs.CAFile, false},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			s := openRedis(t, "rediss://"+tt.host+tt.query)
			if tt.good {
				mustConsume(t, s, mustCreate(t, s))
				return
			}
			err := s.Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
			wantErr(t, "create", err, ticket.ErrUnavailable)
		})
	}
}

// The certificates hold for the addresses that Sentinels and nodes name, and
// nobody goes without TLS.
func TestRedisTLSTopologies(t *testing.T) {
	t.Parallel()
	certs := testenv.TLS(t)
	urls := map[string]string{
		"sentinel": testenv.SentinelTLS(t, certs).URL(),
		"cluster":  testenv.ClusterTLS(t, certs).URL(),
	}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			s := openRedis(t, url)
			for range 8 {
				mustConsume(t, s, mustCreate(t, s))
			}
			plain, _, _ := strings.Cut(url, "?")
			err := openRedis(t, plain).Create(t.Context(), ticket.NewID(), record("grant"), lifetime)
			wantErr(t, "without the authority", err, ticket.ErrUnavailable)
		})
	}
}
