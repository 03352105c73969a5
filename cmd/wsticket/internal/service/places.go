package service

import (
	"cmp"
	"net"
	"net/netip"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/bounded"
	"wsticket/internal/clientip"
	"wsticket/store/redisstore"
)

// maxFiles is how many open files are counted on where the process has no limit,
// or a higher one. Without a bound, memory would be it.
const maxFiles = 1 << 20

// places are how many connections each listener may have. Those of the internal
// one and of health.listen are their own: public connections cannot take them.
type places struct {
	public, internal, health int
	ofAddress                int // of those of the public listener
	allowed                  int // what public is where nothing is set
}

// The places of the internal listener and of health.listen: a part of the open
// files, within bounds.
const (
	internalPart, minInternal, maxInternal = 16, 16, 4096
	healthPart, minHealth, maxHealth       = 64, 4, 64
	// minPublic is what the public listener has where the limit of open files
	// allows less.
	minPublic = 16
	// ofAddressPart is the part of the public connections that one address may
	// have by default.
	ofAddressPart = 4
)

// Files that are open beside connections.
const (
	// ownFiles are the listeners, the standard streams, epoll and the like, name
	// servers that are being asked, and files that are being read.
	ownFiles = 64
	// issuerFiles are the connections to an issuer.
	issuerFiles = 4
	// lookupFiles are the connections to session.lookup_url.
	lookupFiles = 64
	// storePart is the part of the open files that the store may have.
	storePart = 4
)

// newPlaces divides the files that a process may open. pool is how many
// connections the store has at most.
func newPlaces(cfg config.Config, files, pool int) places {
	p := places{
		internal: min(max(files/internalPart, minInternal), maxInternal),
		health:   min(max(files/healthPart, minHealth), maxHealth),
	}
	reserved := ownFiles + min(pool, files/storePart) + issuerFiles*len(cfg.Issuers) + p.internal + p.health
	if cfg.Session.LookupURL != "" {
		reserved += lookupFiles
	}
	each := 1
	if cfg.WS.Upstream != "" {
		each = 2 // that of the client and that to the application
	}
	p.allowed = max((files-reserved)/each, minPublic)
	p.public = cmp.Or(cfg.Public.MaxConnections, p.allowed)
	p.ofAddress = min(cmp.Or(cfg.Public.MaxPerAddress, max(p.public/ofAddressPart, 1)), p.public)
	return p
}

// warn says what an operator should know about the places. It is no fault, because
// serve may run under another limit than check-config.
func (p places) warn(w *warnings) {
	w.add(p.public > p.allowed, "public.max_connections", "%d are more than the %d that the limit of open files allows: "+
		"raise that limit (ulimit -n, LimitNOFILE of systemd), or write a smaller number", p.public, p.allowed)
}

// buildPlaces finds out how many connections there may be.
func (s *Service) buildPlaces() error {
	files, ok := openFiles()
	if !ok {
		files = maxFiles
	}
	pool := 0
	if redis, ok := s.store.(*redisstore.Store); ok {
		pool = redis.MaxConns()
	}
	s.places = newPlaces(s.cfg, files, pool)
	return nil
}

// boundedListeners are the listeners with their bounds.
type boundedListeners struct {
	public, internal *bounded.Listener
	health           *bounded.Listener // nil if none is configured
}

// bounds puts the bounds on listeners.
func (s *Service) bounds(l *Listeners) boundedListeners {
	own := func(ln *net.TCPListener, n int) *bounded.Listener {
		return bounded.Listen(ln, bounded.Bounds{All: n, OfAddress: n})
	}
	b := boundedListeners{
		public: bounded.Listen(l.public, bounded.Bounds{
			All: s.places.public, OfAddress: s.places.ofAddress, Exempt: trusts(s.cfg.Public.Prefixes()),
		}),
		internal: own(l.internal, s.places.internal),
	}
	if l.health != nil {
		b.health = own(l.health, s.places.health)
	}
	return b
}

// trusts returns whether an address is that of a trusted proxy. A proxy that may
// only ask about handshakes is a client as others here.
func trusts(proxies []netip.Prefix) func(netip.Addr) bool {
	return func(addr netip.Addr) bool { return clientip.Within(addr, proxies) }
}

// public is the name of the public listener in the log and the metrics.
const public = "public"

// stats returns the counts of the listeners by their names.
func (l boundedListeners) stats() map[string]bounded.Stats {
	all := map[string]bounded.Stats{public: l.public.Stats(), "internal": l.internal.Stats()}
	if l.health != nil {
		all["health"] = l.health.Stats()
	}
	return all
}
