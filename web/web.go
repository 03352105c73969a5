// Package web has the pages that are served: the demo of `wsticket dev`, and the
// page of the operators. `make web` builds them from src; what is built is
// committed, so that a Go toolchain is enough to build the program.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed dist
var dist embed.FS

// policy lets a page load its own files, talk to its own server and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Demo serves the demo page: index.html at its own path, and the files that it
// names below it.
func Demo() http.Handler { return pages("demo") }

// Ops serves the page of the operators in the same way.
func Ops() http.Handler { return pages("ops") }

// kinds are the types of the files, by their extensions. Those of package mime are what
// the machine says, and a browser runs no script of another type.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
}

type file struct {
	name, kind, tag string
	content         []byte
}

// pages serves a folder of dist: the file by the last element of the path, and
// index.html for every other path.
func pages(folder string) http.Handler {
	files := map[string]file{}
	entries, err := fs.ReadDir(dist, "dist/"+folder)
	if err != nil {
		panic(err) // it is embedded
	}
	for _, entry := range entries {
		content, err := fs.ReadFile(dist, path.Join("dist", folder, entry.Name()))
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		files[entry.Name()] = file{
			name: entry.Name(), kind: kinds[path.Ext(entry.Name())],
			tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, content: content,
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[path.Base(r.URL.Path)]
		if !ok {
			f = files["index.html"]
		}
		f.serve(w, r)
	})
}

func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Resource-Policy", "same-origin") // a foreign page learns not even that it is here
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, f.name, time.Time{}, bytes.NewReader(f.content))
}
