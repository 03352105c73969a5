package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what bench prints. Its JSON names are a promise to scripts.
type report struct {
	Version     string        `json:"version"`
	URL         string        `json:"url"`
	Server      string        `json:"server"` // what was measured, in words
	Callers     int           `json:"callers"`
	Interrupted bool          `json:"interrupted"`
	Storms      []stormReport `json:"storms"`
}

// stormReport is one storm. What is unknown is null: use of the processor that
// could not be read, latencies where nothing succeeded.
type stormReport struct {
	Storm     string           `json:"storm"`
	Seconds   float64          `json:"seconds"`
	Succeeded int64            `json:"succeeded"`
	Failed    int64            `json:"failed"`
	PerSecond float64          `json:"per_second"`
	Latency   *latencyReport   `json:"latency_ms"`
	Errors    map[string]int64 `json:"errors"`
	Process   processReport    `json:"server"`
	ClientCPU *float64         `json:"client_cpu_seconds"`
}

// latencyReport is in milliseconds, of the requests that succeeded.
type latencyReport struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

// processReport is what the server's process used.
type processReport struct {
	CPU         *float64 `json:"cpu_seconds"`
	MemoryBegin *float64 `json:"resident_bytes_begin"`
	MemoryEnd   *float64 `json:"resident_bytes_end"`
}

// newStormReport is what a tally says. Nobody may be adding to it any more.
func newStormReport(name string, t *tally) stormReport {
	r := stormReport{
		Storm: name, Seconds: round(t.elapsed.Seconds(), 1e3), Succeeded: t.succeeded(), Failed: t.failed.Load(),
		Latency: newLatencyReport(&t.latencies), Errors: maps.Clone(t.kinds),
		Process: processReport{
			CPU: t.server.known(t.server.cpu), MemoryBegin: t.server.known(t.server.begin), MemoryEnd: t.server.known(t.server.end),
		},
		ClientCPU: t.client.known(t.client.cpu),
	}
	if t.elapsed > 0 {
		r.PerSecond = round(float64(r.Succeeded)/t.elapsed.Seconds(), 10)
	}
	if r.Errors == nil {
		r.Errors = map[string]int64{}
	}
	return r
}

func newLatencyReport(h *histogram) *latencyReport {
	if h.count.Load() == 0 {
		return nil
	}
	return &latencyReport{
		P50: milliseconds(h.quantile(0.5)), P99: milliseconds(h.quantile(0.99)),
		P999: milliseconds(h.quantile(0.999)), Max: milliseconds(h.max()),
	}
}

// known is nil for a value of u that could not be read, or never was.
func (u usage) known(value float64) *float64 {
	if u.parts == 0 || math.IsNaN(value) {
		return nil
	}
	value = round(value, 1e3)
	return &value
}

func milliseconds(d time.Duration) float64 { return round(float64(d)/float64(time.Millisecond), 1e4) }

// round keeps as many decimals as scale has zeros: more would be noise.
func round(x, scale float64) float64 { return math.Round(x*scale) / scale }

// writeJSON prints one document.
func (r report) writeJSON(out io.Writer) error {
	to := json.NewEncoder(out)
	to.SetIndent("", "  ")
	return to.Encode(r)
}

// writeText prints tables for people.
func (r report) writeText(out io.Writer) error {
	var text strings.Builder
	plural := "s"
	if r.Callers == 1 {
		plural = ""
	}
	fmt.Fprintf(&text, "%s at %s, %d caller%s\n", r.Server, r.URL, r.Callers, plural)
	if r.Interrupted {
		text.WriteString("interrupted: this is what there was\n")
	}
	text.WriteByte('\n')
	r.writeTables(&text)
	r.writeErrors(&text)
	_, err := io.WriteString(out, text.String())
	return err
}

func (r report) writeTables(text io.Writer) {
	writeTable(text, r.Storms, []string{"", "per second", "p50", "p99", "p99.9", "max", "succeeded", "failed", "in"}, func(s stormReport) []string {
		cells := []string{s.Storm, grouped(int64(s.PerSecond)), "-", "-", "-", "-"}
		if l := s.Latency; l != nil {
			cells = append(cells[:2], spell(l.P50), spell(l.P99), spell(l.P999), spell(l.Max))
		}
		return append(cells, grouped(s.Succeeded), grouped(s.Failed), fmt.Sprintf("%.2fs", s.Seconds))
	})
	_, _ = fmt.Fprintln(text)
	writeTable(text, r.Storms, []string{"", "server CPU", "for each", "server memory", "client CPU"}, func(s stormReport) []string {
		return []string{s.Storm, spellSeconds(s.Process.CPU), s.spellEach(), s.spellMemory(), spellSeconds(s.ClientCPU)}
	})
}

// writeTable writes into memory, which does not fail.
func writeTable(text io.Writer, storms []stormReport, head []string, row func(stormReport) []string) {
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, strings.Join(head, "\t")+"\t")
	for _, s := range storms {
		_, _ = fmt.Fprintln(table, strings.Join(row(s), "\t")+"\t")
	}
	_ = table.Flush()
}

// spellEach is the server's processor time for one request of any outcome.
func (s stormReport) spellEach() string {
	all := s.Succeeded + s.Failed
	if s.Process.CPU == nil || all == 0 {
		return "unknown"
	}
	return spell(*s.Process.CPU / float64(all) * 1e3)
}

// spell writes milliseconds with three digits or so.
func spell(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.0fµs", ms*1e3)
	case ms < 100:
		return fmt.Sprintf("%.2fms", ms)
	default:
		return fmt.Sprintf("%.0fms", ms)
	}
}

func spellSeconds(value *float64) string {
	if value == nil {
		return "unknown"
	}
	return fmt.Sprintf("%.2fs", *value)
}

func (s stormReport) spellMemory() string {
	begin, end := s.Process.MemoryBegin, s.Process.MemoryEnd
	if begin == nil || end == nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f to %.1f MiB", *begin/(1<<20), *end/(1<<20))
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// hintFor says what to make of some kinds of error, and is empty for others.
func hintFor(kind string) string {
	switch {
	case strings.Contains(kind, "429"):
		return "429 says that limits are on: limits.per_address and limits.per_subject bound a client, and bench is one. 0 switches a limit off"
	case strings.Contains(kind, "503"):
		return "503 says that the store did not answer, or is full: memory: holds 1,000,000 tickets, live and spent"
	default:
		return ""
	}
}

func (r report) writeErrors(text *strings.Builder) {
	heading := "\nerrors\n"
	var shown []string
	for _, s := range r.Storms {
		for _, kind := range mostFrequent(s.Errors) {
			fmt.Fprintf(text, "%s%9s  %s: %s\n", heading, s.Storm, kind, grouped(s.Errors[kind]))
			heading = ""
			if hint := hintFor(kind); hint != "" && !slices.Contains(shown, hint) {
				shown = append(shown, hint)
			}
		}
	}
	for _, hint := range shown {
		fmt.Fprintf(text, "\nhint: %s\n", hint)
	}
}

// mostFrequent sorts kinds by how often they were, then by name.
func mostFrequent(errors map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(errors[b], errors[a]), cmp.Compare(a, b))
	})
}
