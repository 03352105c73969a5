package origin

import "strings"

// repairHost says what to write in place of an entry of [NewHosts] that is a URL.
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
