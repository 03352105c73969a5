package metrics

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"wsticket/internal/buildinfo"
)

// TestMetricsAreDocumented holds the table in docs/operations.md to the program, and
// the program to the table: people have rules and dashboards that use the names.
func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	documented := make(map[string]string) // the type of each series with its labels
	for _, row := range regexp.MustCompile("(?m)^\\| `(wsticket_[a-z0-9_]+(?:\\{[a-z_,]+\\})?)` \\| (counter|gauge|histogram|summary) \\| \\S").FindAllStringSubmatch(section, -1) {
		if documented[row[1]] != "" {
			t.Errorf("%s is documented twice", row[1])
		}
		documented[row[1]] = row[2]
	}
	for series, kind := range registered(t) {
		if documented[series] != kind {
			t.Errorf("docs/operations.md has %q for %s, want %q", documented[series], series, kind)
		}
		delete(documented, series)
	}
	for series := range documented {
		t.Errorf("%s is documented and does not exist", series)
	}
}

// registered returns the type of every series of ours that there can be, with its
// labels.
func registered(t *testing.T) map[string]string {
	t.Helper()
	m := New(buildinfo.Info{}, nil)
	// Each method that takes functions adds what they count.
	for method, v := range reflect.ValueOf(m).Methods() {
		if v.Type().NumOut() > 0 || method.Name == "Record" {
			continue
		}
		var args []reflect.Value
		for in := range v.Type().Ins() {
			args = append(args, reflect.Zero(in)) // they are called when the metrics are read
		}
		v.Call(args)
	}
	descs := make(chan *prometheus.Desc)
	go func() {
		defer close(descs)
		m.registry.Describe(descs)
	}()
	parts := regexp.MustCompile(`^Desc\{fqName: "([^"]+)", help: ".*", constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	all := make(map[string]string)
	for desc := range descs {
		found := parts.FindStringSubmatch(desc.String())
		if found == nil {
			t.Fatalf("cannot read %s", desc)
		}
		name, labels := found[1], found[3]
		switch {
		case !strings.HasPrefix(name, "wsticket_"):
			continue
		case name == "wsticket_build_info":
			labels = "version,commit"
		}
		kind := "gauge"
		if strings.HasSuffix(name, "_total") {
			kind = "counter"
		} else if strings.HasSuffix(name, "_duration_seconds") {
			kind = "histogram"
		}
		if name == "wsticket_audit_batch_duration_seconds" { // the trail keeps a sum and a count
			kind = "summary"
		}
		if labels != "" {
			name += "{" + labels + "}"
		}
		all[name] = kind
	}
	return all
}
