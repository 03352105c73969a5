package auth

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"wsticket/internal/strictjson"
	"wsticket/ticket"
)

// maxBearer bounds a bearer in bytes, before it is parsed.
const maxBearer = 8 << 10

// token is a bearer in compact form (RFC 7515 7.1) whose shape has been
// checked. Nothing in it is proven yet.
type token struct {
	members   map[string]any // of the header
	header    joseHeader     // what is used of them, after [issuer.checkHeader]
	claims    []byte
	signature []byte
	// signed is the text that was signed.
	signed string
}

// parseToken checks size, alphabet and header. It requires three segments, none
// of them empty: fewer are unsigned, five are a JWE.
func parseToken(text string) (token, error) {
	if len(text) > maxBearer {
		return token{}, ticket.WithAttrs(refusedMalformed, slog.Int("bytes", len(text)), slog.Int(ticket.ExpectedKey, maxBearer))
	}
	segments := strings.Split(text, ".")
	if len(segments) != len(segmentNames) {
		return token{}, ticket.WithAttrs(refusedMalformed, slog.Int("segments", len(segments)), slog.Int(ticket.ExpectedKey, len(segmentNames)))
	}
	var parts [len(segmentNames)][]byte
	for i, segment := range segments {
		data, err := decodeSegment(segment)
		if err != nil || len(data) == 0 {
			return token{}, malformed(segmentNames[i], "not base64url")
		}
		parts[i] = data
	}
	h, err := object(parts[0], maxHeaderDepth, segmentNames[0])
	return token{members: h, claims: parts[1], signature: parts[2], signed: text[:strings.LastIndexByte(text, '.')]}, err
}

// segmentNames are those of the three parts of a token, for logs.
var segmentNames = [...]string{"header", "claims", "signature"}

// malformed says which part of a token cannot be read, and why, in fixed words.
func malformed(part, fault string) error {
	return ticket.WithAttrs(refusedMalformed, slog.String("part", part), slog.String("fault", fault))
}

// joseHeader holds the members of a JOSE header that are used.
type joseHeader struct{ alg, typ, kid string }

const (
	maxHeaderDepth = 4
	maxClaimsDepth = 8
)

// refusedMembers of a header change how a token is to be read or by which key:
// crit and b64 (RFC 7515 4.1.11: not understood, so not accepted, an empty list
// included), enc (a JWE, RFC 7516 9), jwk and x5c (a key inside the token). jku,
// x5u and thumbprints are ignored, because some providers always send them; keys
// come from the configuration alone. zip and cty are ignored as well: zip means
// nothing in a JWS, and cty nothing to who expects claims (RFC 7515 4.1.10). If
// the payload is compressed or another token, it is no object of claims.
var (
	refusedMembers = []string{"crit", "b64", "enc", "jwk", "x5c"}
	knownMembers   = slices.Concat(refusedMembers, []string{"alg", "typ", "kid"})
)

// parseHeader reads the members that are used, and refuses the others that
// matter.
func parseHeader(members map[string]any) (joseHeader, error) {
	if name := lookalike(members, knownMembers); name != "" {
		return joseHeader{}, wrongMember(refusedHeader, name)
	}
	for _, name := range refusedMembers {
		if _, present := members[name]; present {
			return joseHeader{}, wrongMember(refusedHeader, name)
		}
	}
	var h joseHeader
	var ok bool
	if h.alg, ok = members["alg"].(string); !ok {
		return joseHeader{}, wrongMember(refusedAlgorithm, "alg")
	}
	if typ, present := members["typ"]; present {
		if h.typ, ok = typ.(string); !ok || h.typ == "" {
			return joseHeader{}, wrongMember(refusedType, "typ")
		}
	}
	if kid, present := members["kid"]; present {
		if h.kid, ok = kid.(string); !ok || h.kid == "" || len(h.kid) > maxKid {
			return joseHeader{}, wrongMember(refusedKeyUnknown, "kid")
		}
	}
	return h, nil
}

// wrongMember names the member of the header that is wrong in itself.
func wrongMember(why refusal, name string) error {
	return ticket.WithAttrs(why, slog.String("member", name))
}

// object decodes a JSON object, and refuses one that parsers read differently.
// Members that are null are left out: they count as absent.
func object(data []byte, depth int, part string) (map[string]any, error) {
	if err := strictjson.Check(data, depth); err != nil {
		return nil, malformed(part, strings.TrimPrefix(err.Error(), "strictjson: "))
	}
	var members map[string]any
	if json.Unmarshal(data, &members) != nil || members == nil {
		return nil, malformed(part, "not a JSON object")
	}
	maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
	return members, nil
}

// lookalike returns a member that is one of the names in another mixture of
// upper and lower case, which some parsers would read as the name itself, and ""
// if there is none.
func lookalike(members map[string]any, names []string) string {
	for member := range members {
		if slices.ContainsFunc(names, func(name string) bool {
			return member != name && strings.EqualFold(member, name)
		}) {
			return member
		}
	}
	return ""
}
