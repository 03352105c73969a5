package gate

import (
	"fmt"
	"log/slog"
	"strings"

	"wsticket/internal/accesslog"
	"wsticket/internal/wspath"
	"wsticket/ticket"
)

// AudienceHolder is a [Redeemer] that has audiences. [*ticket.Service] is one.
type AudienceHolder interface{ Audiences() ticket.Audiences }

// newPaths says which audience has which path.
func (o Options) newPaths(f *ticket.OptionErrors) *wspath.Table {
	paths := wspath.NewTable(ticket.Unescape)
	for i, audience := range o.Audiences {
		field := fmt.Sprintf("Audiences[%d].Paths", i)
		patterns, err := wspath.ParseAll(audience.Paths)
		f.Add(field, err)
		if len(patterns) > 0 {
			f.Add(field, paths.Add(audience.Name, patterns))
		}
	}
	return paths
}

// audienceOf returns the audience of a handshake: the one that the caller names,
// else the one that has its path, else the first one if none has paths. It is empty
// if the Redeemer does not say which it has. The error is [ErrPath].
func (g *Gate) audienceOf(h Handshake) (string, error) {
	switch {
	case h.Audience == "" && !g.paths.Empty():
		if name, ok := g.paths.Owner(h.Path); ok {
			return name, nil
		}
		path := slog.String("client_path", accesslog.CleanPath(h.Path))
		return "", ticket.WithAttrs(ErrPath, path, slog.String("setting", "ticket.audiences"))
	case len(g.o.Audiences) == 0:
		return h.Audience, nil
	}
	audience, ok := g.o.Audiences.Find(h.Audience)
	if !ok {
		return "", ticket.WithAttrs(ErrPath, slog.String("audience", h.Audience), ticket.Expected(g.Audiences()...))
	}
	return audience.Name, nil
}

// permit returns nil if an identity may have the audience of a handshake. It is for
// bearers and sessions: a ticket is issued by the same rule.
func (g *Gate) permit(who ticket.Identity, name string) error {
	if audience, ok := g.o.Audiences.Find(name); ok {
		return audience.Permit(who)
	}
	return nil // the Redeemer does not say which it has
}

// Audiences returns the names of the audiences, the default first. It is empty if
// the Redeemer does not say which it has.
func (g *Gate) Audiences() []string { return g.o.Audiences.Names() }

// AudienceRules returns the audiences with who may have them. It is empty if the
// Redeemer does not say which it has.
func (g *Gate) AudienceRules() ticket.Audiences { return g.o.Audiences.Clone() }

// Paths returns the paths that audiences have, in their order.
func (g *Gate) Paths() []string { return g.o.Audiences.Paths() }

// HasPath reports whether handshakes at a path, which may have templates, are for
// an audience: one has this path, or none has any.
func (g *Gate) HasPath(path string) bool {
	p, err := wspath.Parse(path)
	return g.paths.Empty() || err == nil && g.paths.Has(p)
}

// SocketPath returns the path at which a ticket for an audience opens a WebSocket:
// the first one without a template of the audience's, or of those served if no
// audience has paths. It is empty if there is none.
func (g *Gate) SocketPath(audience string, served []string) string {
	found, known := g.o.Audiences.Find(audience)
	switch {
	case !g.paths.Empty():
		served = found.Paths
	case known && found.Name != g.o.Audiences[0].Name:
		return "" // every handshake is for the first one
	}
	for _, path := range served {
		if !strings.Contains(path, "{") {
			return path
		}
	}
	return ""
}
