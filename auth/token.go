package auth

import (
	"encoding/json"
	"slices"
	"strings"

	"wsticket/internal/strictjson"
)

// maxBearer bounds a bearer in bytes, before it is parsed.
const maxBearer = 8 << 10

// token is a bearer in compact form (RFC 7515 7.1) whose shape has been
// checked. Nothing in it is proven yet.
type token struct {
	header    joseHeader
	claims    []byte
	signature []byte
	// signed is the text that was signed.
	signed string
}

// parseToken checks size, alphabet and header. It requires three segments, none
// of them empty: fewer are unsigned, five are a JWE.
func parseToken(text string) (token, error) {
	if len(text) > maxBearer || strings.Count(text, ".") != 2 {
		return token{}, refusedMalformed
	}
	end := strings.LastIndexByte(text, '.')
	var parts [3][]byte
	for i, segment := range strings.Split(text, ".") {
		data, err := decodeSegment(segment)
		if err != nil || len(data) == 0 {
			return token{}, refusedMalformed
		}
		parts[i] = data
	}
	h, err := parseHeader(parts[0])
	return token{header: h, claims: parts[1], signature: parts[2], signed: text[:end]}, err
}

// joseHeader holds the members of a JOSE header that are used.
type joseHeader struct{ alg, typ, kid string }

const (
	maxHeaderDepth = 4
	maxClaimsDepth = 8
)

// refusedMembers of a header change how a token is to be read or by which key:
// crit and b64 (RFC 7515 4.1.11: not understood, so not accepted, an empty list
// included), enc and zip (encryption), cty (a token in a token), jwk and x5c (a
// key inside the token). jku, x5u and thumbprints are ignored, because some
// providers always send them; keys come from the configuration alone.
var (
	refusedMembers = []string{"crit", "b64", "enc", "zip", "cty", "jwk", "x5c"}
	knownMembers   = slices.Concat(refusedMembers, []string{"alg", "typ", "kid"})
)

// parseHeader reads the members that are used, and refuses the others that
// matter.
func parseHeader(data []byte) (joseHeader, error) {
	members, err := object(data, maxHeaderDepth)
	if err != nil {
		return joseHeader{}, err
	}
	if looksLike(members, knownMembers) {
		return joseHeader{}, refusedHeader
	}
	for _, name := range refusedMembers {
		if _, present := members[name]; present {
			return joseHeader{}, refusedHeader
		}
	}
	var h joseHeader
	var ok bool
	if h.alg, ok = members["alg"].(string); !ok {
		return joseHeader{}, refusedAlgorithm
	}
	if typ, present := members["typ"]; present {
		if h.typ, ok = typ.(string); !ok {
			return joseHeader{}, refusedType
		}
	}
	if kid, present := members["kid"]; present {
		if h.kid, ok = kid.(string); !ok || h.kid == "" || len(h.kid) > maxKid {
			return joseHeader{}, refusedKeyUnknown
		}
	}
	return h, nil
}

// object decodes a JSON object, and refuses one that parsers read differently.
func object(data []byte, depth int) (map[string]any, error) {
	var members map[string]any
	if strictjson.Check(data, depth) != nil || json.Unmarshal(data, &members) != nil || members == nil {
		return nil, refusedMalformed
	}
	return members, nil
}

// looksLike reports whether a member has one of the names in another mixture of
// upper and lower case, which some parsers would read as the name itself.
func looksLike(members map[string]any, names []string) bool {
	for member := range members {
		if slices.ContainsFunc(names, func(name string) bool {
			return member != name && strings.EqualFold(member, name)
		}) {
			return true
		}
	}
	return false
}
