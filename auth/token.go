package auth

import (
	"encoding/json"
	"slices"
	"strings"

	"wsticket/internal/strictjson"
)

// maxBearer bounds a bearer in bytes, before anything looks into it.
const maxBearer = 8 << 10

// token is a bearer in compact form (RFC 7515 7.1) whose shape has been
// checked. Nothing in it is proven yet.
type token struct {
	header    header
	claims    []byte
	signature []byte
	// signed is the text that the signature is over.
	signed string
}

// parseToken checks size, alphabet and header. Three segments, none of them
// empty: fewer are unsigned, five are a JWE, JSON serialization has none.
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

// header is what of a JOSE header is used.
type header struct{ alg, typ, kid string }

const (
	maxHeaderDepth = 4
	maxClaimsDepth = 8
)

// parseHeader reads the members that matter and refuses those that would
// change how a token is to be read or by whose key: crit and b64 (RFC 7515
// 4.1.11: not understood, so not accepted, an empty list included), enc and
// zip (encryption), cty (a token in a token), jwk and x5c (a key that the
// token brings along). jku, x5u and thumbprints are ignored, for some
// providers always send them: keys only come from the configuration.
func parseHeader(data []byte) (header, error) {
	members, err := object(data, maxHeaderDepth)
	if err != nil {
		return header{}, err
	}
	refused := []string{"crit", "b64", "enc", "zip", "cty", "jwk", "x5c"}
	if looksLike(members, append(refused, "alg", "typ", "kid")) {
		return header{}, refusedHeader
	}
	for _, name := range refused {
		if _, present := members[name]; present {
			return header{}, refusedHeader
		}
	}
	var h header
	var ok bool
	if h.alg, ok = members["alg"].(string); !ok {
		return header{}, refusedAlgorithm
	}
	if typ, present := members["typ"]; present {
		if h.typ, ok = typ.(string); !ok {
			return header{}, refusedType
		}
	}
	if kid, present := members["kid"]; present {
		if h.kid, ok = kid.(string); !ok || h.kid == "" || len(h.kid) > maxKid {
			return header{}, refusedKeyUnknown
		}
	}
	return h, nil
}

// object decodes a JSON object in the one way that all parsers would.
func object(data []byte, depth int) (map[string]any, error) {
	var members map[string]any
	if strictjson.Check(data, depth) != nil || json.Unmarshal(data, &members) != nil || members == nil {
		return nil, refusedMalformed
	}
	return members, nil
}

// looksLike tells whether a member has one of the names in another spelling
// of upper and lower case, which some parsers would take for it.
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
