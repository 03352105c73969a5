package ticket

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"unicode"
)

// Audience is an endpoint that tickets can be for, and who may have such tickets.
type Audience struct {
	// Name names it in requests. Required.
	Name string
	// Paths are the paths of its handshakes, such as "/ws/admin" or
	// "/ws/chat/{room}", where a template stands for one segment. Package gate
	// compares them. If no audience has paths, every handshake is for the first one.
	// If some have, an audience without paths has no handshakes.
	Paths []string
	// Issuers are those whose bearers may have it. None: all.
	Issuers []string
	// Scopes are those that a bearer must have, all of them. None: none.
	Scopes []string
}

// Permit returns nil if an identity may have the audience: by a ticket for it, or
// by a bearer or session that is presented there. The error wraps
// [ErrInsufficientScope], and says for logs what is missing.
func (a Audience) Permit(who Identity) error {
	if len(a.Issuers) > 0 && !slices.Contains(a.Issuers, who.Issuer) {
		return a.denied("audience: not for bearers of this issuer", slog.String("issuer", who.Issuer), Expected(a.Issuers...))
	}
	owned := strings.Fields(who.Scope)
	for _, scope := range a.Scopes {
		if !slices.Contains(owned, scope) {
			return a.denied("audience: needs the scope "+scope, slog.String("needs", scope), slog.String("scope", cmp.Or(who.Scope, "(none)")))
		}
	}
	return nil
}

func (a Audience) denied(detail string, attrs ...slog.Attr) error {
	err := WithAttrs(ErrInsufficientScope, append([]slog.Attr{slog.String("audience", a.Name)}, attrs...)...)
	return fmt.Errorf("audience: %w", WithDetail(err, detail))
}

// Audiences are those of a service. The first one is the default.
type Audiences []Audience

// Names returns their names.
func (all Audiences) Names() []string {
	names := make([]string, len(all))
	for i, a := range all {
		names[i] = a.Name
	}
	return names
}

// Paths returns all their paths.
func (all Audiences) Paths() []string {
	var paths []string
	for _, a := range all {
		paths = append(paths, a.Paths...)
	}
	return paths
}

// Find returns the audience with a name, the first one if it is empty.
func (all Audiences) Find(name string) (a Audience, ok bool) {
	i := slices.IndexFunc(all, func(a Audience) bool { return name == "" || a.Name == name })
	if i < 0 {
		return Audience{}, false
	}
	return all[i], true
}

// Clone returns a copy that shares nothing with all.
func (all Audiences) Clone() Audiences {
	copies := slices.Clone(all)
	for i, a := range copies {
		copies[i].Paths, copies[i].Issuers, copies[i].Scopes = slices.Clone(a.Paths), slices.Clone(a.Issuers), slices.Clone(a.Scopes)
	}
	return copies
}

// Check adds to faults what is wrong with names, issuers and scopes, under fields
// such as "Audiences[1].Scopes". Package gate checks the paths.
func (all Audiences) Check(faults *OptionErrors) {
	for i, a := range all {
		field := fmt.Sprintf("Audiences[%d]", i)
		faults.Check(a.Name != "" && !strings.ContainsFunc(a.Name, unicode.IsControl), field+".Name", "must be a name without control characters (got %q)", a.Name)
		faults.Check(a.Name == "" || !slices.Contains(all[:i].Names(), a.Name), field+".Name", "%q is the name of another one", a.Name)
		checkEach(faults, field+".Issuers", a.Issuers, "must be names of issuers", func(issuer string) bool { return issuer != "" })
		checkEach(faults, field+".Scopes", a.Scopes, "must be words of visible ASCII without quotes", isScopeToken)
	}
}

func checkEach(faults *OptionErrors, field string, values []string, rule string, good func(string) bool) {
	for i, value := range values {
		faults.Check(good(value) && !slices.Contains(values[:i], value), field, "%s, each once (got %q)", rule, value)
	}
}
