package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"wsticket/ticket"
)

// trailPrinter prints records of the trail: a table for people, or a line of JSON for
// each.
type trailPrinter struct {
	out    io.Writer
	json   bool
	widths []int // of the columns so far; nil before the first line
}

// maxColumn bounds the width to which a column grows. A longer value moves those behind
// it in its line.
const maxColumn = 40

// print prints records in their order.
func (p *trailPrinter) print(records []ticket.AuditRecord) error {
	if p.json {
		return p.printJSON(records)
	}
	var rows [][]string
	if p.widths == nil && len(records) > 0 {
		p.widths = make([]int, len(trailColumns))
		rows = append(rows, trailColumns[:])
	}
	for n := range records {
		rows = append(rows, trailRow(&records[n]))
	}
	for _, row := range rows {
		for n, cell := range row {
			p.widths[n] = max(p.widths[n], min(utf8.RuneCountInString(cell), maxColumn))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for n, cell := range row {
			fmt.Fprintf(&line, "%-*s  ", p.widths[n], cell)
		}
		if err := say(p.out, "%s", strings.TrimRight(line.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

var trailColumns = [...]string{"TIME", "EVENT", "RESULT", "SUB", "DOOR", "FROM", "TICKET"}

// trailRow returns a record as a row of the table, with what is hidden made visible.
func trailRow(r *ticket.AuditRecord) []string {
	row := []string{
		r.At.UTC().Format("2006-01-02T15:04:05.000Z"), string(r.Event), trailResult(r), r.Subject, string(r.Door), r.ClientIP, string(r.TicketID),
	}
	for n, cell := range row {
		row[n] = cmp.Or(ticket.Escape(cell), "-")
	}
	return row
}

// trailResult says in a few words how it went.
func trailResult(r *ticket.AuditRecord) string {
	var words []string
	add := func(word string) {
		if word != "" {
			words = append(words, word)
		}
	}
	if r.Action != "" && (r.Event == ticket.EventRefuse || r.Event == ticket.EventLimit) {
		add(string(r.Action) + ":")
	}
	switch {
	case r.Event != ticket.EventLost:
	case r.Details["events"] != "":
		add(r.Details["events"] + " events:")
	default:
		add(r.Details["instance"] + " up to " + r.Details["seq"] + ":")
	}
	if r.CloseCode != 0 {
		add(strconv.Itoa(int(r.CloseCode)))
		add(prefixed("by ", closerName(r.ClosedBy)))
	}
	if r.Reason != "ok" {
		add(r.Reason)
	}
	if r.Event == ticket.EventDisconnect {
		add("after " + (time.Duration(r.DurationMS) * time.Millisecond).String())
	}
	add(prefixed("by ", r.Caller))
	return cmp.Or(strings.Join(words, " "), r.Outcome, r.Reason)
}

// closerName is Closed.By in the words of the operator's page.
func closerName(by string) string {
	switch by {
	case ticket.ByServer:
		return "wsticket"
	case ticket.ByUpstream:
		return "application"
	default:
		return by
	}
}

func (p *trailPrinter) printJSON(records []ticket.AuditRecord) error {
	for n := range records {
		line, err := json.Marshal(&records[n])
		if err != nil {
			return fmt.Errorf("encode: %w", err)
		}
		if _, err := fmt.Fprintln(p.out, visibleJSON(string(line))); err != nil {
			return err
		}
	}
	return nil
}

// visibleJSON escapes what a terminal does not show, in texts of JSON. The values stay
// the same.
func visibleJSON(text string) string {
	var out strings.Builder
	for _, r := range text {
		switch {
		case strconv.IsPrint(r) && r != utf8.RuneError:
			out.WriteRune(r)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&out, `\u%04x`, unit)
			}
		}
	}
	return out.String()
}
