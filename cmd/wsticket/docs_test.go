package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"wsticket/internal/layered"
)

var update = flag.Bool("update", false, "write the generated documents")

const referenceFile = "../../docs/configuration.md"

// TestConfigurationReference holds docs/configuration.md to the struct. To
// write it anew: go test ./cmd/wsticket -run TestConfigurationReference -update
func TestConfigurationReference(t *testing.T) {
	cfg := defaultConfig()
	var text strings.Builder
	text.WriteString(referenceHead)
	for _, key := range layered.Keys(&cfg, envPrefix) {
		if key.Help == "" {
			t.Errorf("%s has no help", key.Path)
		}
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", key.Path, code(key.Default), strings.ReplaceAll(key.Help, "|", "\\|"))
	}
	if *update {
		if err := os.WriteFile(referenceFile, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != text.String() {
		t.Errorf("%s is not what the struct says; run this test with -update", referenceFile)
	}
}

func code(s string) string {
	if s == "" || s == "[]" {
		return ""
	}
	return "`" + s + "`"
}

const referenceHead = `# Configuration

Each layer is stronger than the one before: defaults, a YAML file (` + "`--config FILE`, or `WSTICKET_CONFIG`" + `), the environment, flags. Unknown keys and unknown ` + "`WSTICKET_*`" + ` names are errors, and every fault is named at once; ` + "`wsticket check-config`" + ` does nothing but that. File names are relative to the working directory.

In the environment a key is written in upper case with ` + "`WSTICKET_`" + ` before it and underscores for dots: ` + "`ticket.ttl` is `WSTICKET_TICKET_TTL`" + `. Lists have commas between their elements, or are YAML in brackets: ` + "`WSTICKET_ISSUERS='[{issuer: …}]'`" + `. On the command line any key can be set by ` + "`--set ticket.ttl=45s`" + `.

This page is generated from the program.

| key | default | meaning |
|---|---|---|
`

// TestReadmeTable holds the rows of the README's table to the defaults.
func TestReadmeTable(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	cfg := defaultConfig()
	defaults := map[string]string{}
	for _, key := range layered.Keys(&cfg, envPrefix) {
		defaults[key.Path] = key.Default
	}
	_, section, _ := strings.Cut(string(text), "\n## Configuration\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (?:`([^`]*)`)? ?\\|").FindAllStringSubmatch(section, -1)
	if len(rows) < 5 {
		t.Fatalf("only %d rows found", len(rows))
	}
	for _, row := range rows {
		want, known := defaults[row[1]]
		if !known || (row[2] != want && row[2] != "" && want != "[]") {
			t.Errorf("README says %s defaults to %q, the program %q", row[1], row[2], want)
		}
	}
}

// TestExampleFile holds wsticket.example.yaml to the program: it is a file
// that serve starts with, and it names every key.
func TestExampleFile(t *testing.T) {
	const name = "../../wsticket.example.yaml"
	cfg, err := configFlags{Config: name}.load(world{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range layered.Keys(&cfg, envPrefix) {
		last := key.Path[strings.LastIndex(key.Path, ".")+1:]
		if !regexp.MustCompile(`\b` + last + `:`).Match(text) {
			t.Errorf("%s does not name %s", name, key.Path)
		}
	}
}
