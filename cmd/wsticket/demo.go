package main

import (
	"bytes"
	"crypto/rand"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed demo.html
var demoText string

// demo is the page of `wsticket dev`. It holds the bearer, which is good on this
// machine only; the router refuses every name but those of this machine.
type demo struct {
	page                                     *template.Template
	Bearer, Subject, Path, Parameter, Cookie string
}

// newDemo returns the page for a bearer of the subject, and for a path and a query
// parameter of the WebSocket.
func newDemo(bearer, subject, path, parameter string) (*demo, error) {
	page, err := template.New("demo").Parse(demoText)
	return &demo{page: page, Bearer: bearer, Subject: subject, Path: path, Parameter: parameter, Cookie: devCookie}, err
}

// ServeHTTP serves the page, with a policy that lets nothing but itself run.
func (d *demo) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	nonce := rand.Text()
	var page bytes.Buffer
	if err := d.page.Execute(&page, struct {
		*demo
		Nonce string
	}{d, nonce}); err != nil {
		http.Error(w, "the page is faulty", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", fmt.Sprintf(
		"default-src 'none'; script-src 'nonce-%[1]s'; style-src 'nonce-%[1]s'; connect-src 'self'; img-src data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'", nonce))
	_, _ = w.Write(page.Bytes())
}
