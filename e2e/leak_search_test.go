//go:build e2e

package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/internal/testenv"
)

// What is put everywhere to be found: were it not, nothing else would be.
const (
	markerKey   = "marker-key-canary"
	markerValue = "marker-value-canary" // written in base64
	markerPath  = "/marker-path-canary"
)

// monitor is what Redis tells of every command from now on, to the end of the
// test.
func monitor(t *testing.T, redis *testenv.RedisServer) *transcript {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", redis.Addr())
	if err != nil {
		t.Fatal(err)
	}
	told, done := newTranscript(), make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		_, _ = io.Copy(told, conn)
	}()
	if _, err := io.WriteString(conn, "MONITOR\r\n"); err != nil {
		t.Fatal(err)
	}
	told.waitFor(t, "+OK")
	return told
}

// plant puts a marker everywhere, waits until it has come out everywhere, and
// returns what stands there, by the name of the place.
func plant(t *testing.T, r *fullRun, redis *testenv.RedisServer, told *transcript) map[string]string {
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
	told.waitFor(t, markerKey)
	places["MONITOR"] = told.String()
	awaitSave(t, places, redis)
	for _, name := range []string{"MONITOR", "dump.rdb", "appendonly.aof.1.incr.aof"} {
		wantMarker(t, places, name, markerKey)
		wantMarker(t, places, name, markerValue)
	}
	return places
}

// wantMarker checks that the search would find what is there.
func wantMarker(t *testing.T, places map[string]string, where, marker string) {
	t.Helper()
	for _, form := range disguises(marker) {
		if strings.Contains(places[where], form) {
			return
		}
	}
	t.Errorf("%s is not found in %s, where it was put", marker, where)
}

// awaitSave lets Redis save until the marker is in the file, and reads all of
// its files.
func awaitSave(t *testing.T, places map[string]string, redis *testenv.RedisServer) {
	t.Helper()
	setting, ok := redis.MustAsk("config", "get", "dir").([]any)
	if !ok || len(setting) != 2 {
		t.Fatalf("dir: got %v", setting)
	}
	end, tick := time.After(patience), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		// Refused while it saves already, maybe what was there before.
		_, _ = redis.Ask(t.Context(), "bgsave")
		readFiles(t, places, fmt.Sprint(setting[1]))
		if strings.Contains(places["dump.rdb"], markerKey) {
			return
		}
		select {
		case <-end:
			t.Fatal("the marker is not saved in time")
		case <-tick.C:
		}
	}
}

// readFiles reads all that lies in a directory: data, and Redis's own log.
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

// disguises are the forms in which a text may stand: as it is, in hex, and in
// base64 of either alphabet, which has three by where the text begins.
func disguises(secret string) []string {
	forms := []string{secret, hex.EncodeToString([]byte(secret))}
	for before := range 3 {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := encoding.EncodeToString([]byte(strings.Repeat(" ", before) + secret))
			// What is at the ends depends on the neighbours as well.
			first, last := (before*8+5)/6, (before+len(secret))*8/6
			forms = append(forms, text[first:last])
		}
	}
	return forms
}

// TestDisguises finds a text in base64 whatever stands around it.
func TestDisguises(t *testing.T) {
	const secret = "secret?>~text"
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		for before := range 4 {
			for behind := range 4 {
				around := strings.Repeat("a", before) + secret + strings.Repeat("z", behind)
				text := encoding.EncodeToString([]byte(around))
				found := slices.ContainsFunc(disguises(secret), func(form string) bool { return strings.Contains(text, form) })
				if !found {
					t.Errorf("%q is not found in %q, the base64 of %q", secret, text, around)
				}
			}
		}
	}
}
