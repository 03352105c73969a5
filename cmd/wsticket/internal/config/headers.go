package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"wsticket/identity"
)

// Headers names the header for each claim: by a preset, or one by one.
type Headers struct {
	preset string
	claims map[string]string // of a preset, too
}

var _ mapping = (*Headers)(nil)

// Claims returns the header for each claim. The caller must not change the map.
func (h Headers) Claims() map[string]string { return h.claims }

// UnmarshalText reads a preset, or claim=header between commas. An empty text
// means no headers.
func (h *Headers) UnmarshalText(text []byte) error {
	if claims, known := identity.HeaderPreset(string(text)); known {
		*h = Headers{string(text), claims}
		return nil
	}
	claims := map[string]string{}
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		claim, header, ok := strings.Cut(part, "=")
		if _, twice := claims[claim]; !ok || twice {
			return fmt.Errorf("must be x-auth-request, x-forwarded, remote, or claims with their headers such as sub=X-User,email=X-Email, each once (got %q)", text)
		}
		claims[claim] = header
	}
	return h.UnmarshalMapping(claims)
}

// UnmarshalMapping takes header names by claim. The package that sets the
// headers checks the names.
func (h *Headers) UnmarshalMapping(claims map[string]string) error {
	*h = Headers{claims: claims}
	return nil
}

// String returns the text that UnmarshalText reads.
func (h Headers) String() string {
	if h.preset != "" {
		return h.preset
	}
	var parts []string
	for _, claim := range slices.Sorted(maps.Keys(h.claims)) {
		parts = append(parts, claim+"="+h.claims[claim])
	}
	return strings.Join(parts, ",")
}

// WithIssuer returns the headers with one for iss, as identity.WithIssuer does.
func (h Headers) WithIssuer() Headers {
	if more := identity.WithIssuer(h.claims); len(more) > len(h.claims) {
		return Headers{claims: more}
	}
	return h
}

// inPreset reports whether a preset has that header for a claim.
func inPreset(claim, header string) bool {
	return slices.ContainsFunc([]string{"x-auth-request", "x-forwarded", "remote"}, func(name string) bool {
		return preset(name).claims[claim] == header
	})
}

// preset returns the headers of a known preset.
func preset(name string) Headers {
	claims, _ := identity.HeaderPreset(name)
	return Headers{name, claims}
}
