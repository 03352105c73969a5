package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/service"
	"wsticket/internal/keyfile"
	"wsticket/ticket"
)

type explainCmd struct {
	config.Flags

	BearerFile string `placeholder:"FILE" help:"File with the bearer. Default, and -: standard input."`
	Live       bool   `help:"Ask issuers that publish their keys for them, say what was found, and check signatures with it. Without it, no connection is opened."`
}

// maxBearerFile bounds what is read of standard input: more than a bearer may have, so that one
// that is too long is told from one that was cut.
const maxBearerFile = 1 << 20

// Run says for each issuer whether it takes the bearer, and if not, the first
// check that fails. It fails if none does. It prints nothing of the bearer but
// the values that did not fit.
func (c *explainCmd) Run(ctx context.Context, w world) error {
	bearer, err := readBearer(c.BearerFile, w.Stdin)
	if err != nil {
		return err
	}
	verifier, err := c.verifier(w)
	if err != nil {
		return err
	}
	defer verifier.Close()
	var found []auth.KeyReport
	if c.Live {
		if err := verifier.Start(ctx); err != nil {
			return fmt.Errorf("explain: %w", err)
		}
		found = verifier.ProbeKeys(ctx)
	}
	issuers, err := verifier.Explain(ctx, bearer)
	if err != nil {
		return errors.Join(printRefusal(w.Stdout, "bearer", "is refused", err, ""), errors.New("explain: this is no bearer"))
	}
	return report(w.Stdout, issuers, found)
}

// verifier builds what serve verifies bearers with. Faults of other settings do
// not matter.
func (c *explainCmd) verifier(w world) (*auth.Verifier, error) {
	var verifier *auth.Verifier
	_, err := c.Load(w.Env, func(cfg config.Config) (err error) {
		f := config.NewFaults()
		f.Check(len(cfg.Issuers) > 0, "issuers", "must name at least one, to explain what it would do")
		verifier, err = service.NewVerifier(cfg, nil)
		return errors.Join(config.ByKey(f.Err()), config.ByKey(err))
	})
	return verifier, err
}

// readBearer takes the bearer as people have it at hand: with a line break at
// its end, in quotes, or with the header that it was sent in.
func readBearer(file string, stdin io.Reader) (ticket.Bearer, error) {
	text, err := readInput(file, stdin)
	if err != nil {
		return ticket.Bearer{}, fmt.Errorf("explain: --bearer-file: %w", err)
	}
	bearer := strings.Trim(string(text), " \t\r\n\"'")
	if strings.HasPrefix(bearer, "{") {
		return ticket.Bearer{}, errors.New("explain: the input is JSON: give the token alone, such as the value of access_token")
	}
	for _, prefix := range []string{"authorization:", "bearer "} {
		if len(bearer) >= len(prefix) && strings.EqualFold(bearer[:len(prefix)], prefix) {
			bearer = strings.TrimSpace(bearer[len(prefix):])
		}
	}
	if bearer == "" {
		return ticket.Bearer{}, fmt.Errorf("explain: no bearer in %s", cmp.Or(strings.TrimPrefix(file, "-"), "standard input"))
	}
	return ticket.NewBearer(bearer), nil
}

// readInput reads a file, or standard input if file is empty or -.
func readInput(file string, stdin io.Reader) ([]byte, error) {
	if file == "" || file == "-" {
		return io.ReadAll(io.LimitReader(stdin, maxBearerFile))
	}
	return keyfile.Read(file)
}

// report prints what each issuer would do, and returns an error if none takes
// the bearer.
func report(out io.Writer, issuers []auth.Explanation, found []auth.KeyReport) error {
	var takers []string
	for _, e := range issuers {
		key := config.KeyOf("auth", e.Field)
		title := key + " (" + ticket.Printable(e.Issuer) + ")"
		var err error
		if e.Err == nil {
			takers = append(takers, key)
			err = printAccepted(out, title, e)
		} else {
			err = printRefusal(out, title, "refuses it", e.Err, config.KeyOf("auth", e.Setting))
		}
		if err == nil {
			err = printKeys(out, e, found)
		}
		if err != nil {
			return err
		}
	}
	if len(takers) == 0 {
		return errors.New("explain: no issuer takes this bearer")
	}
	_, err := fmt.Fprintf(out, "\n%s takes this bearer.\n", strings.Join(takers, ", "))
	return err
}

func printAccepted(out io.Writer, title string, e auth.Explanation) error {
	return say(out, "%s takes it until %s", title, e.ExpiresAt.UTC().Format(time.RFC3339))
}

// printKeys says what an issuer publishes about its keys, or that the signature
// was not checked because nobody asked for them.
func printKeys(out io.Writer, e auth.Explanation, found []auth.KeyReport) error {
	var lines []string
	if e.Unverified && ticket.Reason(e.Err) != "bearer_issuer" {
		lines = append(lines, "its keys were not fetched, and the signature not checked: add --live")
	}
	for _, r := range found {
		if r.Issuer == e.Issuer && (r.URL != "" || r.Err != nil) {
			lines = append(lines, describeKeys(r)...)
		}
	}
	for _, line := range lines {
		if err := say(out, "    %s", line); err != nil {
			return err
		}
	}
	return nil
}

func describeKeys(r auth.KeyReport) []string {
	var lines, keys []string
	if r.Discovery != "" {
		lines = append(lines, "discovery: "+r.Discovery)
	}
	if r.URL != "" {
		lines = append(lines, "jwks_url: "+r.URL)
	}
	if r.Err != nil {
		return append(lines, "its keys: "+r.Err.Error())
	}
	for _, k := range r.Keys {
		keys = append(keys, k.String())
	}
	lines = append(lines, "its keys: "+cmp.Or(strings.Join(keys, ", "), "none"))
	for _, skipped := range r.Skipped {
		lines = append(lines, "not used: "+skipped.String())
	}
	return lines
}

// printRefusal prints the reason, as the log has it, the values that did not
// fit, the setting that decides, and what to do.
func printRefusal(out io.Writer, title, verb string, refused error, setting string) error {
	reason := ticket.Reason(refused)
	lines := []string{fmt.Sprintf("%s %s: %s", title, verb, reason)}
	for _, a := range ticket.AttrsOf(refused) {
		value := a.Value.String()
		if values, ok := a.Value.Any().([]string); ok {
			value = listed(values)
		}
		if at, ok := a.Value.Any().(time.Time); ok {
			value = at.UTC().Format(time.RFC3339)
		}
		lines = append(lines, fmt.Sprintf("    %s: %s", a.Key, cmp.Or(value, "(none)")))
	}
	lines = append(lines, "    setting: "+cmp.Or(setting, "none accepts it"), "    "+advice(reason, refused, setting))
	for _, line := range lines {
		if err := say(out, "%s", line); err != nil {
			return err
		}
	}
	return nil
}

// listed joins values; an empty one is the absence of a value.
func listed(values []string) string {
	shown := slices.Clone(values)
	for n, value := range shown {
		shown[n] = cmp.Or(ticket.Printable(value), "(none)")
	}
	return strings.Join(shown, ", ")
}
