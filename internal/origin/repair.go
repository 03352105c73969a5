package origin

import "strings"

// repair says what to write in place of an entry of [NewList] that is a URL, or
// lacks its scheme, or is meant for several origins.
func repair(entry string) string {
	scheme, rest, ok := strings.Cut(entry, "://")
	if !ok {
		scheme, rest = "https", entry
	}
	host, _, _ := strings.Cut(rest, "/")
	if fixed, err := Canonical(scheme + "://" + host); err == nil && entry != "null" {
		return ": write " + fixed
	}
	if strings.Contains(entry, "*") {
		return ": list each origin, there are no wildcards"
	}
	return ""
}

// repairHost is [repair] for entries of [NewHosts].
func repairHost(entry string) string {
	_, rest, ok := strings.Cut(entry, "://")
	if !ok {
		rest = entry
	}
	host, _, _ := strings.Cut(rest, "/")
	if name, port, err := splitHostPort(lower(host)); err == nil {
		if port != "" {
			name += ":" + port
		}
		return ": write " + name
	}
	return ""
}
