package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"wsticket/auth"
	"wsticket/internal/httpclient"
	"wsticket/internal/maskurl"
	"wsticket/internal/relay"
	"wsticket/store/redisstore"
	"wsticket/ticket"
)

// onlineTimeout bounds each question to another service.
const onlineTimeout = 5 * time.Second

// Finding is what another service said when it was asked.
type Finding struct {
	// Asked names the service, by the key of its setting.
	Asked string
	// Said is what was found.
	Said string
	// Err is why the service is of no use as it is, nil if it is good.
	Err error
}

// AskOthers asks everything that the settings name: the store, the database, the
// issuers, the application and the lookup of sessions. It asks nothing that spends, changes
// or creates anything. report gets each finding when it is there.
func (s *Service) AskOthers(ctx context.Context, report func(Finding)) {
	redisstore.QuietLogger(s.log)
	for _, ask := range []func(context.Context) []Finding{s.askStore, s.askDatabase, s.askIssuers, s.askUpstream, s.askSessions} {
		limited, cancel := context.WithTimeout(ctx, onlineTimeout)
		for _, finding := range ask(limited) {
			report(finding)
		}
		cancel()
	}
}

func (s *Service) askDatabase(ctx context.Context) []Finding {
	if s.database == nil {
		return nil
	}
	finding := Finding{Asked: "database.url", Said: s.databaseHost()}
	state, err := s.database.Schema(ctx)
	if err == nil && !s.cfg.Database.Migrate {
		err = state.Err()
	}
	if finding.Err = err; err == nil {
		finding.Said += fmt.Sprintf(", tables of version %d of %d", state.Version, state.Wanted)
	}
	return []Finding{finding}
}

func (s *Service) askStore(ctx context.Context) []Finding {
	redis, ok := s.store.(*redisstore.Store)
	if !ok {
		return []Finding{{Asked: "store.url", Said: "memory: tickets are in the process, so that nothing is asked"}}
	}
	finding := Finding{Asked: "store.url", Said: "redis at " + redis.Address()}
	if finding.Err = s.ping(ctx); finding.Err == nil {
		finding.Err = s.describeStore(ctx, redis, &finding.Said)
	}
	if outage, ok := errors.AsType[*redisstore.OutageError](finding.Err); ok {
		finding.Err = errors.New(outage.Cause())
	}
	return []Finding{finding}
}

// describeStore adds what a Redis that answers is like, and returns an error if
// serve would refuse it.
func (s *Service) describeStore(ctx context.Context, redis *redisstore.Store, said *string) error {
	versions, err := redis.Versions(ctx)
	if err != nil {
		return err
	}
	*said += ", version " + strings.Join(versions, " and ")
	report, err := redis.Probe(ctx)
	if err != nil {
		return fmt.Errorf("store.fence is %s: %w", s.cfg.Store.Fence, err)
	}
	if report.Fenced {
		*said += ", single use holds across failovers"
	} else {
		*said += ", weaker single use: " + report.Weaker
	}
	if err := redis.CheckStream(ctx); err != nil {
		return err
	}
	if err = redis.CheckEviction(ctx); err == nil {
		*said += ", evicts nothing"
		return nil
	}
	if _, evicts := errors.AsType[*redisstore.EvictionError](err); evicts && s.cfg.Store.InsecureAllowEviction {
		*said += ", evicts tickets (store.insecure_allow_eviction is on)"
		return nil
	}
	return err
}

func (s *Service) askIssuers(ctx context.Context) []Finding {
	var findings []Finding
	for _, report := range s.current().verifier.ProbeKeys(ctx) {
		finding := Finding{Asked: "issuer " + report.Issuer, Said: describeKeys(report), Err: report.Err}
		if finding.Err == nil && len(report.Keys) == 0 {
			finding.Err = errors.New("no key that can be used")
		}
		findings = append(findings, finding)
	}
	return findings
}

func describeKeys(report auth.KeyReport) string {
	source := "its file"
	if report.URL != "" {
		source = report.URL
	} else if report.Discovery != "" {
		source = report.Discovery
	}
	var keys []string
	for _, key := range report.Keys {
		keys = append(keys, key.String())
	}
	said := fmt.Sprintf("%d keys from %s", len(report.Keys), source)
	if len(keys) > 0 {
		said += ": " + strings.Join(keys, ", ")
	}
	for _, skipped := range report.Skipped {
		if !skipped.Harmless {
			said += ", not used: " + skipped.String()
		}
	}
	return said
}

// askUpstream connects to the application and makes one GET, without a
// credential. Any answer of HTTP will do: the path may be known to WebSockets
// only.
func (s *Service) askUpstream(ctx context.Context) []Finding {
	upstream := s.cfg.WS.Upstream
	if upstream == "" {
		return nil
	}
	options, url := httpclient.Options{ConnectTimeout: onlineTimeout}, upstream
	if path, ok := strings.CutPrefix(upstream, "unix:"); ok {
		url = "http://localhost"
		options.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	finding := Finding{Asked: "ws.upstream", Said: upstream}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/", nil)
	if err != nil {
		finding.Err = errors.New("is no URL")
		return []Finding{finding}
	}
	res, err := httpclient.New(options).Do(req)
	if err != nil {
		finding.Err = errors.New(relay.Cause(err))
		return []Finding{finding}
	}
	_ = res.Body.Close()
	finding.Said += fmt.Sprintf(" answers GET / with status %d", res.StatusCode)
	return []Finding{finding}
}

// askSessions asks about a session that there is not. The application must say
// no.
func (s *Service) askSessions(ctx context.Context) []Finding {
	if s.sessions == nil {
		return nil
	}
	finding := Finding{Asked: "session.lookup_url", Said: maskurl.Hide(s.cfg.Session.LookupURL)}
	_, err := s.sessions.Authenticate(ctx, ticket.NewBearer("wsticket-check-config"))
	switch {
	case err == nil:
		finding.Err = errors.New("the application confirms a session that does not exist: it must answer 401 to a cookie that it does not know")
	case errors.Is(err, ticket.ErrInvalidBearer):
		finding.Said += " answers 401 about a session that does not exist"
	default:
		why := []string{ticket.Reason(err)}
		for _, a := range ticket.AttrsOf(err) {
			why = append(why, a.String())
		}
		finding.Err = fmt.Errorf("no answer that can be used: %s (docs/operations.md explains the words)", strings.Join(why, ", "))
	}
	return []Finding{finding}
}
