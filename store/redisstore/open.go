package redisstore

import (
	"cmp"
	"errors"
	"strings"

	"wsticket/ticket"
)

// Open returns a store for the Redis at one of
//
//	redis://[[user]:password@]host[:port][/database]
//	redis+sentinel://name@host[:port],host[:port][/database]
//	redis+sentinel://[user]:password@host[:port],host[:port][/database]?master=name
//	redis+cluster://[[user]:password@]host[:port],host[:port]
//
// The hosts are the server (default port 6379), the Sentinels (26379) or some
// nodes of the cluster (6379). The name is the one that the Sentinels have for
// the primary: with Sentinels, the text before the @ is credentials if it has a
// colon and the name if it has none. Special characters in credentials are
// percent-encoded.
//
// With rediss, rediss+sentinel and rediss+cluster every connection uses TLS 1.2
// or later and verifies the certificate, against the authorities of the system
// or those in ca_file. cert_file and key_file are a client certificate. The
// files are read once.
//
// The query may have timeout (in place of that of the options, 100ms to 4s, for
// servers that are far away), client_name, pool_size (of each node), min_idle_conns,
// max_idle_conns, conn_max_idle_time, conn_max_lifetime (durations such as 5m),
// with TLS ca_file, cert_file and key_file, and with Sentinels master,
// sentinel_username and sentinel_password. Single use depends on the other
// settings of the client, which are fixed.
//
// Open does not connect, but for the min_idle_conns, which the client begins to
// open in the background; see [Store.Ping]. The caller must call [Store.Close].
// The error joins a [*ticket.OptionError] for each fault of o, and for each
// fault of the URL one with the field URL, which repeats nothing of the URL: it
// may have a password in it.
func Open(rawURL string, o Options) (*Store, error) {
	o = o.withDefaults()
	faults := ticket.OptionErrors{Package: "redisstore"}
	o.check(&faults)
	t, err := readURL(rawURL, o.Dir)
	faults.Add("URL", err)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	fences := newFenceTable(o.Fence, t.topology == cluster)
	o.Timeout = cmp.Or(t.timeout, o.Timeout)
	link := new(handshakes)
	s := newStore(newClient(t, o.Timeout, fences.onConnect, link), fences, o)
	s.link = Link{TLS: t.tls, Authenticated: t.client.Password != "" || t.files.key != "", KeyFile: t.files.path(t.files.key)}
	s.addrs, s.handshakes = strings.Join(t.client.Addrs, ","), link
	return s, nil
}

// readURL reads a URL and the files that it names. Its error joins the faults.
func readURL(raw, dir string) (*target, error) {
	t, faults := parseURL(raw)
	if len(faults) == 0 && t.tls {
		t.files.setDir(dir)
		t.client.TLSConfig, faults = t.files.load()
	}
	return t, errors.Join(faults...)
}
