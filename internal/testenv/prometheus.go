package testenv

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PrometheusServer is a Prometheus.
type PrometheusServer struct {
	tb      testing.TB
	dir     string
	addr    string
	process *process
}

// Prometheus starts a Prometheus that scrapes a target, host:port, every second under
// the job "wsticket", and evaluates the rules of a file. It returns when that answers
// queries, and stops it when the test ends.
func Prometheus(tb testing.TB, target, rules string) *PrometheusServer {
	tb.Helper()
	s := &PrometheusServer{tb: tb, dir: tb.TempDir()}
	program := Need(tb, "prometheus")
	rules, err := filepath.Abs(rules)
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, "prometheus.yml"), fmt.Appendf(nil, `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: wsticket
    static_configs: [{targets: [%q]}]
`, rules, target), 0o600)
	}
	if err != nil {
		tb.Fatalf("prometheus: %v", err)
	}
	tb.Cleanup(func() {
		s.process.terminate()
		if tb.Failed() {
			tb.Logf("prometheus at %s said:\n%s", s.addr, logTail(s.dir))
		}
	})
	for range startTries {
		s.addr = FreeAddr(tb)
		s.process = start(tb, s.dir, syscall.SIGTERM, program, "--config.file=prometheus.yml", "--storage.tsdb.path=data",
			"--web.listen-address="+s.addr, "--enable-feature=exemplar-storage", "--log.level=warn")
		if s.process.within(tb, s.ready) {
			return s
		}
		s.process.terminate()
	}
	tb.Fatalf("prometheus does not start:\n%s", logTail(s.dir))
	return nil
}

func (s *PrometheusServer) ready(ctx context.Context) bool {
	_, err := s.get(ctx, "query", url.Values{"query": {"1"}})
	return err == nil
}

// Query evaluates an expression now and returns how many series it has. The error is that
// of Prometheus: the expression is wrong.
func (s *PrometheusServer) Query(ctx context.Context, expression string) (series int, err error) {
	data, err := s.get(ctx, "query", url.Values{"query": {expression}})
	if err != nil {
		return 0, err
	}
	var result struct{ Result []json.RawMessage }
	err = json.Unmarshal(data, &result)
	return len(result.Result), err
}

// Exemplars returns those of a selector of the last minutes, as JSON.
func (s *PrometheusServer) Exemplars(ctx context.Context, selector string) (string, error) {
	now := time.Now()
	data, err := s.get(ctx, "query_exemplars", url.Values{
		"query": {selector}, "start": {now.Add(-5 * time.Minute).Format(time.RFC3339)}, "end": {now.Add(time.Minute).Format(time.RFC3339)},
	})
	return string(data), err
}

func (s *PrometheusServer) get(ctx context.Context, endpoint string, query url.Values) (json.RawMessage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+"/api/v1/"+endpoint, strings.NewReader(query.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := &http.Client{Timeout: startTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("prometheus: %s", answer.Error)
	}
	return answer.Data, nil
}
