package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wsticket/audit"
)

// progressEvery is how often a long verification says how far it is.
const progressEvery = 2 * time.Second

type auditVerifyCmd struct {
	trailDatabase

	Head []string `sep:"none" placeholder:"INSTANCE:SEQ:HASH" help:"An end of a chain that is known from elsewhere, such as the line \"audit: chain head\" of a log. Without one nobody can see that a chain was made anew, or removed as a whole. May be repeated."`
	JSON bool     `name:"json" help:"Print one JSON object: the chains, and what is wrong with them."`
}

// chainHead is a chain that holds, as far as it was read.
type chainHead struct {
	Instance string    `json:"instance"`
	Started  time.Time `json:"started"`
	// First and Last are its records: those before First have been removed by retention.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Hash is that of the last one, in hex.
	Hash string `json:"hash"`
}

// verified is what a verification has found.
type verified struct {
	Records uint64        `json:"records"`
	Chains  []chainHead   `json:"chains"`
	Faults  []audit.Fault `json:"faults"`
	// More is how many faults there are beyond those in Faults.
	More int `json:"more,omitempty"`
}

// Run reads the whole trail. It fails if a chain does not hold, after it has printed
// where.
func (c *auditVerifyCmd) Run(ctx context.Context, w world) error {
	heads, err := parseHeads(c.Head)
	if err != nil {
		return usageError{err}
	}
	store, err := c.store(ctx, w)
	if err != nil {
		return fmt.Errorf("audit verify: %w", err)
	}
	defer func() { _ = store.Close() }()
	found, err := verifyTrail(ctx, store, heads, w)
	if err != nil {
		return fmt.Errorf("audit verify: %w", err)
	}
	if c.JSON {
		err = json.NewEncoder(w.Stdout).Encode(found)
	} else {
		err = found.print(w)
	}
	if err != nil {
		return err
	}
	if n := len(found.Faults) + found.More; n > 0 {
		return fmt.Errorf("audit verify: the trail does not hold: %s", counted(uint64(n), "fault"))
	}
	return nil
}

// parseHeads reads what print and the log say of the ends of chains.
func parseHeads(texts []string) ([]audit.Head, error) {
	var heads []audit.Head
	for _, text := range texts {
		parts := strings.Split(text, ":")
		if len(parts) != 3 || parts[0] == "" {
			return nil, fmt.Errorf("--head: must be INSTANCE:SEQ:HASH (got %q)", text)
		}
		seq, seqErr := strconv.ParseUint(parts[1], 10, 63)
		hash, hashErr := hex.DecodeString(parts[2])
		if seqErr != nil || hashErr != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("--head: SEQ must be a whole number, and HASH 64 hex digits (got %q)", text)
		}
		heads = append(heads, audit.Head{Instance: parts[0], Seq: seq, Hash: hash})
	}
	return heads, nil
}

func verifyTrail(ctx context.Context, store audit.Store, heads []audit.Head, w world) (verified, error) {
	found := verified{Chains: []chainHead{}, Faults: []audit.Fault{}}
	chains, err := store.Chains(ctx)
	if err != nil {
		return found, err
	}
	for _, chain := range chains {
		found.Chains = append(found.Chains, chainHead{
			chain.Instance, chain.StartedAt, chain.PrunedSeq + 1, chain.LastSeq, hex.EncodeToString(chain.LastHash),
		})
	}
	next := time.Now().Add(progressEvery)
	report, err := audit.Verify(ctx, store, audit.WithHeads(heads...), audit.WithProgress(func(records uint64) {
		if now := time.Now(); now.After(next) {
			next = now.Add(progressEvery)
			_ = say(w.Stderr, "%d records", records)
		}
	}))
	found.Records, found.More = report.Records, report.More
	found.Faults = append(found.Faults, report.Faults...)
	return found, err
}

// print prints what holds and what does not, a line for each.
func (v verified) print(w world) error {
	broken := map[string]bool{}
	for _, fault := range v.Faults {
		broken[fault.Instance] = true
	}
	var faults []error
	for _, c := range v.Chains {
		if broken[c.Instance] {
			continue
		}
		records := "no records"
		if c.First <= c.Last {
			records = fmt.Sprintf("records %d to %d", c.First, c.Last)
		}
		faults = append(faults, say(w.Stdout, "holds   %s  since %s  %s  head %s:%d:%s", c.Instance, c.Started.UTC().Format(time.RFC3339), records, c.Instance, c.Last, c.Hash))
	}
	for _, fault := range v.Faults {
		faults = append(faults, say(w.Stdout, "broken  %s  %s", fault.Instance, faultText(fault)))
	}
	if v.More > 0 {
		faults = append(faults, say(w.Stdout, "and %d more faults", v.More))
	}
	if len(v.Faults) == 0 {
		faults = append(faults, say(w.Stdout, "The trail holds: %s in %s.", counted(v.Records, "record"), counted(uint64(len(v.Chains)), "chain")))
	}
	return errors.Join(faults...)
}

func counted(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// faultText says where a chain does not hold, and how.
func faultText(f audit.Fault) string {
	where := fmt.Sprintf("record %d", f.Seq)
	if f.Last > f.Seq {
		where = fmt.Sprintf("records %d to %d", f.Seq, f.Last)
	}
	switch f.Kind {
	case audit.FaultChanged:
		return where + " changed: its fields do not fit to its hash, or that not to the record before"
	case audit.FaultRemoved:
		return where + " removed from between others"
	case audit.FaultCut:
		return where + " removed from the end"
	case audit.FaultInserted:
		return where + " inserted: no process has written it there"
	case audit.FaultHead:
		return where + " is not the end that was noted for the chain"
	default:
		return where + " " + string(f.Kind)
	}
}
