//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

const (
	rulesFile     = "../deploy/prometheus/rules.yml"
	dashboardFile = "../deploy/grafana/wsticket.json"
)

// TestAlerts: promtool accepts the rules, each alert has a unit test, and each names a
// page that says what to do.
func TestAlerts(t *testing.T) {
	promtool := testenv.Need(t, "promtool")
	for _, args := range [][]string{{"check", "rules", rulesFile}, {"test", "rules", "../deploy/prometheus/rules_test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	tests := readFile(t, "../deploy/prometheus/rules_test.yml")
	for _, r := range rulesOf(t) {
		if r.Alert == "" {
			continue
		}
		if !strings.Contains(tests, `exp_samples: [{labels: '{alertname="`+r.Alert+`"}'`) {
			t.Errorf("%s has no unit test", r.Alert)
		}
		page, anchor, _ := strings.Cut(r.Annotations["runbook"], "#")
		if !slices.Contains(anchorsOf(readFile(t, "../"+page)), anchor) {
			t.Errorf("%s: there is no %s", r.Alert, r.Annotations["runbook"])
		}
		if severity := r.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has the severity %q", r.Alert, severity)
		}
	}
}

// rule is an alert or a recording.
type rule struct {
	Alert, Record, Expr string
	Labels, Annotations map[string]string
}

func rulesOf(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(readFile(t, rulesFile)), &file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

var notInAnchor = regexp.MustCompile(`[^a-z0-9 _-]`)

// anchorsOf returns the anchors of the headings of a page.
func anchorsOf(page string) (all []string) {
	for line := range strings.Lines(page) {
		if level, heading, ok := strings.Cut(line, " "); ok && strings.Trim(level, "#") == "" && level != "" {
			heading = notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
			all = append(all, strings.ReplaceAll(heading, " ", "-"))
		}
	}
	return all
}

// expressions returns each expression of the dashboard and of the rules, by what has it.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, r := range rulesOf(t) {
		all[r.Record+r.Alert] = r.Expr
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ RefID, Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, dashboardFile)), &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$job", ".*", "$instance", ".*")
	ids := make(map[int]bool)
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] {
			t.Errorf("two panels have the id %d", panel.ID)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			all[fmt.Sprintf("panel %q %s", panel.Title, target.RefID)] = variables.Replace(target.Expr)
		}
	}
	if len(all) < 80 {
		t.Fatalf("only %d expressions found", len(all))
	}
	return all
}

// TestPictures evaluates every expression of the dashboard and of the rules in a
// Prometheus that scrapes a wsticket with all its parts: each can be evaluated, and every
// name and label in it is one that there is. A tripwire is an alert some seconds later.
func TestPictures(t *testing.T) {
	s := newObserved(t)
	prometheus := testenv.Prometheus(t, s.internal, rulesFile)
	count := func(expression string) int {
		n, err := prometheus.Query(t.Context(), expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
		}
		return n
	}
	test.Wait(t, "the first scrape", func() bool { return count("wsticket_tripwires_total") > 0 })
	s.happen(t)
	bearer := s.idp.bearer(t, "bob")
	test.Wait(t, "the ratios", func() bool { // a rate needs what goes on
		wantConnect(t, "one more", s.server, doorQuery, s.client.mustIssue(t, s.server, bearer).Token, admitted)
		return count("wsticket:handshake_errors:ratio_rate5m") > 0 && count("wsticket:request_errors:ratio_rate6h") > 0
	})
	for where, expression := range expressions(t) {
		count(expression)
		for _, selector := range selectorsIn(expression) {
			// Whenever: after a scrape that took too long, there is nothing for a second.
			if count("count_over_time("+selector+"[5m])") == 0 {
				t.Errorf("%s: there is no %s", where, selector)
			}
		}
	}
	test.Wait(t, "the alert of the tripwire", func() bool { return count(`ALERTS{alertname="WsticketTripwire",alertstate="firing"}`) > 0 })
	test.Wait(t, "an exemplar", func() bool {
		found, err := prometheus.Exemplars(t.Context(), `wsticket_action_duration_seconds_bucket{action="issue"}`)
		return err == nil && strings.Contains(found, `"trace_id":"`)
	})
}

var (
	seriesIn = regexp.MustCompile(`\b((?:wsticket|go|process)[:_][a-z0-9_:]+|up)\b(?:\{([^}]*)\})?`)
	labelIn  = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`)
)

// selectorsIn returns a selector for each name in an expression, and for each label that
// is compared.
func selectorsIn(expression string) (all []string) {
	for _, found := range seriesIn.FindAllStringSubmatch(expression, -1) {
		all = append(all, found[1])
		for _, label := range labelIn.FindAllStringSubmatch(found[2], -1) {
			all = append(all, fmt.Sprintf("%s{%s!=\"\"}", found[1], label[1]))
		}
	}
	return all
}

// observed is a wsticket with all parts that count something.
type observed struct {
	server

	idp    issuer
	client *client
}

func newObserved(t *testing.T) observed {
	t.Helper()
	o := observed{idp: newIssuer(t), client: newClient(t)}
	redis := testenv.Redis(t)
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // takes everything
	t.Cleanup(sink.Close)
	o.idp.write(t, "webhook.key", []byte(strings.Repeat("k", 32)))
	keys := fmt.Sprintf("{issuer: %q, audience: [ws], algorithms: [ES256], public_key_file: %q}, {issuer: \"https://other.example\", audience: [ws], algorithms: [ES256], jwks_url: %q, insecure_allow_private_network: true}",
		o.idp.name, o.idp.file("issuer.pub.pem"), sink.URL)
	o.server = serve(t, o.idp.config(t, "redis://"+redis.Addr()+patientStore), "issuers=["+keys+"]", "identity.headers=",
		"database.url=sqlite:"+o.idp.file("trail.db"), "database.migrate=true", "telemetry.otlp_endpoint="+sink.URL, "telemetry.sample_ratio=1",
		"webhook.url="+sink.URL, "webhook.insecure_allow_private_network=true", "webhook.secret_file="+o.idp.file("webhook.key"))
	return o
}

// happen opens connections, presents the ticket of one again while it is live, and asks
// for what there is not.
func (o observed) happen(t *testing.T) {
	t.Helper()
	bearer := o.idp.bearer(t, "alice")
	ticket := o.client.mustIssue(t, o.server, bearer)
	conn, err := dial(context.WithoutCancel(t.Context()), o.server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, got, err := open(conn, doorQuery.handshake(o.public, ticket.Token)); err != nil || got.status != http.StatusSwitchingProtocols {
		t.Fatalf("a handshake: %v, %v", got, err)
	}
	wantConnect(t, "a replay", o.server, doorQuery, ticket.Token, refused)
	wantConnect(t, "another one", o.server, doorQuery, o.client.mustIssue(t, o.server, bearer).Token, admitted)
}
