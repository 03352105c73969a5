package service

import (
	"fmt"
	"os"
	"runtime"
	"slices"
)

// secretFile is a file that only this user should read, and the key that names
// it.
type secretFile struct{ key, path string }

func (s *Service) secretFiles() []secretFile {
	files := []secretFile{
		{"public.tls.key_file", s.cfg.Public.TLS.KeyFile},
		{"internal.tls.key_file", s.cfg.Internal.TLS.KeyFile},
		{"ticket.seal_key_file", s.cfg.Ticket.SealKeyFile},
		{"identity.assertion_key_file", s.cfg.Identity.AssertionKeyFile},
	}
	for n, issuer := range s.cfg.Issuers {
		files = append(files, secretFile{fmt.Sprintf("issuers[%d].hmac_secret_file", n), issuer.HMACSecretFile})
	}
	return slices.DeleteFunc(files, func(f secretFile) bool { return f.path == "" })
}

// othersMay are the bits of a mode that let others than the owner and the group
// read, and others than the owner write. A group may read: that is how a
// container gets at a secret that another user owns.
const othersMay = 0o026

// Warnings returns what is not wrong but weak: files with secrets that every user
// of this machine can read or change, and more connections than files can be
// open. The former is no fault, because volumes of orchestrators have such modes
// inside a container of their own, and the latter because serve may run under
// another limit than check-config.
func (s *Service) Warnings() []string {
	var found []string
	for _, file := range s.secretFiles() {
		info, err := os.Stat(file.path)
		if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&othersMay != 0 {
			found = append(found, fmt.Sprintf("%s: other users of this machine can read or change it (mode %04o): chmod 600 %s", file.key, info.Mode().Perm(), file.path))
		}
	}
	return append(found, s.places.warnings()...)
}
