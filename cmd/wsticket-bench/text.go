package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

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

// spellEach writes the server's processor time for one request of any outcome.
func (s stormReport) spellEach() string {
	all := s.Succeeded + s.Failed
	if s.Process.CPU == nil || all == 0 {
		return "unknown"
	}
	return spell(*s.Process.CPU / float64(all) * 1e3)
}

// spell writes milliseconds with about three digits.
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

// hints say what to do about kinds of error that have a part in their name.
var hints = []struct{ part, text string }{
	{"invalid_bearer", "invalid_bearer says that the server does not accept the bearers: wsticket token can sign others (--type, --algorithm, --ttl), for --bearer-file"},
	{"429", "429 says that limits are on: limits.per_address and limits.per_subject bound a client, and wsticket-bench is one. 0 switches a limit off"},
	{"503", "503 says that the store did not answer, or is full: memory: holds 1,000,000 tickets, live and spent"},
}

func (r report) writeErrors(text *strings.Builder) {
	heading := "\nerrors\n"
	kinds := ""
	for _, s := range r.Storms {
		for _, kind := range mostFrequent(s.Errors) {
			fmt.Fprintf(text, "%s%9s  %s: %s\n", heading, s.Storm, kind, grouped(s.Errors[kind]))
			heading = ""
			kinds += kind + "\n"
		}
	}
	for _, hint := range hints {
		if strings.Contains(kinds, hint.part) {
			fmt.Fprintf(text, "\nhint: %s\n", hint.text)
		}
	}
}

// mostFrequent sorts kinds by how often they occurred, then by name.
func mostFrequent(errors map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(errors), func(a, b string) int {
		return cmp.Or(cmp.Compare(errors[b], errors[a]), cmp.Compare(a, b))
	})
}
