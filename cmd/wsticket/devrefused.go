package main

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"wsticket/ticket"
)

// devAdvice is what a reason means for somebody who tries wsticket, and what to
// do. A word in braces stands for the value that did not fit.
var devAdvice = map[string]string{
	"origin_not_allowed": "the page {origin} may not connect: let it in with --origin {origin}",
	"host_not_allowed":   "the name {host} is not answered: use localhost, or start with --set 'public.hosts=[localhost, {host}]'",
	"handshake":          "this is no WebSocket handshake ({header}: {fault}): connect with new WebSocket(…), or with the second line",
	"missing_credential": "there is no ticket and no bearer: paste the first line again, and put the ticket behind ?ticket=",
	"spent":              "the ticket was used before, and each works once: get a new one with the first line",
	"not_found":          "the ticket is unknown or has expired: get a new one with the first line, or let them live longer with --set ticket.ttl=60s",
	"expired":            "the ticket has expired: get a new one, or let them live longer with --set ticket.ttl=60s",
	"malformed":          "this is no whole ticket: one has 54 characters and begins with wst1_",
	"wrong_origin":       "the ticket was issued to another origin: get it in the page that connects with it",
	"wrong_audience":     "the ticket is for another audience: see --set ticket.audiences",
	"no_audience":        "no audience has the path {client_path}, or it could be read as that of another one: see --set ticket.audiences",
	"credential_in_url":  "a JWT stands in the URL, where it would be logged: send it as Authorization: Bearer to /ws-ticket, and connect with the ticket",
	"two_credentials":    "two credentials came at once: send one",
	"closed_door":        "that door is closed: open it with --set ws.doors",
	"upstream_failed":    "the application at {upstream} cannot be used ({cause}): start it, or name another one with --upstream",
	"upstream_refused":   "the application at {upstream} answered with status {upstream_status} in place of 101: see its own log",
	"rate_limited":       "too many requests: see --set limits.per_address and limits.per_subject",
	"short_lived":        "the bearer expires in less than 5 s: start again with a longer --ttl",
	"bearer_issuer":      "the bearer is of another issuer, {issuer}: use the one above, or add your own issuer with --set issuers",
}

// placeholder is a value in devAdvice. One that is not known, or that a shell
// could take for more than a word, is shown by its name: people paste what they
// read, and the value is a stranger's.
var (
	placeholder = regexp.MustCompile(`\{[a-z_]+\}`)
	plainWord   = regexp.MustCompile(`^[A-Za-z0-9._:/\[\]+-]+$`)
)

// refusals prints why requests were refused, for people who watch the terminal.
type refusals struct {
	mu  sync.Mutex
	out io.Writer
}

// take prints a line for a refused request.
func (r *refusals) take(_ context.Context, e ticket.Event) {
	refused := e.Kind == ticket.EventRequest && e.HTTP.Status >= http.StatusBadRequest
	if !refused && !e.AfterUpgrade {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = say(r.out, "refused: %s", adviceFor(&e))
}

// adviceFor returns what happened and what to do.
func adviceFor(e *ticket.Event) string {
	if e.Kind == ticket.EventRequest && e.HTTP.Status == http.StatusNotFound && e.HTTP.Route == "" {
		return "there is no " + ticket.Printable(e.HTTP.Path) + " here: see /, /ws-ticket and /ws (--set ws.path)"
	}
	values := map[string]string{}
	var facts []string
	for _, a := range e.Attrs {
		if value := a.Value.String(); plainWord.MatchString(value) || a.Key == "cause" { // which is ours
			values["{"+a.Key+"}"] = value
		}
		facts = append(facts, a.String())
	}
	if advice, known := devAdvice[e.Reason]; known {
		return placeholder.ReplaceAllStringFunc(advice, func(name string) string {
			return cmp.Or(values[name], strings.ToUpper(strings.Trim(name, "{}")))
		})
	}
	if strings.HasPrefix(e.Reason, "bearer_") {
		return strings.Join(append([]string{"the bearer is not accepted (" + e.Reason + "): use the one above"}, facts...), ", ")
	}
	return strings.Join(append([]string{e.Reason + ", which docs/operations.md explains"}, facts...), ", ")
}
