package remote_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/ticket"
	"wsticket/ticket/remote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tokenText = "wst1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh81JhHht"
	key       = "canary-key-0123456789"
	good      = `{"active":true,"ticket_id":"4B8xiXBODIlsV0VSjvtzly","iss":"https://id.example.com","sub":"alice",` +
		`"aud":"chat","connection_expires_at":"2126-11-23T13:00:00Z"}`
)

func token(t testing.TB) ticket.Token {
	t.Helper()
	parsed, err := ticket.ParseToken(tokenText)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// serve starts a service with handler, and returns a Redeemer for it.
func serve(t testing.TB, handler http.HandlerFunc, edit func(*remote.Options)) *remote.Redeemer {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return redeemer(t, server.URL, edit)
}

func redeemer(t testing.TB, url string, edit func(*remote.Options)) *remote.Redeemer {
	t.Helper()
	// Longer than a busy machine needs.
	o := remote.Options{URL: url, Key: ticket.NewBearer(key), Timeout: 20 * time.Second}
	if edit != nil {
		edit(&o)
	}
	r, err := remote.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func answer(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{kind}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// TestVectors: the result of each answer of the shared vectors.
func TestVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../testdata/vectors/consume.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Answers []struct {
			Rule, Body, Verdict string
			ContentType         string `json:"content_type"`
			Status              int
		}
	}
	if err := json.Unmarshal(data, &file); err != nil || len(file.Answers) == 0 {
		t.Fatalf("got %d answers, %v", len(file.Answers), err)
	}
	for _, row := range file.Answers {
		r := serve(t, answer(row.Status, row.ContentType, row.Body), nil)
		grant, err := r.Redeem(t.Context(), token(t), ticket.Presentation{Audience: "chat"})
		want := map[string]error{"active": nil, "inactive": ticket.ErrNotFound, "unavailable": ticket.ErrUnavailable}[row.Verdict]
		if !errors.Is(err, want) || (err == nil) != (row.Verdict == "active") || (grant.ID == "") != (err != nil) {
			t.Errorf("%s: got %+v, %v, want %s", row.Rule, grant, err, row.Verdict)
		}
	}
}

func TestGrant(t *testing.T) {
	t.Parallel()
	const body = `{"active":true,"ticket_id":"4B8xiXBODIlsV0VSjvtzly","iss":"https://id.example.com","sub":"alice","sid":"s-1",` +
		`"aud":"chat","scope":"read","claims":{"groups":["a","b"],"n":1.5},"connection_expires_at":"2126-11-23T13:00:00Z"}`
	r := serve(t, answer(200, "application/json", body), nil)
	got, err := r.Redeem(t.Context(), token(t), ticket.Presentation{})
	if err != nil {
		t.Fatal(err)
	}
	end := time.Date(2126, 11, 23, 13, 0, 0, 0, time.UTC)
	want := ticket.Grant{
		ID: "4B8xiXBODIlsV0VSjvtzly", Audience: "chat", Scope: "read", ConnectionExpiresAt: end,
		Identity: ticket.Identity{
			Issuer: "https://id.example.com", Subject: "alice", SessionID: "s-1", ExpiresAt: end,
			Claims: map[string]any{"groups": []any{"a", "b"}, "n": 1.5},
		},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestRequest: what the service is asked.
func TestRequest(t *testing.T) {
	t.Parallel()
	var got string
	r := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Header["Authorization"], r.Header["Content-Type"], " ", string(body))
		answer(200, "application/json", good)(w, r)
	}, nil)
	for _, row := range []struct {
		rule string
		p    ticket.Presentation
		want string
	}{
		{"nothing but the ticket", ticket.Presentation{}, `{"ticket":"` + tokenText + `"}`},
		{"all of it, but what only the service knows", ticket.Presentation{
			Door: "query", Audience: "chat", Origin: "https://app.example.com", Attempt: "a-1", ClientIP: netip.MustParseAddr("fe80::1%eth0"),
		}, `{"ticket":"` + tokenText + `","attempt":"a-1","audience":"chat","origin":"https://app.example.com","client_ip":"fe80::1"}`},
	} {
		if _, err := r.Redeem(t.Context(), token(t), row.p); err != nil {
			t.Fatal(err)
		}
		if want := "POST /consume [Bearer " + key + "] [application/json] " + row.want; got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", row.rule, got, want)
		}
	}
	for _, attempt := range []string{"a b", "a\n", "ä", strings.Repeat("a", 65)} {
		got = ""
		_, err := r.Redeem(t.Context(), token(t), ticket.Presentation{Attempt: attempt})
		if !errors.Is(err, ticket.ErrInvalidRequest) || got != "" {
			t.Errorf("attempt %q: got %v and request %q, want it refused before", attempt, err, got)
		}
	}
}

// TestReasons: each kind of outage has a reason of its own.
func TestReasons(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, row := range []struct {
		rule     string
		redeemer *remote.Redeemer
		reason   string
		text     string
	}{
		{"no such key", serve(t, answer(401, "application/problem+json", "{}"), nil), "remote_key_refused", "the key is refused by the service: status 401"},
		{"a key for something else", serve(t, answer(403, "application/problem+json", "{}"), nil), "remote_key_refused", "status 403"},
		{"the store is away", serve(t, answer(503, "application/problem+json", "{}"), nil), "remote_unavailable", "status 503"},
		{"too many wrong keys", serve(t, answer(429, "application/problem+json", "{}"), nil), "remote_unavailable", "status 429"},
		{"another host's", serve(t, answer(421, "application/problem+json", "{}"), nil), "remote_request", "status 421"},
		{"garbage", serve(t, answer(200, "application/json", "{"), nil), "remote_answer", "not understood"},
		{"nobody there", redeemer(t, gone.URL, nil), "remote_unreachable", "connection refused"},
	} {
		_, err := row.redeemer.Redeem(t.Context(), token(t), ticket.Presentation{})
		if !errors.Is(err, ticket.ErrUnavailable) || ticket.Reason(err) != row.reason || !strings.Contains(err.Error(), row.text) {
			t.Errorf("%s: got %v with reason %s, want %s", row.rule, err, ticket.Reason(err), row.reason)
		}
	}
}

// TestCheck: a program learns at its start whether its key is good, and spends nothing.
func TestCheck(t *testing.T) {
	t.Parallel()
	asked := ""
	good := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = r.Header.Get("Authorization") + " " + string(body)
		answer(200, "application/json", `{"active":false}`)(w, r)
	}, nil)
	if err := good.Check(t.Context()); err != nil {
		t.Errorf("a good key: got %v, want nil", err)
	}
	if want := "Bearer " + key + ` {"ticket":"check"}`; asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
	for status, refused := range map[int]bool{401: true, 403: true, 503: false, 421: false} {
		err := serve(t, answer(status, "application/problem+json", "{}"), nil).Check(t.Context())
		if !errors.Is(err, ticket.ErrUnavailable) || errors.Is(err, remote.ErrKeyRefused) != refused || !strings.Contains(err.Error(), strconv.Itoa(status)) {
			t.Errorf("%d: got %v, want that the key is refused: %t, and the status", status, err, refused)
		}
		attrs := ticket.AttrsOf(err)
		if len(attrs) != 1 || !attrs[0].Equal(slog.Int("remote_status", status)) {
			t.Errorf("%d: for the log %v, want the status", status, attrs)
		}
	}
}

// TestAskedOnce: no request is sent again, whatever its result is.
func TestAskedOnce(t *testing.T) {
	t.Parallel()
	for rule, handler := range map[string]http.HandlerFunc{
		"cut off before the answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"cut off within it": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "{")
			panic(http.ErrAbortHandler)
		},
		"away":          answer(503, "application/problem+json", "{}"),
		"too much":      answer(200, "application/json", `{"active":false,"sub":"`+strings.Repeat("a", 64<<10)+`"}`),
		"many headers":  func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("a", 64<<10)) },
		"early answers": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusEarlyHints) },
	} {
		var asked atomic.Int64
		r := serve(t, func(w http.ResponseWriter, r *http.Request) {
			// The second request reuses the connection of the first.
			if asked.Add(1) == 1 {
				answer(200, "application/json", good)(w, r)
				return
			}
			handler(w, r)
		}, nil)
		if _, err := r.Redeem(t.Context(), token(t), ticket.Presentation{}); err != nil {
			t.Fatalf("%s: before: %v", rule, err)
		}
		if _, err := r.Redeem(t.Context(), token(t), ticket.Presentation{}); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", rule, err)
		}
		if got := asked.Load(); got != 2 {
			t.Errorf("%s: got %d requests, want 2", rule, got)
		}
	}
}

func TestNoRedirect(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		answer(200, "application/json", good)(w, r)
	}))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		r := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) }, nil)
		if _, err := r.Redeem(t.Context(), token(t), ticket.Presentation{}); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("%d: got %v, want ErrUnavailable", status, err)
		}
	}
	if got := elsewhere.Load(); got != 0 {
		t.Errorf("got %d requests elsewhere, want none", got)
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	hang := func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	r := serve(t, hang, func(o *remote.Options) { o.Timeout = 50 * time.Millisecond })
	if _, err := r.Redeem(t.Context(), token(t), ticket.Presentation{}); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("our own deadline: got %v, want ErrUnavailable", err)
	}
	r = serve(t, hang, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.Redeem(ctx, token(t), ticket.Presentation{}); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("the caller's deadline: got %v, want ErrUnavailable", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := r.Redeem(ctx, token(t), ticket.Presentation{}); ticket.Reason(err) != "canceled" {
		t.Errorf("a caller who has left: got %v, want it canceled", err)
	}
	close(release)
}

// TestNothingIsLeftConnecting: an attempt to connect ends with the time-out.
func TestNothingIsLeftConnecting(t *testing.T) {
	t.Parallel()
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	r := redeemer(t, "https://"+silent.Addr().String(), func(o *remote.Options) { o.Timeout = 50 * time.Millisecond })
	if _, err := r.Redeem(t.Context(), token(t), ticket.Presentation{}); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	conn, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection: %v, want it closed", err)
	}
}

func TestClientCertificateAndOwnAuthority(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(answer(200, "application/json", good))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	authorities := x509.NewCertPool()
	authorities.AddCert(server.Certificate())
	own := &tls.Config{RootCAs: authorities, Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS13}
	r := redeemer(t, server.URL, func(o *remote.Options) { o.Key, o.TLS = ticket.Bearer{}, own })
	if _, err := r.Redeem(t.Context(), token(t), ticket.Presentation{}); err != nil {
		t.Errorf("with a certificate: got %v, want the grant", err)
	}
	for rule, config := range map[string]*tls.Config{
		"without a certificate":          {RootCAs: authorities, MinVersion: tls.VersionTLS12},
		"with the system's authorities":  {Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12},
		"with nothing but what there is": nil,
	} {
		r := redeemer(t, server.URL, func(o *remote.Options) { o.TLS = config })
		if _, err := r.Redeem(t.Context(), token(t), ticket.Presentation{}); !errors.Is(err, ticket.ErrUnavailable) {
			t.Errorf("%s: got %v, want ErrUnavailable", rule, err)
		}
	}
}

// TestFaults: New reports each fault by its field, and nothing secret.
func TestFaults(t *testing.T) {
	t.Parallel()
	secret := ticket.NewBearer("canary with a blank")
	for _, row := range []struct {
		o      remote.Options
		fields string
	}{
		{remote.Options{URL: "http://h", Key: ticket.NewBearer(key)}, ""},
		{remote.Options{URL: "https://h:8081/", Key: ticket.NewBearer(key)}, ""},
		{remote.Options{URL: "http://[::1]:8081", Key: ticket.NewBearer(key)}, ""},
		{remote.Options{URL: "https://h", TLS: &tls.Config{Certificates: []tls.Certificate{{}}, MinVersion: tls.VersionTLS12}}, ""},
		{remote.Options{URL: "http://h"}, "Key"},
		{remote.Options{URL: "https://h", TLS: &tls.Config{MinVersion: tls.VersionTLS12}}, "Key"},
		{remote.Options{URL: "ftp://user:canary@x/y", Key: secret, Timeout: -1}, "URL Key Timeout"},
	} {
		var fields []string
		_, err := remote.New(row.o)
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, part := range joined.Unwrap() {
				if fault, ok := errors.AsType[*ticket.OptionError](part); ok && fault.Package == "remote" {
					fields = append(fields, fault.Field)
				}
			}
		}
		if strings.Join(fields, " ") != row.fields || (err == nil) != (row.fields == "") || strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("%s: got faults of %q (%v), want of %q", row.o.URL, fields, err, row.fields)
		}
	}
	for _, bad := range []string{
		"", "wsticket:8081", "http://", "http://h/consume", "http://h?a", "http://h?", "http://h#a", "http://u@h", "h", "unix:/x", "http://h\n",
	} {
		if _, err := remote.New(remote.Options{URL: bad, Key: ticket.NewBearer(key)}); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

// TestNothingSecretIsPrinted: neither an error nor the Redeemer prints a secret.
func TestNothingSecretIsPrinted(t *testing.T) {
	t.Parallel()
	const canary = "canary-of-the-answer"
	handlers := []http.HandlerFunc{
		answer(200, "application/json", `{"`+canary+`":1}`), answer(401, "text/plain", canary), answer(500, "text/plain", canary),
		func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/"+canary, http.StatusFound) },
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		func(w http.ResponseWriter, _ *http.Request) { // no HTTP
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = io.WriteString(conn, canary+"\r\n\r\n")
				_ = conn.Close()
			}
		},
	}
	for _, handler := range handlers {
		r := serve(t, handler, nil)
		_, err := r.Redeem(t.Context(), token(t), ticket.Presentation{Attempt: "canary-of-the-attempt"})
		text := fmt.Sprintf("%v %+v %#v %v %+v", err, err, err, r, r)
		for _, secret := range []string{canary, key, tokenText, "canary-of-the-attempt"} {
			if strings.Contains(text, secret) {
				t.Errorf("got %q in %s", secret, text)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	r := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			answer(200, "application/json", `{"active":false}`)(w, r)
			return
		}
		answer(200, "application/json", good)(w, r)
	}, nil)
	var granted atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			_, err := r.Redeem(t.Context(), token(t), ticket.Presentation{})
			if err == nil {
				granted.Add(1)
			} else if !errors.Is(err, ticket.ErrNotFound) {
				t.Errorf("got %v, want a grant or ErrNotFound", err)
			}
		})
	}
	wg.Wait()
	if granted.Load() != 1 || asked.Load() != 50 {
		t.Errorf("got %d grants of %d requests, want 1 of 50", granted.Load(), asked.Load())
	}
}
