package service

import (
	"crypto/sha256"
	"io"
	"maps"
	"os"
	"slices"
)

// maxWatched is how much of a file is looked at. Longer ones are refused as settings and
// as keys.
const maxWatched = 2 << 20

// watched are files, and what was in them. It looks at their contents and asks the
// system for no news, because those are lost in the ways that files are replaced:
// editors rename a new one into the place, Kubernetes swaps a folder that names lead
// through, and some network file systems have no news.
type watched struct {
	config string   // empty if there is no such file
	names  []string // of the settings that are in use, and of those that were tried last
	seen   looks
	// pending is the last look, if it differs from seen: a change is one when two looks
	// agree, so that a file is not read while it is being written.
	pending looks
}

// looks are what was seen, by the names of the files.
type looks map[string][sha256.Size]byte

func (w *watched) begin(config string, names []string) {
	w.config, w.names = config, names
	w.take()
}

// add looks at these files from now on, in addition to those before.
func (w *watched) add(names []string) {
	for _, name := range names {
		if _, known := w.seen[name]; !known {
			w.seen[name] = digestOf(name)
			w.names = append(w.names, name)
		}
	}
}

// only looks at no other files than these from now on.
func (w *watched) only(names []string) {
	w.names = names
	maps.DeleteFunc(w.seen, func(name string, _ [sha256.Size]byte) bool {
		return name != w.config && !slices.Contains(names, name)
	})
}

// take takes the files as they are.
func (w *watched) take() { w.seen, w.pending = w.lookAt(), nil }

// look returns the names of the files that have changed, when the look before saw the
// same.
func (w *watched) look() (changed []string) {
	now := w.lookAt()
	switch {
	case maps.Equal(now, w.seen):
		w.pending = nil
	case !maps.Equal(now, w.pending):
		w.pending = now
	default:
		for _, name := range slices.Sorted(maps.Keys(now)) {
			if before, known := w.seen[name]; !known || before != now[name] {
				changed = append(changed, name)
			}
		}
		w.seen, w.pending = now, nil
	}
	return changed
}

func (w *watched) lookAt() looks {
	now := make(looks)
	for _, name := range append([]string{w.config}, w.names...) {
		if name != "" {
			now[name] = digestOf(name)
		}
	}
	return now
}

// digestOf returns a digest of what is in a file, or of why that cannot be read.
func digestOf(name string) (digest [sha256.Size]byte) {
	info, err := os.Stat(name)
	if err != nil {
		return sha256.Sum256([]byte("stat: " + err.Error()))
	}
	if !info.Mode().IsRegular() {
		return digest // reading a pipe would take what is in it
	}
	file, err := os.Open(name)
	if err != nil {
		return sha256.Sum256([]byte("open: " + err.Error()))
	}
	defer func() { _ = file.Close() }()
	hash := sha256.New()
	if _, err := io.Copy(hash, io.LimitReader(file, maxWatched)); err != nil {
		return sha256.Sum256([]byte("read: " + err.Error()))
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
