package keyfile_test

import (
	"encoding/pem"
	"strings"
	"testing"

	"wsticket/internal/keyfile"
)

func TestKind(t *testing.T) {
	t.Parallel()
	block := func(label string, headers map[string]string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: label, Headers: headers, Bytes: []byte("hunter2")}))
	}
	for want, text := range map[string]string{
		"a public key":                    block("RSA PUBLIC KEY", nil),
		"a private key of OpenSSH":        block("OPENSSH PRIVATE KEY", nil),
		"a private key":                   block("EC PARAMETERS", nil) + block("EC PRIVATE KEY", nil),
		"an encrypted private key":        block("ENCRYPTED PRIVATE KEY", nil),
		"an encrypted private key (opens": block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED"}),
		"a certificate":                   "by hand\n" + block("CERTIFICATE", nil),
		"a certificate request":           block("CERTIFICATE REQUEST", nil),
		"PEM of another kind":             block("HUNTER2", nil),
		"damaged PEM":                     "-----BEGIN PUBLIC KEY-----\nhunter2",
		"JSON":                            `{"hunter2": 1}`,
		"binary data":                     "0\x00hunter2",
		"text that is not PEM":            "hunter2",
	} {
		if got := keyfile.Kind([]byte(text)); !strings.HasPrefix(got, want) || strings.Contains(strings.ToLower(got), "hunter2") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
