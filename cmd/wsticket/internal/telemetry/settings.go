package telemetry

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"wsticket/internal/keyfile"
)

// CheckEndpoint returns what is wrong with the URL of a collector. The errors hold
// nothing of it.
func CheckEndpoint(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must be http://host:port or https://host:port of a collector that takes OTLP over HTTP, usually at port 4318")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("must have neither user name, query nor fragment: credentials are for telemetry.headers_file")
	case strings.HasSuffix(u.Path, tracesPath) || strings.HasSuffix(u.Path, metricsPath):
		return fmt.Errorf("must be without %s and %s, which are appended", tracesPath, metricsPath)
	}
	return nil
}

// ReadHeaders reads a file with a header of each request per line, such as
// "Authorization: Bearer abc". Empty lines, and those that begin with #, do not count.
// The errors hold nothing of the values.
func ReadHeaders(file string) (http.Header, error) {
	data, err := keyfile.Read(file)
	if err != nil {
		return nil, err
	}
	headers := http.Header{}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if strings.Trim(name, nameChars) != "" || name == "" || value == "" || strings.ContainsFunc(value, isNotPrintable) {
			return nil, keyfile.In(file, fmt.Errorf("line %d must be a header, such as Authorization: Bearer abc", n))
		}
		headers.Add(name, value)
	}
	if len(headers) == 0 {
		return nil, keyfile.In(file, errors.New("must hold at least one header, such as Authorization: Bearer abc"))
	}
	return headers, nil
}

const nameChars = "-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func isNotPrintable(c rune) bool { return c < ' ' || c > '~' }
