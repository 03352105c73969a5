package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"runtime/debug"
	"strings"
)

// bill is a CycloneDX document, as far as it is used here
// (https://cyclonedx.org/docs/1.6/json/).
type bill struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp,omitempty"`
	Component component `json:"component"`
}

type component struct {
	Ref        string     `json:"bom-ref"`
	Type       string     `json:"type"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	PackageURL string     `json:"purl,omitempty"`
	Hashes     []hashed   `json:"hashes,omitempty"`
	Licenses   []licensed `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hashed struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type licensed struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// newBill lists what is in a program: its modules, and the standard library. A program
// does not know which of its modules needs which, so all of them are what it needs.
func newBill(built *debug.BuildInfo, version, date, hash string) bill {
	self := component{
		Type: "application", Name: path.Base(built.Path), Version: cmp.Or(version, built.Main.Version),
		Hashes: []hashed{{"SHA-256", hash}},
	}
	self.Ref = self.Name
	for _, s := range built.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED":
			self.Properties = append(self.Properties, property{"go:" + s.Key, s.Value})
		}
	}
	var own licensed
	own.License.ID = "Apache-2.0"
	self.Licenses = []licensed{own}

	parts := []component{module("stdlib", strings.TrimPrefix(built.GoVersion, "go"), "")}
	for _, m := range built.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, module(m.Path, m.Version, m.Sum))
	}
	needs := dependency{Ref: self.Ref}
	for _, part := range parts {
		needs.DependsOn = append(needs.DependsOn, part.Ref)
	}
	return bill{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6",
		SerialNumber: serial(hash), Version: 1,
		Metadata: metadata{date, self}, Components: parts, Dependencies: []dependency{needs},
	}
}

// module is a component as scanners look it up: by its package URL.
func module(name, version, sum string) component {
	c := component{Type: "library", Name: name, Version: version}
	c.PackageURL = "pkg:golang/" + strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
	if version != "" {
		c.PackageURL += "@" + url.PathEscape(version)
	}
	c.Ref = c.PackageURL
	if sum != "" {
		c.Properties = []property{{"go:sum", sum}}
	}
	return c
}

// serial makes an UUID of the kind 8 (RFC 9562 5.8) out of the hash of the program, so
// that the same program has the same one.
func serial(hash string) string {
	return fmt.Sprintf("urn:uuid:%s-%s-8%s-a%s-%s", hash[:8], hash[8:12], hash[13:16], hash[17:20], hash[20:32])
}

// sum returns the SHA-256 of a file in hexadecimal.
func sum(file string) (string, error) {
	f, err := os.Open(file) //nolint:gosec // Whoever runs this names it.
	if err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	defer func() { _ = f.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
