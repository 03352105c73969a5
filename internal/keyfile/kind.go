package keyfile

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"strings"
)

// Kind says in words what a file seems to hold, from its labels alone: "a public
// key", "a certificate". It repeats nothing of the content but the kinds that
// PEM has labels for.
func Kind(data []byte) string {
	block, rest := pem.Decode(data)
	switch {
	case block != nil && block.Type == "EC PARAMETERS": // openssl writes them before the key
		return Kind(rest)
	case block != nil:
		return kindOf(block)
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return "damaged PEM"
	case json.Valid(data):
		return "JSON"
	case bytes.IndexByte(data, 0) >= 0:
		return "binary data (PEM is needed: openssl can convert DER)"
	default:
		return "text that is not PEM"
	}
}

func kindOf(block *pem.Block) string {
	switch label := block.Type; {
	case label == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return "an encrypted private key (openssl pkey -in FILE -out NEW decrypts it)"
	case label == "OPENSSH PRIVATE KEY":
		return "a private key of OpenSSH (ssh-keygen -p -m PKCS8 -f FILE converts it)"
	case strings.HasSuffix(label, "PRIVATE KEY"):
		return "a private key"
	case strings.HasSuffix(label, "PUBLIC KEY"):
		return "a public key"
	case strings.HasSuffix(label, "CERTIFICATE REQUEST"):
		return "a certificate request"
	case strings.HasSuffix(label, "CERTIFICATE"):
		return "a certificate"
	default:
		return "PEM of another kind"
	}
}
