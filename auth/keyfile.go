package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"wsticket/internal/keyfile"
)

var errNotPublic = errors.New("not a public key or certificate in PEM, nor a JWK or JWK set in JSON")

// readKeyFile reads public keys: PEM (PKIX, PKCS #1, certificate; one or
// more), a JWK or a JWK set. Unlike in a set that came from a URL, a key that is
// wrong is an error: somebody put it there on purpose. The dates of a
// certificate do not count, because the operator chose the file.
func readKeyFile(path string) ([]*key, error) {
	data, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeyFile(data)
	if errors.Is(err, errNotPublic) {
		err = fmt.Errorf("%w (it holds %s)", err, keyfile.Kind(data))
	}
	if errors.Is(err, errPrivate) {
		err = fmt.Errorf("%w, must hold the public one (openssl pkey -in FILE -pubout -out NEW)", err)
	}
	return keys, keyfile.In(path, err)
}

func parseKeyFile(data []byte) ([]*key, error) {
	if bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(data, byteOrderMark)), []byte("{")) {
		return readJWKFile(data)
	}
	return readPEM(data)
}

// readJWKFile reads every key of a JWK or JWK set. An entry that is only meant
// for something else is ignored, as in a copy of a provider's set.
func readJWKFile(data []byte) ([]*key, error) {
	read, err := readJWKs(data, true)
	if err != nil {
		return nil, err
	}
	for _, skipped := range read.skipped {
		if !skipped.Harmless {
			return nil, errors.New(skipped.String())
		}
	}
	if len(read.keys) == 0 {
		return nil, read.none()
	}
	return read.keys, nil
}

// readPEM reads every block of a file. Text between blocks is ignored (RFC
// 7468 2), but a block that cannot be read is not.
func readPEM(data []byte) ([]*key, error) {
	blocks := bytes.Count(data, []byte("-----BEGIN "))
	var keys []*key
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			break
		}
		public, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
		}
		k, err := newKey(public)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", len(keys)+1, err)
		}
		keys, data = append(keys, k), rest
	}
	if len(keys) == 0 || len(keys) != blocks {
		return nil, errNotPublic
	}
	return keys, nil
}

// parseBlock reads a block by its label. A private key is a separate error,
// because it should not be on this machine at all.
func parseBlock(block *pem.Block) (crypto.PublicKey, error) {
	var public crypto.PublicKey
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	case "PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY":
		return nil, errPrivate
	default:
		return nil, errNotPublic
	}
	if err != nil {
		return nil, errNotPublic // the parser's text may quote the file
	}
	return public, nil
}

// newKey applies the rules for a key that has no name.
func newKey(public crypto.PublicKey) (*key, error) {
	if defaultAlgorithm(public) == "" || isSecret(public) {
		return nil, errKeyType
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		if err := checkRSA(public); err != nil {
			return nil, err
		}
	case *ecdsa.PublicKey:
		if _, err := public.ECDH(); err != nil {
			return nil, errPoint
		}
	}
	return &key{public: public}, nil
}
