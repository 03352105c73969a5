//go:build e2e

package e2e_test

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// secret is a text that must not occur in logs or URLs.
type secret struct{ What, Text string }

// TestBrowser runs the cases of e2e/browser, each file in a new Chromium. Then it
// searches what the browser has stored, and the logs.
func TestBrowser(t *testing.T) {
	files, err := filepath.Glob("browser/*.test.mjs")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	node, chromium := testenv.NeedNode(t, packages), testenv.Need(t, "chromium")
	s := newScenery(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			w := s.world
			w.Chromium, w.Profile, w.Report = chromium, scratchDir(t), filepath.Join(t.TempDir(), "report.json")
			runCases(t, node, file, w)
			secrets := readSecrets(t, w.Report)
			s.secrets = append(s.secrets, secrets...)
			wantProfileClean(t, w.Profile, secrets)
		})
	}
	s.wantLogsClean(t)
}

// scratchDir makes a folder for Chromium that is removed after all tests, because some
// process of Chromium may still write when the test ends.
func scratchDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "browser-")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// runCases runs a file of cases in a world.
func runCases(t *testing.T, node, file string, w any) {
	t.Helper()
	argument, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--test-reporter=spec", file, string(argument))
	// Chromium stores what does not belong to the profile below HOME.
	cmd.Env = []string{"HOME=" + scratchDir(t), "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = attributes()
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

func readSecrets(t *testing.T, report string) []secret {
	t.Helper()
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []secret
	if err := json.Unmarshal(text, &secrets); err != nil || len(secrets) == 0 {
		t.Fatalf("report %s: got %d secrets, %v", text, len(secrets), err)
	}
	return secrets
}

// wantProfileClean searches the files that the browser leaves behind, such as its
// history, which has to contain a marker of harness.mjs.
func wantProfileClean(t *testing.T, profile string, secrets []secret) {
	t.Helper()
	var marked []string
	err := filepath.WalkDir(profile, func(path string, entry fs.DirEntry, err error) error {
		var text []byte
		if err == nil && entry.Type().IsRegular() {
			text, err = os.ReadFile(path)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a process of Chromium has removed it
		}
		for _, s := range secrets {
			if strings.Contains(string(text), s.Text) {
				t.Errorf("a %s is in the file %s of the browser", s.What, entry.Name())
			}
		}
		if strings.Contains(string(text), "url-marker-canary") {
			marked = append(marked, entry.Name())
		}
		return err
	})
	if err != nil || !slices.Contains(marked, "History") {
		t.Errorf("search of the profile: got the marker in %q, %v; want it in History", marked, err)
	}
}

// keyHash returns the hash of a certificate's key in the form that Chromium needs.
func keyHash(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(digest[:])
}
