package auth

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"wsticket/internal/accesslog"
	"wsticket/internal/httpclient"
	"wsticket/internal/netcause"
	"wsticket/ticket"
)

// maxVouched bounds the application's answer in bytes.
const maxVouched = 64 << 10

// statusKey is the attribute of an error that has the application's status.
const statusKey = "lookup_status"

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
// an outage, which says why; the texts of the network and the application are not
// passed on.
func (l *lookup) get(ctx context.Context, cookies string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, http.NoBody)
	if err != nil {
		return nil, l.unreachable(err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "wsticket")
	req.Header.Set("Cookie", cookies)
	accesslog.TraceOf(ctx).Set(req.Header)
	resp, err := l.client.Do(req)
	if err != nil {
		return nil, l.unreachable(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxVouched+1))
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, refusedSession
	case resp.StatusCode != http.StatusOK:
		return nil, ticket.WithAttrs(sessionStatus, slog.String("lookup", l.issuer), slog.Int(statusKey, resp.StatusCode), ticket.Expected("200 or 401"))
	case err != nil:
		return nil, l.unreachable(err)
	case len(body) > maxVouched:
		return nil, ticket.WithAttrs(sessionContent, slog.String("cause", "longer than 64 KiB"))
	default:
		return body, nil
	}
}

// unreachable is the outage of an application that gave no answer because of err.
func (l *lookup) unreachable(err error) error {
	return ticket.WithAttrs(sessionUnreachable, slog.String("lookup", l.issuer), slog.String("cause", netcause.Describe(err)))
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
		return vouched{}, ticket.WithAttrs(sessionContent, slog.String("cause", "not a JSON object"))
	}
	c := claims(members)
	var v vouched
	var wrong []string
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
		if err != nil {
			wrong = append(wrong, name)
		}
	}
	if v.subject == "" {
		wrong = append(wrong, "sub")
	}
	if len(wrong) > 0 { // the first by name, so that the log is the same each time
		return vouched{}, ticket.WithAttrs(sessionContent, slog.String("member", slices.Min(wrong)))
	}
	return v, nil
}
