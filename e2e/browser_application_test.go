//go:build e2e

package e2e_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/testenv"
)

// application serves a page, the same under every host name, and signs every visitor
// in, as alice if no other name is asked for.
type application struct {
	port   string // of the pages, over TLS
	lookup string // URL at which wsticket looks sessions up
	idp    issuer
	script string // file of the page's code
	policy string // Content-Security-Policy of the page
}

// opaque is the value of the session cookie at hosts that begin with "vouched". Only
// the application knows what it means.
const opaque = "session-canary-0123456789abcdef"

func newApplication(t *testing.T, certificates testenv.Certificates, idp issuer, script string) *application {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certificates.ServerCertFile, certificates.ServerKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	a := &application{idp: idp, script: script}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", a.page)
	mux.HandleFunc("GET /page.js", a.code)
	mux.HandleFunc("POST /sign-in", a.signIn)
	mux.HandleFunc("POST /session", a.startSession)
	mux.HandleFunc("GET /cookies", a.tellCookies)
	pages := httptest.NewUnstartedServer(mux)
	pages.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	pages.StartTLS()
	t.Cleanup(pages.Close)
	inside := httptest.NewServer(http.HandlerFunc(a.vouch))
	t.Cleanup(inside.Close)
	a.port, a.lookup = portOf(pages.Listener.Addr().String()), inside.URL
	return a
}

func (a *application) code(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, a.script) }

func (a *application) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", a.policy)
	_, _ = io.WriteString(w, `<!doctype html><title>A page</title><link rel="icon" href="data:,"><script src="/page.js"></script>`)
}

// signIn answers with a bearer: of "sub", for "ttl".
func (a *application) signIn(w http.ResponseWriter, r *http.Request) {
	ttl, err := time.ParseDuration(cmp.Or(r.FormValue("ttl"), "1h"))
	bearer, signErr := a.idp.sign(cmp.Or(r.FormValue("sub"), "alice"), ttl)
	if err = errors.Join(err, signErr); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.WriteString(w, bearer)
}

// startSession sets a cookie of the requested host, for pages of any origin. Cookies do
// not depend on the port, so wsticket at the same host gets it too.
func (a *application) startSession(w http.ResponseWriter, r *http.Request) {
	value, err := a.idp.sign("alice", time.Hour)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if strings.HasPrefix(r.Host, "vouched") {
		value = opaque
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
	header.Set("Access-Control-Allow-Credentials", "true")
	header.Set("Set-Cookie", cookieName+"="+value+"; Path=/; Secure; HttpOnly; SameSite="+r.URL.RawQuery)
	w.WriteHeader(http.StatusNoContent)
}

// vouch answers session lookups of wsticket.
func (a *application) vouch(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Cookie") != cookieName+"="+opaque {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, `{"sub":"alice"}`)
}

// tellCookies sends a page the names of the cookies in its WebSocket handshake, which
// the DevTools do not show.
func (a *application) tellCookies(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // the library has answered
	}
	defer conn.CloseNow() //nolint:errcheck // it is closed
	names := []string{}
	for _, cookie := range r.Cookies() {
		names = append(names, cookie.Name)
	}
	text, _ := json.Marshal(names)
	ctx, cancel := context.WithTimeout(r.Context(), time.Second)
	defer cancel()
	if conn.Write(ctx, websocket.MessageText, text) == nil {
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}
}
