package auth

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"

	"wsticket/internal/httpclient"
	"wsticket/internal/maskurl"
	"wsticket/ticket"
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
	wellKnown := discoveryURL(issuer)
	body, err := get(ctx, client, wellKnown)
	if err != nil {
		return "", err
	}
	document, err := parseDocument(body)
	if err != nil {
		return "", contentFault(wellKnown, "the discovery document is "+err.Error())
	}
	name, errName := document.text("issuer")
	address, errAddress := document.text("jwks_uri")
	switch fault := cmp.Or(errName, errAddress); {
	case fault != nil:
		return "", contentFault(wellKnown, "the discovery document is refused: "+fault.Error())
	case name != issuer:
		return "", contentFault(wellKnown, fmt.Sprintf(
			"the discovery document is of issuer \"%s\", the configured issuer is \"%s\"; they have to be equal, including a slash at the end",
			ticket.Printable(name), ticket.Printable(issuer)))
	}
	if err := httpclient.CheckURL(address, allowPrivate); err != nil {
		return "", contentFault(wellKnown, fmt.Sprintf("jwks_uri of the discovery document %v (got \"%s\")", err, ticket.Printable(maskurl.Hide(address))))
	}
	return address, nil
}
