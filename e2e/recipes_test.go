//go:build e2e

package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"wsticket/internal/testenv"
)

// recipe is a library with the code of docs/client.md.
type recipe struct {
	block string // its name in docs/client.md
	path  string // ws.path
	// application starts what stands behind wsticket.
	application func(*testing.T, recipeHome) *upstream
	// driver is what follows the code of the document: once connected it exchanges
	// something with the application, and prints exchanged.
	driver    string
	exchanged string
	target    string // of a handshake at the application
	protocol  string // that the application is offered
	door      door   // of the tickets
}

// TestRecipes runs each recipe of docs/client.md with the library as it is published.
func TestRecipes(t *testing.T) {
	home := newRecipeHome(t)
	for _, r := range recipes() {
		t.Run(r.block+" at the door "+string(r.door), func(t *testing.T) {
			t.Parallel()
			u := r.application(t, home)
			s := newRecipeSite(t, u, r.path)
			r.reconnects(t, home, s, u)
			r.stops(t, home, s, "4003 invalid_token", pageUser{first: "expired", fresh: "expired"}, 401, 401)
			r.stops(t, home, s, "1008 insufficient_scope", pageUser{first: s.idp.bearer(t, "bob"), audience: "admin"}, 403)
		})
	}
	t.Run("partysocket's own timeout", func(t *testing.T) { partysocketTimeout(t, home) })
}

// pageUser is who opens a page.
type pageUser struct {
	first, fresh string // bearers: the one that the page has, and what replaces it if it is refused
	audience     string // of the tickets; empty: the default
}

// reconnects begins with a bearer that is over. Then it breaks connections and ends them
// politely: the library comes back, with a ticket that it did not have before, until its
// user is revoked.
func (r recipe) reconnects(t *testing.T, home recipeHome, s *recipeSite, u *upstream) {
	t.Helper()
	p := openPage(t, r.program(t, home, s, pageUser{first: "expired", fresh: s.idp.bearer(t, "alice")}), "page.js")
	var seen []arrival
	exchange := func(n int) {
		t.Helper()
		p.output.WaitFor(t, r.exchanged, strings.Repeat("#", n))
		seen = append(seen, u.next(t))
	}
	exchange(1)
	s.refuseNext()
	s.restart(t, syscall.SIGKILL) // 1006, and again 1006 from a connection that does not open
	exchange(2)
	s.restart(t, syscall.SIGTERM) // 1001
	exchange(3)
	s.revoke(t, "alice") // 4003
	if said := p.wantEnd(t); !strings.HasSuffix(said, "\nstopped 4003 wsticket: revoked\n") {
		t.Errorf("after a revocation: got %q", said)
	}
	asked, tickets := s.counted()
	if slices.Index(asked, 401) != 0 || slices.Contains(asked[1:], 401) {
		t.Errorf("answers to requests for tickets: %v, want 401 at the first and no other", asked)
	}
	r.wantFresh(t, seen, tickets)
	if len(u.handshakes) != 0 {
		t.Errorf("the application got %v after a revocation", u.next(t))
	}
}

// wantFresh checks that each connection had a ticket of its own, and that the application
// got the rest of the handshake.
func (r recipe) wantFresh(t *testing.T, seen []arrival, tickets []presented) {
	t.Helper()
	distinct := make(map[string]bool)
	for _, ticket := range tickets {
		distinct[ticket.token] = true
		if ticket.door != r.door {
			t.Errorf("a ticket at the door %s, want %s", ticket.door, r.door)
		}
	}
	if len(distinct) != len(tickets) || len(tickets) <= len(seen) {
		t.Errorf("%d tickets in %d handshakes, of which %d were accepted and one was refused", len(distinct), len(tickets), len(seen))
	}
	var ids []string
	for _, a := range seen {
		ids = append(ids, a.all("x-wsticket-id")...)
		if user := a.all("x-auth-request-user"); a.Target != r.target || !slices.Equal(user, []string{"alice"}) {
			t.Errorf("the application got %s of %q, want %s of alice", a.Target, user, r.target)
		}
		if got := strings.Join(a.all("sec-websocket-protocol"), ", "); got != r.protocol {
			t.Errorf("the application is offered %q, want %q", got, r.protocol)
		}
		for token := range distinct {
			if strings.Contains(a.String(), token) {
				t.Errorf("the application got a ticket:\n%s", a)
			}
		}
	}
	if slices.Sort(ids); len(slices.Compact(ids)) != len(seen) {
		t.Errorf("the connections have the IDs %q, want %d distinct ones", ids, len(seen))
	}
}

// stops opens a page that gets no ticket: it stops, says why, and asks no more.
func (r recipe) stops(t *testing.T, home recipeHome, s *recipeSite, want string, v pageUser, statuses ...int) {
	t.Helper()
	s.counted()
	said := openPage(t, r.program(t, home, s, v), "page.js").wantEnd(t)
	if said != "stopped "+want+"\n" {
		t.Errorf("got %q, want %q", said, want)
	}
	if asked, tickets := s.counted(); !slices.Equal(asked, statuses) || len(tickets) != 0 {
		t.Errorf("answers to requests for tickets: %v, and %d handshakes; want %v and none", asked, len(tickets), statuses)
	}
}

// program writes the page: the code of the document, in which pairs of texts are replaced,
// the driver, and what the document leaves to the application.
func (r recipe) program(t *testing.T, home recipeHome, s *recipeSite, v pageUser, replace ...string) string {
	t.Helper()
	tickets := docBlock(t, "client.md", "js tickets")
	if v.audience != "" {
		tickets = strings.Replace(tickets, "bearer:", fmt.Sprintf("audience: %q,\n  bearer:", v.audience), 1)
	}
	if r.door == doorSubprotocol {
		tickets = strings.Replace(tickets, "ticketWebSocket(source)", `ticketWebSocket(source, { door: "subprotocol" })`, 1)
	}
	tickets += fmt.Sprintf(`
let bearer = %q;
async function accessToken({ fresh }) {
  if (fresh) bearer = %q;
  return bearer;
}
`, v.first, v.fresh)
	code := strings.NewReplacer(replace...).Replace(docBlock(t, "client.md", "js "+r.block))
	return home.folder(t, map[string]string{
		"tickets.js": s.rebase(tickets),
		"page.js": s.rebase(code) + r.driver + `
function stopped(event) {
  console.log("stopped", event.code, event.reason);
}
let exchanges = "";
function exchanged(text) {
  exchanges += "#";
  console.log(text, exchanges);
}
`,
	})
}

// application runs a script of a folder.
func nodeApplication(t *testing.T, dir, file string) *upstream {
	t.Helper()
	return scriptedUpstream(t, testenv.NeedNode(t, recipePackages), filepath.Join(dir, file))
}
