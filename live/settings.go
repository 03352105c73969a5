package live

import (
	"slices"

	"wsticket/ticket"
)

// maxFormer bounds the issuers that a [Registry] remembers after they were removed.
const maxFormer = 100

// settings are those of a [Registry] that [Registry.Adopt] replaces. They are
// immutable.
type settings struct {
	seal    *ticket.Seal
	issuers []Issuer
	// former are issuers that there were. Connections of theirs may be open, so that
	// they can be revoked.
	former    []Issuer
	audiences ticket.Audiences
}

// all lists the issuers of which there may be connections.
func (s *settings) all() []Issuer { return slices.Concat(s.issuers, s.former) }

func ofName(name string) func(Issuer) bool { return func(i Issuer) bool { return i.Name == name } }

func (r *Registry) seal() *ticket.Seal { return r.settings.Load().seal }

// Adopt takes over the Issuers, Audiences and SealKeys of another Registry, which is
// not used for anything else. Connections stay, also those of issuers that are no
// longer there, which can still be revoked. With a new first seal key the places of
// connections in Options.Leases move to the names that they have under it.
func (r *Registry) Adopt(from *Registry) {
	before, next := r.settings.Load(), *from.settings.Load()
	if len(next.issuers) > 0 { // otherwise all are known
		for _, issuer := range before.all() {
			if !slices.ContainsFunc(next.issuers, ofName(issuer.Name)) && len(next.former) < maxFormer {
				next.former = append(next.former, issuer)
			}
		}
	}
	r.settings.Store(&next)
	r.movePlaces()
}

// movePlaces gives the places of connections the names that they have under the first
// seal key.
func (r *Registry) movePlaces() {
	if r.o.Leases == nil {
		return
	}
	for _, c := range r.places.holders() {
		r.places.move(c, r.placeKey(r.grantOf(c)))
	}
}

// Adopt takes over the SealKeys of other Feeds, which are not used for anything else.
func (f *Feeds) Adopt(from *Feeds) { f.seal.Store(from.seal.Load()) }
