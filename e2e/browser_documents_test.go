//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// documents starts a wsticket with the configuration of docs/sessions.md, in which
// only the names of hosts are others, and a staging site in front of it. Hosts that
// begin with "vouched" have cookies that the application looks up.
func (s *scenery) documents(t *testing.T, app *application, certificates testenv.Certificates) {
	t.Helper()
	text, err := os.ReadFile("../docs/sessions.md")
	if err != nil {
		t.Fatal(err)
	}
	staging := newStaging(t, app, certificates)
	origins := `"https://app.example.test:` + app.port + `", "` + staging.url + `"`
	config := strings.NewReplacer(`"https://app.example.com"`, origins, "http://127.0.0.1:3000/session", app.lookup+"/session").
		Replace(block(t, string(text), "yaml"))
	started := serve(t, test.WriteFile(t, "wsticket.yaml", config),
		"public.listen=127.0.0.1:0", "internal.listen=127.0.0.1:0", "public.hosts=vouched-documents.example.test, vouched-staging.example.test",
		"public.tls.cert_file="+certificates.ServerCertFile, "public.tls.key_file="+certificates.ServerKeyFile)
	s.servers = append(s.servers, started)
	staging.upstream.Store(&url.URL{Scheme: "https", Host: started.public})
	s.world.Documents = "https://vouched-documents.example.test:" + portOf(started.public)
	s.world.Staging, s.world.PageCode = staging.url, block(t, string(text), "js")
}

// transportTo returns a transport that expects a certificate for a name.
func transportTo(t testing.TB, certificates testenv.Certificates, name string) *http.Transport {
	t.Helper()
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM([]byte(readFile(t, certificates.CAFile))) {
		t.Fatal("no authority")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities, ServerName: name, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// block returns the first block of code in a language.
func block(t *testing.T, page, language string) string {
	t.Helper()
	found := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("docs/sessions.md has no %s", language)
	}
	return found[1]
}

// staging is a site that asks for Basic, as nginx does with auth_basic, and passes
// everything on: to the application's pages, and to wsticket.
type staging struct {
	url      string
	upstream atomic.Pointer[url.URL]
}

func newStaging(t *testing.T, app *application, certificates testenv.Certificates) *staging {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certificates.ServerCertFile, certificates.ServerKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	s := &staging{}
	onward := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(s.upstream.Load()); r.Out.Host = r.In.Host },
		Transport: transportTo(t, certificates, "vouched-staging.example.test"),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", app.page)
	mux.HandleFunc("GET /page.js", app.code)
	mux.HandleFunc("POST /session", app.startSession)
	mux.Handle("/", onward)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "staging" || password != "staging" {
			w.Header().Set("WWW-Authenticate", `Basic realm="staging"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.url = "https://vouched-staging.example.test:" + portOf(server.Listener.Addr().String())
	return s
}
