package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"wsticket/internal/testenv"
	"wsticket/ticket"
)

// TestAuditWithJQ runs the examples with jq of docs/audit.md.
func TestAuditWithJQ(t *testing.T) {
	testenv.Need(t, "jq")
	blocks := regexp.MustCompile("(?s)```sh jq\n(.*?)```").FindAllStringSubmatch(mustRead(t, "../../docs/audit.md"), -1)
	if len(blocks) < 2 {
		t.Fatalf("got %d examples, want two", len(blocks))
	}
	store, url := trailFile(t)
	c := chain(store, "p1")
	c.add(t, story(time.Now())...)
	c.add(t, story(time.Now())...)
	for _, reason := range []string{"spent", "expired", "spent"} {
		c.add(t, ticket.AuditRecord{At: time.Now(), Event: ticket.EventRefuse, Reason: reason})
	}
	bin := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec %s \"$@\"\n", asProgram, os.Args[0])
	if err := os.WriteFile(filepath.Join(bin, "wsticket"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"2 192.0.2.7", "2 spent\n1 expired"} {
		sh := exec.CommandContext(t.Context(), "sh", "-e", "-c", blocks[n][1])
		sh.Dir = filepath.Dir(strings.TrimPrefix(url, "sqlite:"))
		sh.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "GOCOVERDIR="+t.TempDir())
		out, err := sh.CombinedOutput()
		if got := regexp.MustCompile(`(?m)^ +`).ReplaceAllString(strings.TrimSpace(string(out)), ""); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", blocks[n][1], got, err, want)
		}
	}
}
