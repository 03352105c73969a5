package clientip_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"wsticket/internal/clientip"
	"wsticket/internal/test"
)

// FuzzForwardedFor compares the reader of X-Forwarded-For with one that is made of
// net/netip, and with what a generator has put into the header. Lines of the input
// are lines of the header.
//
//   - The client is the one that netip finds, entry by entry from the end, whatever
//     the header says (both ways): netip.ParseAddr, netip.ParseAddrPort, or
//     netip.ParseAddr in brackets, each also in quotes.
//   - Of a header made by the grammar (a node of RFC 7239 6, as it is or quoted, and
//     what is written in practice: AWS and Azure append ports) the client is the
//     last node that is no proxy; an entry that hides its address stands for the
//     proxy that reported it.
//   - Forwarded (RFC 7239), which most proxies pass on as it came, changes nothing.
//
// Two differences: an address with a port that is hidden ("_port", RFC 7239 6.3) is
// not read, and neither is one in brackets whose zone has a bracket.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"1.1.1.1, 2.2.2.2:80", `"[2001:db8::9]:4711"`, "unknown", ",,", "[::1%lo", "_a:_b", "1.1.1.1\n10.0.0.2",
		"1.1.1.1, 10.0.0.2, ::ffff:10.0.0.3", "[1.1.1.1]:80", "1.1.1.1:+80", "1.1.1.1:65536", "fe80::1%25eth0", `"1.1.1.1`, "01.1.1.1", "1.1.1.1:_port", "[::%]]", "[::%]]:80", "::%]]",
	} {
		f.Add(seed, []byte(nil))
		f.Add("", []byte(seed))
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Fuzz(func(t *testing.T, text string, choices []byte) {
		lines := strings.Split(text, "\n")
		checkClient(t, proxies, lines, clientByNetip(proxies, lines))
		lines, client := someForwardedFor(test.NewChoices(choices), proxies)
		checkClient(t, proxies, lines, client)
		checkClient(t, proxies, lines, clientByNetip(proxies, lines))
	})
}

// peer is the proxy that sends the requests.
const peer = "10.0.0.1"

func checkClient(t *testing.T, proxies []netip.Prefix, lines []string, want netip.Addr) {
	t.Helper()
	reader := clientip.New(proxies, nil, nil)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.RemoteAddr, r.Header = peer+":80", http.Header{"X-Forwarded-For": lines}
	if got := reader.Of(r); got != want || got.Zone() != "" || got.Is4In6() {
		t.Errorf("%q: got %s, want %s", lines, got, want)
	}
	r.Header["Forwarded"] = []string{`for="[2001:db8:cafe::17]:4711";by=203.0.113.43`, "for=6.6.6.6", strings.Join(lines, "")}
	if got := reader.Of(r); got != want {
		t.Errorf("%q: with Forwarded got %s, want %s", lines, got, want)
	}
	r.RemoteAddr = "192.0.2.1:80"
	if got := reader.Of(r); got != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("%q: a stranger is %s", lines, got)
	}
}

// clientByNetip finds the client in another way than the package does: it reads all
// entries first, and takes no text apart that netip can.
func clientByNetip(proxies []netip.Prefix, lines []string) netip.Addr {
	var entries []string
	for entry := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if entry = strings.Trim(entry, " \t"); entry != "" {
			entries = append(entries, entry)
		}
	}
	client := netip.MustParseAddr(peer)
	for i := len(entries) - 1; i >= 0 && isProxy(proxies, client); i-- {
		node, ok := nodeByNetip(entries[i])
		if !ok {
			break
		}
		client = node
	}
	return client
}

func nodeByNetip(entry string) (netip.Addr, bool) {
	if strings.HasPrefix(entry, `"`) {
		if len(entry) < 2 || !strings.HasSuffix(entry, `"`) {
			return netip.Addr{}, false
		}
		entry = entry[1 : len(entry)-1]
	}
	if strings.HasPrefix(entry, "[") && strings.Count(entry, "]") > 1 {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(entry)
	if withPort, portErr := netip.ParseAddrPort(entry); portErr == nil {
		addr, err = withPort.Addr(), nil
	}
	if inner := strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]"); "["+inner+"]" == entry {
		addr, err = netip.ParseAddr(inner)
		if addr.Is4() {
			return netip.Addr{}, false
		}
	}
	return addr.WithZone("").Unmap(), err == nil
}

func isProxy(proxies []netip.Prefix, addr netip.Addr) bool {
	for _, p := range proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// someForwardedFor makes a header, and says who the client is: the last node that
// is no proxy and does not hide. Nodes are appended as proxies do, so that the one
// that was added last stands for the request.
func someForwardedFor(c *test.Choices, proxies []netip.Prefix) (lines []string, client netip.Addr) {
	line := ""
	var nodes []netip.Addr // from the first entry to the last one; zero: it hides
	for range c.Below(6) {
		node, text := someNode(c)
		nodes = append(nodes, node)
		if line += text; c.Below(4) == 3 {
			lines, line = append(lines, line), ""
		} else {
			line += c.Pick(", ", ",", " ,\t", ", , ")
		}
	}
	lines = append(lines, line)
	client = netip.MustParseAddr(peer)
	for i := len(nodes) - 1; i >= 0 && isProxy(proxies, client) && nodes[i].IsValid(); i-- {
		client = nodes[i]
	}
	return lines, client
}

// someNode makes a node, and says which address it has; zero if it hides it.
func someNode(c *test.Choices) (netip.Addr, string) {
	addr := [...]string{"192.0.2.60", "10.0.0.7", "2001:db8:cafe::17", "fd00::9", "::ffff:203.0.113.7", "::ffff:10.9.9.9", "fe80::1%eth0", "::"}[c.Below(8)]
	node := netip.MustParseAddr(addr)
	v6 := strings.Contains(addr, ":")
	text := addr
	switch c.Below(6) {
	case 1: // with a port
		if text = addr + ":47011"; v6 {
			text = "[" + addr + "]:47011"
		}
	case 2: // in brackets, which RFC 7239 wants around IPv6
		if v6 {
			text = "[" + addr + "]"
		}
	case 3: // longer, in full
		text = node.StringExpanded()
	case 4:
		return netip.Addr{}, c.Pick("unknown", "_hidden", `"_SEVKISEK"`, `"unknown"`, "_a.b-c", "localhost", "unknown:80", "192.0.2.60:_port", "[192.0.2.60]", "192.0.2.060", "2001:db8:cafe::17:99999")
	}
	if c.Below(3) == 2 {
		text = `"` + text + `"`
	}
	return node.WithZone("").Unmap(), text
}
