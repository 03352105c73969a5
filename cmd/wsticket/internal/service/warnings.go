package service

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"wsticket/audit/postgres"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/store/redisstore"
)

// warnings are lines about settings that are no faults, because somebody may have
// a reason for them: each with its key, what is weak, and what to write instead.
type warnings []string

func (w *warnings) add(weak bool, key, format string, args ...any) {
	if weak {
		*w = append(*w, key+": "+fmt.Sprintf(format, args...))
	}
}

// Warnings returns what is not wrong but weak. serve logs each once, and
// check-config prints them.
func (s *Service) Warnings() []string { return s.current().warnings() }

func (s *generation) warnings() []string {
	var w warnings
	s.warnOfTrust(&w)
	s.warnOfListeners(&w)
	s.places.warn(&w)
	for n, issuer := range s.cfg.Issuers {
		warnOfIssuer(&w, fmt.Sprintf("issuers[%d]", n), issuer)
	}
	s.warnOfURLs(&w)
	s.warnOfStore(&w)
	s.warnOfDatabase(&w)
	s.warnOfFiles(&w)
	return w
}

// warnOfTrust is about lists of peers that contain everybody.
func (s *generation) warnOfTrust(w *warnings) {
	ask, remedy := s.cfg.Internal.ForwardAuthPeers != nil, "name the proxies alone"
	w.add(isEverybody(s.cfg.Public.Prefixes()) && ask, "public.trusted_proxies", "contains everybody, so that every client can claim any address: %s", remedy)
	w.add(isEverybody(s.cfg.Public.Prefixes()) && !ask, "public.trusted_proxies",
		"contains everybody, so that every client can claim any address, and everybody who reaches internal.listen can ask at /auth/… without a key: %s", remedy)
	w.add(ask && isEverybody(s.cfg.AuthPeers()), "internal.forward_auth_peers",
		"contains everybody, so that everybody who reaches internal.listen can ask at /auth/… without a key: %s, or write [] for nobody", remedy)
}

// warnOfListeners is about what everybody on the path can read.
func (s *generation) warnOfListeners(w *warnings) {
	public, internal := s.cfg.Public, s.cfg.Internal
	plain := public.TLS.CertFile == "" && len(public.TrustedProxies) == 0
	w.add(plain && !IsLoopback(public.Listen), "public.listen",
		"bearers and tickets come unencrypted to %s: set public.tls, or name the proxy that ends TLS in public.trusted_proxies", public.Listen)
	w.add(len(public.Hosts) == 0 && public.URL == "", "public.hosts", "neither it nor public.url is set, so that only loopback names are answered: set one of them")
	far := !IsLoopback(internal.Listen)
	w.add(far && internal.TLS.CertFile == "", "internal.listen",
		"keys and tickets come unencrypted to %s: set internal.tls, or listen on loopback, and keep it off public networks", internal.Listen)
	w.add(far && internal.TLS.CertFile != "" && internal.TLS.ClientCAFile == "", "internal.listen",
		"everybody who reaches %s can read /metrics: keep it off public networks, or set internal.tls.client_ca_file", internal.Listen)
}

func warnOfIssuer(w *warnings, key string, issuer config.Issuer) {
	options := issuer.Options().WithProfile()
	w.add(issuer.Insecure, key+".insecure_allow_private_network", "keys may come over http and from private addresses (issuer %s): leave it out where they need not", issuer.Issuer)
	w.add(isPlain(options.JWKSURL), key+".jwks_url", "keys come unencrypted, and somebody who changes them on their way can sign bearers: use https://")
	w.add(options.Discovery && isPlain(issuer.Issuer), key+".issuer", "keys are found unencrypted, and somebody who changes the answer on its way can sign bearers: use https://")
}

func (s *generation) warnOfURLs(w *warnings) {
	w.add(isPlain(s.cfg.Session.LookupURL), "session.lookup_url", "session cookies go unencrypted to the application: use https://, or an application on loopback")
	w.add(isPlain(s.cfg.Webhook.URL), "webhook.url", "events, which name users, go unencrypted: use https://, or a receiver on loopback")
	w.add(isPlain(s.cfg.Telemetry.Endpoint) && s.cfg.Telemetry.HeadersFile != "", "telemetry.otlp_endpoint",
		"the headers of telemetry.headers_file go unencrypted: use https://, or a collector on loopback")
	w.add(isPlain(s.cfg.WS.Upstream), "ws.upstream", "messages and identity headers go unencrypted to the application: use https://, unix:, or an application on loopback")
}

// warnOfStore is about a Redis that others can reach as well.
func (s *generation) warnOfStore(w *warnings) {
	redis, ok := s.store.(*redisstore.Store)
	if !ok {
		return
	}
	far := false
	for addr := range strings.SplitSeq(redis.Address(), ",") {
		far = far || !IsLoopback(addr)
	}
	link := redis.Link()
	w.add(far && !link.Authenticated, "store.url", "no password for Redis at %s, so that everybody who reaches it can spend and delete tickets: write redis://user:password@host", redis.Address())
	w.add(far && !link.TLS, "store.url", "unencrypted to Redis at %s, so that its password and the records can be read: write rediss:// (TLS)", redis.Address())
}

// warnOfDatabase is about a PostgreSQL that others can pretend to be.
func (s *generation) warnOfDatabase(w *warnings) {
	db, ok := s.database.(*postgres.Store)
	if !ok {
		return
	}
	far := false
	for addr := range strings.SplitSeq(db.Host(), ",") {
		far = far || !strings.HasPrefix(addr, "/") && !IsLoopback(addr)
	}
	w.add(far && !db.Verified(), "database.url", "whoever is on the path to PostgreSQL at %s can read and change what is sent: add sslmode=verify-full", db.Host())
}

// isPlain reports whether a URL is of http and of another machine. An invalid URL
// is a fault.
func isPlain(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "http" && !isLoopbackHost(u.Hostname())
}

// IsLoopback reports whether an address with a port is on the loopback interface.
// It takes IP addresses and the name localhost, and resolves no other names.
func IsLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && isLoopbackHost(host)
}

func isLoopbackHost(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
