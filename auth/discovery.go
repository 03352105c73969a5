package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"wsticket/internal/strictjson"
)

// discoveryURL is where an issuer describes itself (OpenID Connect Discovery
// 1.0, 4): a slash at the end of the issuer is dropped before the path.
func discoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// discover returns the address of the issuer's keys. The document has to name
// exactly the configured issuer (4.3), and the address obeys the same rules as
// a configured one, so that the document cannot lead into our network.
func discover(ctx context.Context, client *http.Client, issuer string, insecure bool) (string, error) {
	body, err := get(ctx, client, discoveryURL(issuer))
	if err != nil {
		return "", err
	}
	// A map, because a struct would be filled ignoring the case of names.
	var document map[string]any
	if strictjson.Check(body, maxDepth) != nil || json.Unmarshal(body, &document) != nil {
		return "", errContent
	}
	address, _ := document["jwks_uri"].(string)
	if document["issuer"] != issuer || checkKeyURL(address, insecure) != nil {
		return "", errContent
	}
	return address, nil
}
