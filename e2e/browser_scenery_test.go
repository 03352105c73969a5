//go:build e2e

package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// scenery has the servers of TestBrowser: an application with pages and sign-in, and a
// wsticket for each configuration that a case needs, all of them with TLS.
type scenery struct {
	world   world
	servers []server
	secrets []secret
}

// world describes the scenery to browser/harness.mjs.
type world struct {
	Chromium string `json:"chromium"`
	Profile  string `json:"profile"`
	Key      string `json:"key"`
	Pages    string `json:"pages"`
	Report   string `json:"report"`
	Real     bool   `json:"real"` // tabs are hidden when another one is in front

	API     string `json:"api"`     // tickets, for bearers and for sessions
	Cookie  string `json:"cookie"`  // the cookie is a JWT
	Vouched string `json:"vouched"` // the application looks the cookie up
	Closing string `json:"closing"` // ws.accept_then_close
	Passive bool   `json:"passive"` // the proxy selects no subprotocol

	Documents string `json:"documents"` // the configuration of docs/sessions.md
	Staging   string `json:"staging"`   // the same behind Basic
	PageCode  string `json:"pageCode"`  // the page of docs/sessions.md

	Internal string `json:"internal"` // host and port of the internal listener of API
	OpsKey   string `json:"opsKey"`   // a key that may read and revoke there
	Issuer   string `json:"issuer"`   // of the bearers
	Control  string `json:"control"`  // URL that stops and starts API

	Demo        string `json:"demo"`        // URL of the demo page
	Closed      string `json:"closed"`      // URL of one where doors are closed
	Screenshots string `json:"screenshots"` // folder for pictures, if anywhere
}

// pageScript is what the page of an application without the client does.
const pageScript = "browser/page.js"

// cookieDoor is the setting that lets session cookies open connections.
const cookieDoor = "ws.doors=cookie"

func newScenery(t *testing.T) *scenery {
	t.Helper()
	idp := newIssuer(t)
	certificates := testenv.TLS(t, "*.example.test", "*.other.test")
	app := newApplication(t, certificates, idp, pageScript)
	s := &scenery{world: world{Key: keyHash(t, certificates.ServerCertFile), Pages: app.port}}
	common := []string{
		"public.tls.cert_file=" + certificates.ServerCertFile, "public.tls.key_file=" + certificates.ServerKeyFile,
		fmt.Sprintf("origins=https://app.example.test:%[1]s, https://app.other.test:%[1]s", app.port),
		"ws.doors=query, subprotocol, first_message", "session.cookie=" + cookieName,
	}
	config := idp.config(t, "memory:")
	start := func(host string, settings ...string) string {
		started := serve(t, config, slices.Concat(common, settings, []string{"public.hosts=" + host})...)
		s.servers = append(s.servers, started)
		return "https://" + host + ":" + portOf(started.public)
	}
	s.world.API = start("api.example.test", "session.jwt=true")
	s.world.Closing = start("closing.example.test", "session.jwt=true", "ws.accept_then_close=true")
	s.world.Cookie = start("cookie.example.test", "session.jwt=true", cookieDoor)
	s.world.Vouched = start("vouched.example.test", "session.lookup_url="+app.lookup, "identity.headers=sub=X-User, iss=X-User-Issuer", cookieDoor)
	s.documents(t, app, certificates)
	return s
}

func portOf(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// wantLogsClean searches the logs for secrets. They have to contain the IDs of the
// tickets.
func (s *scenery) wantLogsClean(t *testing.T) {
	t.Helper()
	var all strings.Builder
	for _, server := range s.servers {
		server.stop(t)
		all.WriteString(server.log.String())
	}
	log := all.String()
	for _, secret := range s.secrets {
		for _, form := range disguises(secret.Text) {
			if strings.Contains(log, form) {
				t.Errorf("a %s is in a log", secret.What)
			}
		}
		if secret.What != "ticket" {
			continue
		}
		token, err := ticket.ParseToken(secret.Text)
		if err != nil || !strings.Contains(log, string(token.ID())) {
			t.Errorf("the ID of a ticket is not found in the logs, %v: the search proves nothing", err)
		}
	}
	t.Logf("%d bytes of log searched for %d secrets", len(log), len(s.secrets))
}
