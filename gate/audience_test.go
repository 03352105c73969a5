package gate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// chatAndAdmin are two audiences with paths, and one without.
func chatAndAdmin() ticket.Audiences {
	return ticket.Audiences{
		{Name: "chat", Paths: []string{"/ws/{room}", "/ws/chat"}},
		{Name: "admin", Paths: []string{"/ws/admin"}, Issuers: []string{test.Issuer}, Scopes: []string{"admin"}},
		{Name: "bills"},
	}
}

// checked judges a handshake for a path, for the audience that the caller names.
func (j *judge) checked(t *testing.T, path, audience string, header ...string) (gate.Candidate, error) {
	t.Helper()
	h := j.Received(read(t, test.Handshake("GET "+path+" HTTP/1.1", header...)))
	h.Audience, h.FirstMessage = audience, true
	h.Choose = func(o gate.Offer) (string, error) { return o.Choose(nil) }
	return j.Check(t.Context(), h)
}

// TestAudienceOfAHandshake: who decides what audience a handshake is for.
func TestAudienceOfAHandshake(t *testing.T) {
	t.Parallel()
	names := ticket.Audiences{{Name: "chat"}, {Name: "admin"}}
	for _, row := range []struct {
		rule        string
		audiences   ticket.Audiences
		path, named string
		want        string // empty: refused
	}{
		{"its path", chatAndAdmin(), "/ws/admin", "", "admin"},
		{"its path, with a template", chatAndAdmin(), "/ws/general/", "", "chat"},
		{"a path that no audience has", chatAndAdmin(), "/ws", "", ""},
		{"a path that could be read as another one", chatAndAdmin(), "/ws/ADMIN", "", ""},
		{"the name of an audience without a path is no path", chatAndAdmin(), "/bills", "", ""},
		{"a handler of one audience, whatever the path", chatAndAdmin(), "/any", "admin", "admin"},
		{"a handler of an audience that there is not", chatAndAdmin(), "/ws/admin", "gone", ""},
		{"none has paths: the first one", names, "/ws/admin", "", "chat"},
		{"none has paths: a handler of one", names, "/ws/admin", "admin", "admin"},
	} {
		j := newJudge(t, func(o *gate.Options) { o.Audiences = row.audiences })
		c, err := j.checked(t, row.path+"?ticket=$T", row.named)
		if got := c.Presentation.Audience; got != row.want || (err == nil) != (row.want != "") || err != nil && (!errors.Is(err, gate.ErrPath) || c.WellFormed) {
			t.Errorf("%s: got %q, %v, want %q", row.rule, got, err, row.want)
		}
	}
	j := newJudge(t, nil)
	for _, named := range []string{"", "any"} {
		if c, err := j.checked(t, "/ws?ticket=$T", named); err != nil || c.Presentation.Audience != named {
			t.Errorf("a Redeemer that does not tell: got %q, %v, want %q", c.Presentation.Audience, err, named)
		}
	}
}

// TestLongPath: to find out what a path that is escaped very often could be read as
// takes no more time than with another one of its length. It is before the limits.
// Level by level, this one would take minutes.
func TestLongPath(t *testing.T) {
	t.Parallel()
	j := newJudge(t, func(o *gate.Options) { o.Audiences = chatAndAdmin() })
	if c, err := j.checked(t, "/ws/%"+strings.Repeat("25", 1<<20)+"61dmin?ticket=$T", ""); !errors.Is(err, gate.ErrPath) {
		t.Errorf("got %q, %v, want no audience: unescaped it is /ws/admin", c.Presentation.Audience, err)
	}
}

// TestBearerOfAnAudience: a bearer or session that is presented is held to the rule
// of the audience, at each of the doors that take one.
func TestBearerOfAnAudience(t *testing.T) {
	t.Parallel()
	for scope, may := range map[string]bool{"": false, "chat": false, "administrator": false, "ADMIN": false, "admin": true, "a admin b": true} {
		j := newJudge(t, func(o *gate.Options) {
			o.Authenticator = authFunc(func(context.Context, ticket.Bearer) (ticket.Identity, error) {
				who := test.Alice()
				who.Scope = scope
				return who, nil
			})
			o.Audiences = chatAndAdmin()
			withSessions(o)
		})
		for _, door := range [][]string{
			{"Authorization: Bearer " + goodBearer}, {"Cookie: sid=x", "Origin: " + appOrigin}, nil, // the last is the first message
		} {
			for path, want := range map[string]bool{"/ws/admin": may, "/ws/general": true} {
				c, err := j.checked(t, path, "", door...)
				if err == nil && door == nil {
					c, err = j.WithMessage(c, goodBearer)
				}
				if err != nil {
					t.Fatalf("%s %q: %v", path, door, err)
				}
				grant, err := j.Admit(t.Context(), c)
				if (err == nil) != want || err != nil && (!errors.Is(err, ticket.ErrInsufficientScope) || grant.ID != "") {
					t.Errorf("scope %q at %s, %q: got %+v, %v, want admitted = %v", scope, path, door, grant, err, want)
				}
				if err == nil && grant.Audience != map[string]string{"/ws/admin": "admin", "/ws/general": "chat"}[path] {
					t.Errorf("%s: got a grant for %q", path, grant.Audience)
				}
			}
		}
	}
}

// holder is a Redeemer with audiences.
type holder struct {
	redeemed
	audiences ticket.Audiences
}

func (h holder) Audiences() ticket.Audiences { return h.audiences }

// TestAudiencesOfTheRedeemer: who sets the audiences of a ticket.Service need not
// set them again.
func TestAudiencesOfTheRedeemer(t *testing.T) {
	t.Parallel()
	own := holder{audiences: chatAndAdmin()}
	g, err := gate.New(gate.Options{Redeemer: own, AllowMissingOrigin: true})
	if err != nil {
		t.Fatal(err)
	}
	own.audiences[1].Paths[0] = "/elsewhere"
	if got := g.Paths(); !slices.Equal(got, []string{"/ws/{room}", "/ws/chat", "/ws/admin"}) || !g.HasPath("/ws/{name}/") || g.HasPath("/elsewhere") {
		t.Errorf("got paths %q, want those of the Redeemer", got)
	}
	for audience, want := range map[string]string{"chat": "/ws/chat", "": "/ws/chat", "admin": "/ws/admin", "bills": "", "gone": ""} {
		if got := g.SocketPath(audience, []string{"/ws"}); got != want {
			t.Errorf("%q: got %q, want %q", audience, got, want)
		}
	}
	_, err = gate.New(gate.Options{Redeemer: redeemed{}, AllowMissingOrigin: true, Audiences: ticket.Audiences{
		{Name: "", Paths: []string{"/.ws", "/ws/a"}}, {Name: "b", Paths: []string{"/ws/A", "/ws/b", "/ws/b/"}, Scopes: []string{"a b"}},
	}})
	if got := strings.Join(test.Faults(err), " "); got != "gate.Audiences[0].Name gate.Audiences[1].Scopes gate.Audiences[0].Paths gate.Audiences[1].Paths gate.Audiences[1].Paths" {
		t.Errorf("got faults of %s: %v", got, err)
	}
}
