//go:build e2e

package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// The markers are put everywhere. If the search did not find them, it would not find
// secrets either.
const (
	markerKey   = "marker-key-canary"
	markerValue = "marker-value-canary" // written in base64
	markerPath  = "/marker-path-canary"
)

// monitor records all commands that Redis executes from now on until the test ends.
func monitor(t *testing.T, redis *testenv.RedisServer) *test.Output {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", redis.Addr())
	if err != nil {
		t.Fatal(err)
	}
	commands, done := new(test.Output), make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		_, _ = io.Copy(commands, conn)
	}()
	if _, err := io.WriteString(conn, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	commands.WaitFor(t, "+OK")
	return commands
}

// plant puts a marker everywhere, waits until it is there, and returns the content
// of all places by their names.
func plant(t *testing.T, r *fullRun, redis *testenv.RedisServer, commands *test.Output) map[string]string {
	t.Helper()
	value := base64.StdEncoding.EncodeToString([]byte("{" + markerValue + "}"))
	redis.MustAsk("set", markerKey, value)
	places := make(map[string]string)
	for name, s := range map[string]server{"one log": r.a, "the other log": r.b} {
		if _, err := r.client.send(t.Context(), http.MethodGet, "http://"+s.public+markerPath, r.bearer); err != nil {
			t.Fatal(err)
		}
		s.stop(t)
		places[name] = s.log.String()
		wantMarker(t, places, name, markerPath)
	}
	commands.WaitFor(t, markerKey)
	places["MONITOR"] = commands.String()
	awaitSave(t, places, redis)
	for _, name := range []string{"MONITOR", "dump.rdb", "appendonly.aof.1.incr.aof"} {
		wantMarker(t, places, name, markerKey)
		wantMarker(t, places, name, markerValue)
	}
	return places
}

// wantMarker checks that the search finds a marker.
func wantMarker(t *testing.T, places map[string]string, where, marker string) {
	t.Helper()
	for _, form := range disguises(marker) {
		if strings.Contains(places[where], form) {
			return
		}
	}
	t.Errorf("the search does not find %s in %s", marker, where)
}

// awaitSave makes Redis save until the marker is in its dump, and reads all its
// files.
func awaitSave(t *testing.T, places map[string]string, redis *testenv.RedisServer) {
	t.Helper()
	dir := dataDir(t, redis)
	test.Wait(t, "Redis saves the marker", func() bool {
		// It is refused while Redis saves already, perhaps without the marker.
		_, _ = redis.Ask(t.Context(), "bgsave")
		readFiles(t, places, dir)
		return strings.Contains(places["dump.rdb"], markerKey)
	})
}

// dataDir returns the directory of a Redis.
func dataDir(t *testing.T, redis *testenv.RedisServer) string {
	t.Helper()
	setting, ok := redis.MustAsk("config", "get", "dir").([]any)
	if !ok || len(setting) != 2 {
		t.Fatalf("dir: got %v", setting)
	}
	return fmt.Sprint(setting[1])
}

// readFiles reads all files of a directory: data and the log of Redis.
func readFiles(t *testing.T, places map[string]string, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		places[entry.Name()] = string(text)
		return err
	})
	// A temporary file may be gone before it is read.
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// disguises returns the forms in which a text may occur: as it is, in hex, and in
// base64 of both alphabets, with three forms each, depending on where it begins.
func disguises(secret string) []string {
	forms := []string{secret, hex.EncodeToString([]byte(secret))}
	for before := range 3 {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := encoding.EncodeToString([]byte(strings.Repeat(" ", before) + secret))
			// The characters at both ends depend on the bytes around.
			first, last := (before*8+5)/6, (before+len(secret))*8/6
			forms = append(forms, text[first:last])
		}
	}
	return forms
}

// search finds any of many secrets in one pass over a text.
type search struct {
	width int // of the keys
	// forms has the disguises of all secrets by their first bytes.
	forms map[string][]finding
}

// finding is a secret, and the form in which it is in a text.
type finding struct{ what, form string }

// newSearch prepares a search for texts by their description.
func newSearch(secrets map[string]string) search {
	s := search{width: math.MaxInt, forms: make(map[string][]finding)}
	var all []finding
	for what, secret := range secrets {
		for _, form := range disguises(secret) {
			all = append(all, finding{what, form})
			s.width = min(s.width, len(form))
		}
	}
	for _, f := range all {
		key := f.form[:s.width]
		s.forms[key] = append(s.forms[key], f)
	}
	return s
}

// in returns each secret that is in a text once, in the form that comes first.
func (s search) in(text string) (all []finding) {
	seen := make(map[string]bool)
	for i := 0; i+s.width <= len(text); i++ {
		for _, f := range s.forms[text[i:i+s.width]] {
			if !seen[f.what] && strings.HasPrefix(text[i:], f.form) {
				seen[f.what] = true
				all = append(all, f)
			}
		}
	}
	return all
}
