package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/test"
)

// build builds a program that has a module of somebody else in it.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", program, "./testdata/program").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func billOf(t *testing.T, program string, flags ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "bill.json")
	var said test.Output
	if status := run(append(flags, program, file), &said); status != 0 {
		t.Fatalf("sbom = %d: %s", status, &said)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A bill names the program by its hash, and every module in it as `go version -m` does.
func TestBill(t *testing.T) {
	t.Parallel()
	program := build(t)
	text := billOf(t, program, "-version", "v1.2.3", "-date", "2026-11-29T12:00:00Z")
	if again := billOf(t, program, "-version", "v1.2.3", "-date", "2026-11-29T12:00:00Z"); !bytes.Equal(text, again) {
		t.Error("two bills of one program differ")
	}
	var got bill
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	hash, err := sum(program)
	if err != nil {
		t.Fatal(err)
	}
	self := got.Metadata.Component
	if self.Name != "program" || self.Version != "v1.2.3" || len(self.Hashes) != 1 || self.Hashes[0].Content != hash || got.Metadata.Timestamp != "2026-11-29T12:00:00Z" {
		t.Errorf("the program is %+v at %s, want program v1.2.3 with the hash %s", self, got.Metadata.Timestamp, hash)
	}
	listed, err := exec.CommandContext(t.Context(), "go", "version", "-m", program).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"pkg:golang/stdlib@" + strings.TrimPrefix(runtime.Version(), "go")}
	for line := range strings.Lines(string(listed)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "dep" {
			want = append(want, "pkg:golang/"+f[1]+"@"+f[2])
		}
	}
	var have []string
	for _, c := range got.Components {
		have = append(have, c.PackageURL)
	}
	if !slices.Equal(have, want) || len(want) < 2 {
		t.Errorf("the bill has\n%q, want\n%q", have, want)
	}
	if len(got.Dependencies) != 1 || !slices.Equal(got.Dependencies[0].DependsOn, have) {
		t.Errorf("the dependencies are %+v, want the program's on all", got.Dependencies)
	}
}

func TestSerialNumber(t *testing.T) {
	t.Parallel()
	const hash = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	if got := serial(hash); got != "urn:uuid:00010203-0405-8607-a809-0a0b0c0d0e0f" {
		t.Errorf("serial = %s, want a UUID of version 8 and variant 10", got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for rule, row := range map[string]struct {
		args []string
		want int
	}{
		"two files":             {[]string{"one"}, 2},
		"known flags":           {[]string{"-what"}, 2},
		"a program":             {[]string{filepath.Join(t.TempDir(), "none"), "x"}, 1},
		"a program that Go has": {[]string{"bill.go", filepath.Join(t.TempDir(), "x")}, 1},
	} {
		var said test.Output
		if got := run(row.args, &said); got != row.want || said.String() == "" {
			t.Errorf("%s: sbom = %d, %q, want %d and why", rule, got, said.String(), row.want)
		}
	}
}
