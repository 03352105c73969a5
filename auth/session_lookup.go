package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
	"wsticket/ticket"
)

// maxVouched bounds the application's answer in bytes.
const maxVouched = 64 << 10

// lookup asks the application whose session a cookie is. It is safe for
// concurrent use.
type lookup struct {
	client *http.Client
	url    string
	cookie string
	issuer string
}

// newLookup returns a lookup that keeps as many connections as there may be
// requests. Unlike that for keys, its client goes wherever the operator says.
func newLookup(o SessionOptions) *lookup {
	issuer, _ := lookupIssuer(o.LookupURL) // validated
	return &lookup{
		url: o.LookupURL, cookie: o.Cookie, issuer: issuer,
		client: httpclient.New(httpclient.Options{
			TLS:      &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			MaxConns: maxLookups, MaxIdle: maxLookups, IdleTimeout: time.Minute, MaxHeader: maxVouched,
		}),
	}
}

// get returns the body of a 200. The error is [refusedSession] for a 401, else
// an outage; the texts of the network and the application are not passed on.
func (l *lookup) get(ctx context.Context, cookies string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, http.NoBody)
	if err != nil {
		return nil, sessionUnreachable
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "wsticket")
	req.Header.Set("Cookie", cookies)
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, ticket.WithAttrs(sessionUnreachable, slog.String("cause", netcause.Describe(err)))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxVouched+1))
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, refusedSession
	case resp.StatusCode != http.StatusOK:
		return nil, ticket.WithAttrs(sessionStatus, slog.Int("lookup_status", resp.StatusCode), ticket.Expected("200 or 401"))
	case err != nil:
		return nil, ticket.WithAttrs(sessionUnreachable, slog.String("cause", netcause.Describe(err)))
	case len(body) > maxVouched:
		return nil, sessionContent
	default:
		return body, nil
	}
}

// vouched is the application's answer about a session.
type vouched struct {
	subject, session string
	expires          time.Time // zero if the answer has none
	claims           map[string]any
}

// parseVouched reads the application's answer by the rules for the claims of a
// token. An unknown member is an error: it may be an exp under another name,
// without which the session would not end in time.
func parseVouched(data []byte) (vouched, error) {
	members, err := object(data, maxClaimsDepth, "answer")
	if err != nil {
		return vouched{}, sessionContent
	}
	c := claims(members)
	var v vouched
	var wrong []error
	for name, value := range c {
		var err error
		switch name {
		case "sub":
			v.subject, err = c.text(name)
		case "sid":
			v.session, err = c.text(name)
		case "exp":
			v.expires, _, err = c.date(name)
		case "claims":
			var ok bool
			if v.claims, ok = value.(map[string]any); !ok {
				err = refusedClaims
			}
		default:
			err = refusedClaims
		}
		wrong = append(wrong, err)
	}
	if errors.Join(wrong...) != nil || v.subject == "" {
		return vouched{}, sessionContent
	}
	return v, nil
}
