package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wsticket/cmd/wsticket/internal/config"
)

var update = flag.Bool("update", false, "write the generated documents")

const referenceFile = "../../docs/configuration.md"

// TestConfigurationReference checks that docs/configuration.md has one row for
// each key, with the default and the help of the program. The page orders and
// explains the rows itself. To rewrite them, and to drop those of keys that are
// gone: go test ./cmd/wsticket -run TestConfigurationReference -update
func TestConfigurationReference(t *testing.T) {
	rows := map[string]string{}
	for _, key := range config.Keys() {
		if key.Help == "" {
			t.Errorf("%s has no help", key.Path)
		}
		rows[key.Path] = fmt.Sprintf("| `%s` | %s | %s |\n", key.Path, code(key.Default), strings.ReplaceAll(key.Help, "|", "\\|"))
	}
	got, err := os.ReadFile(referenceFile)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|.*\n").ReplaceAllStringFunc(string(got), func(row string) string {
		key, _, _ := strings.Cut(row[len("| `"):], "`")
		row = rows[key]
		delete(rows, key)
		return row
	})
	for key := range rows {
		t.Errorf("%s has no row for %s: write one under its topic", referenceFile, key)
	}
	if *update {
		if err := os.WriteFile(referenceFile, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if string(got) != want {
		t.Errorf("%s is not what the program says: run this test with -update", referenceFile)
	}
}

func code(s string) string {
	if s == "" || s == "[]" {
		return ""
	}
	return "`" + s + "`"
}

// TestReadmeTable holds the rows of the README's table to the defaults.
func TestReadmeTable(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{}
	for _, key := range config.Keys() {
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
	if _, _, err := runIn(t, nil, "check-config", "--config", name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range config.Keys() {
		last := key.Path[strings.LastIndex(key.Path, ".")+1:]
		if !regexp.MustCompile(`\b` + last + `:`).Match(text) {
			t.Errorf("%s does not name %s", name, key.Path)
		}
	}
}

// TestLinksOfDocuments checks that each link between the documents leads to a file and a
// heading.
func TestLinksOfDocuments(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 20 {
		t.Fatalf("found %d pages, %v", len(pages), err)
	}
	for _, page := range append(pages, "../../README.md", "../../SECURITY.md", "../../CONTRIBUTING.md") {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(mustRead(t, page), -1) {
			if fault := brokenLink(t, page, link[1]); fault != "" {
				t.Errorf("%s: %s: %s", page, link[1], fault)
			}
		}
	}
}

// brokenLink says what is wrong with a link of a page to another one.
func brokenLink(t *testing.T, page, link string) string {
	t.Helper()
	name, heading, _ := strings.Cut(link, "#")
	if strings.Contains(name, ":") {
		return "" // another site
	}
	target := page
	if name != "" {
		target = filepath.Join(filepath.Dir(page), name)
	}
	if _, err := os.Stat(target); err != nil {
		return "there is no such file"
	}
	if heading != "" && !slices.Contains(anchors(mustRead(t, target)), heading) {
		return "there is no such heading"
	}
	return ""
}

// TestAlertsLeadToPlaybooks checks that each alert leads to a heading, and that a playbook
// names the alerts which lead to it.
func TestAlertsLeadToPlaybooks(t *testing.T) {
	t.Parallel()
	playbooks := mustRead(t, "../../docs/playbooks.md")
	alert := regexp.MustCompile(`(?ms)^ *- alert: (\w+)\n.*?runbook: (\S+)$`)
	alerts := alert.FindAllStringSubmatch(mustRead(t, "../../deploy/prometheus/rules.yml"), -1)
	named := map[string]bool{}
	for _, found := range alerts {
		name, runbook := found[1], found[2]
		if fault := brokenLink(t, "../../README.md", runbook); fault != "" {
			t.Errorf("%s: %s: %s", name, runbook, fault)
		}
		if heading, is := strings.CutPrefix(runbook, "docs/playbooks.md#"); is {
			named[name] = true
			if !strings.Contains(section(playbooks, heading), "`"+name+"`") {
				t.Errorf("the playbook %s does not name the alert %s", heading, name)
			}
		}
	}
	for _, name := range regexp.MustCompile("`(Wsticket[A-Z]\\w+)`").FindAllStringSubmatch(playbooks, -1) {
		if !named[name[1]] {
			t.Errorf("a playbook names %s, which is no alert that leads there", name[1])
		}
	}
	if len(alerts) < 20 {
		t.Errorf("only %d alerts found", len(alerts))
	}
}

// section returns the part of a page below the heading with an anchor.
func section(page, anchor string) string {
	for _, part := range strings.Split(page, "\n## ")[1:] {
		if slices.Contains(anchors("## "+part), anchor) {
			return part
		}
	}
	return ""
}

// anchors returns the anchors of the headings of a page, as GitHub makes them.
func anchors(page string) (all []string) {
	page = regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(page, "")
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		all = append(all, strings.ReplaceAll(anchor, " ", "-"))
	}
	return all
}

// TestSecurityPages checks that the tests which docs/security.md and docs/asvs.md name
// exist.
func TestSecurityPages(t *testing.T) {
	named := map[string]bool{}
	for page, least := range map[string]int{"security.md": 150, "asvs.md": 90} {
		text := mustRead(t, "../../docs/"+page)
		found := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(text, -1)
		if len(found) < least {
			t.Errorf("%s: only %d tests found", page, len(found))
		}
		for _, name := range found {
			named[name[1]] = true
		}
		// Tests of the client are named by file, and by what they are called.
		for _, name := range regexp.MustCompile("`(client/test/[a-z-]+\\.test\\.tsx?)`(?: \"([^\"]+)\")?").FindAllStringSubmatch(text, -1) {
			if source, err := os.ReadFile("../../" + name[1]); err != nil || !strings.Contains(string(source), `("`+name[2]) {
				t.Errorf("%s: there is no test %s %q: %v", page, name[1], name[2], err)
			}
		}
	}
	for name := range tests(t) {
		delete(named, name)
	}
	for name := range named {
		t.Errorf("there is no test %s", name)
	}
}

// tests returns the names of all tests and fuzz targets of the repository.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "node_modules":
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, name := range function.FindAllStringSubmatch(string(source), -1) {
			names[name[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
