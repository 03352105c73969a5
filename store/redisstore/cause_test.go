package redisstore_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"wsticket/internal/testenv"
	"wsticket/store/redisstore"
)

// TestCauses: what an operator has to know about a server that cannot be used,
// from real ones.
func TestCauses(t *testing.T) {
	server := testenv.Redis(t, "--requirepass", "hunter2")
	addr := server.Addr()
	for _, row := range []struct {
		rule, url, want string
		kind            redisstore.OutageKind
	}{
		{"nobody listens", "redis://" + testenv.FreeAddr(t), "connection refused", redisstore.OutageConnection},
		{"no password", "redis://" + addr, "the server wants a password", redisstore.OutageDenied},
		{"another password", "redis://:other@" + addr, "wrong user or password", redisstore.OutageDenied},
		{"a database that is not there", "redis://:hunter2@" + addr + "/99", "no database of that number", redisstore.OutageSetup},
		{"a server that is no cluster", "redis+cluster://:hunter2@" + addr, "the server is no cluster", redisstore.OutageSetup},
		{"a server without TLS", "rediss://:hunter2@" + addr + "?timeout=1s", "does the server speak TLS", redisstore.OutageTLS},
		{"another program", "redis://" + greeter(t, "HTTP/1.1 400 Bad Request\r\n\r\n"), "another program than Redis", redisstore.OutageSetup},
	} {
		s := openStore(t, row.url)
		err := s.Ping(t.Context())
		outage, ok := errors.AsType[*redisstore.OutageError](err)
		if !ok || !strings.Contains(outage.Cause(), row.want) || outage.Kind() != row.kind {
			t.Errorf("%s: got %v, want %s: %q", row.rule, err, row.kind, row.want)
		}
		if text := err.Error(); strings.Contains(text, "hunter2") || strings.Contains(text, "127.0.0.1") {
			t.Errorf("%s: the error holds a password or an address: %s", row.rule, text)
		}
		if want := strings.TrimPrefix(row.url[strings.LastIndexAny(row.url, "@")+1:], "redis://"); !strings.HasPrefix(want, s.Address()) {
			t.Errorf("%s: address %s, want that of %s", row.rule, s.Address(), row.url)
		}
	}
}

func TestVersions(t *testing.T) {
	versions, err := openStore(t, testenv.Redis(t).URL()).Versions(t.Context())
	if err != nil || len(versions) != 1 || !strings.Contains(versions[0], ".") {
		t.Errorf("versions = %q, %v, want one", versions, err)
	}
}

// greeter answers everything with one text.
func greeter(t *testing.T, text string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed by the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() { // ends with the listener
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	return ln.Addr().String()
}
