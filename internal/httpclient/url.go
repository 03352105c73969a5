package httpclient

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
)

// endsInNumber matches hosts that some resolvers read as an IPv4 address:
// 2130706433, 0x7f.1, 127.1 (WHATWG URL 3.5).
var endsInNumber = regexp.MustCompile(`(^|\.)([0-9]+|0[xX][0-9a-fA-F]*)\.?$`)

// CheckURL applies the rules for a URL that is for a [Guard]: https, and where
// allowPrivate is set also http, and no address that may not be dialed. The
// errors hold nothing of the URL.
func CheckURL(address string, allowPrivate bool) error {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return errors.New("must be an absolute URL")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !allowPrivate) {
		return errors.New("must be an https URL")
	}
	if u.User != nil || u.Fragment != "" {
		return errors.New("must have neither user name nor fragment")
	}
	addr, err := netip.ParseAddr(u.Hostname())
	switch {
	case err == nil && !MayDial(addr, allowPrivate):
		return errors.New("must not point to a loopback, private or special address")
	case err != nil && endsInNumber.MatchString(u.Hostname()):
		return errors.New("must have a name or a plain address as its host")
	}
	return nil
}
