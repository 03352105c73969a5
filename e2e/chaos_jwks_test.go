//go:build e2e

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"wsticket/internal/test"
)

// liar publishes the keys of an issuer. While it lies, each fetch gets the next answer of
// its list, which has the truth among the lies.
type liar struct {
	url   string
	mu    sync.Mutex
	next  []int // answers; empty: the truth
	truth []byte
}

// lies are what a publisher of keys can answer, apart from its keys.
var lies = []struct {
	name   string
	answer http.HandlerFunc
}{
	{"the right keys", nil},
	{"HTML", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>Under maintenance</title>")
	}},
	{"an empty set", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) }},
	{"other keys", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(keySet(test.ECKey(elliptic.P256()).Public()))
	}},
	{"half a set", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}},
	{"slow", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"keys":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}},
	{"oversized", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[],"x":"`+strings.Repeat("x", 4*mebibyte)+`"}`)
	}},
	{"500", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "internal error", http.StatusInternalServerError)
	}},
}

// newLiar starts a publisher of the keys of an issuer, which tells the truth at first.
func newLiar(t *testing.T, idp issuer, l *ledger) *liar {
	t.Helper()
	block, _ := pem.Decode([]byte(idp.read(t, "issuer.pub.pem")))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	p := &liar{truth: keySet(key)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := p.draw()
		l.count("fetch of keys", lies[n].name)
		if n == 0 {
			_, _ = w.Write(p.truth)
			return
		}
		lies[n].answer(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// lie lets the next fetches get all answers in a random order, again and again.
func (p *liar) lie(d *dice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 64 {
		p.next = append(p.next, d.Perm(len(lies))...)
	}
}

// repent ends all lies.
func (p *liar) repent() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = nil
}

func (p *liar) draw() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.next) == 0 {
		return 0
	}
	n := p.next[0]
	p.next = p.next[1:]
	return n
}

// keySet returns the JWK set (RFC 7517) of a public key on the curve P-256.
func keySet(key any) []byte {
	public, ok := key.(*ecdsa.PublicKey)
	if !ok {
		panic("not an ECDSA key")
	}
	point, err := public.Bytes() // 4, x, y
	if err != nil {
		panic(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	jwk := map[string]string{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": encode(point[1:33]), "y": encode(point[33:])}
	set, err := json.Marshal(map[string]any{"keys": []any{jwk}})
	if err != nil {
		panic(err)
	}
	return set
}
