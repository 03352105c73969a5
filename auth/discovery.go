package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"wsticket/internal/strictjson"
)

// discoveryURL returns where an issuer describes itself (OpenID Connect
// Discovery 1.0, 4). A slash at the end of the issuer is dropped.
func discoveryURL(issuer string) string {
	return strings.TrimSuffix(issuer, "/") + "/.well-known/openid-configuration"
}

// discover returns the address of the issuer's keys. The document has to name
// exactly the configured issuer (4.3), and the address has to pass the same
// rules as a configured one, so that the document cannot lead into a private
// network.
func discover(ctx context.Context, client *http.Client, issuer string, allowPrivate bool) (string, error) {
	body, err := get(ctx, client, discoveryURL(issuer))
	if err != nil {
		return "", err
	}
	// A map, because a struct would be filled ignoring the case of names.
	var document map[string]any
	if strictjson.Check(body, maxKeysDepth) != nil || json.Unmarshal(body, &document) != nil {
		return "", errContent
	}
	address, _ := document["jwks_uri"].(string)
	if document["issuer"] != issuer || checkKeyURL(address, allowPrivate) != nil {
		return "", errContent
	}
	return address, nil
}
