package service

import (
	"fmt"
	"os"
	"runtime"

	"wsticket/store/redisstore"
)

// The bits of a mode that let others read or change a file. The group may read a
// secret: that is how a container gets at one that another user owns.
const (
	othersReadOrChange = 0o026
	othersChange       = 0o002
)

// warnOfFiles is about files that every user of this machine can read or change. It
// is no fault, because volumes of orchestrators have such modes inside a container
// of their own.
func (s *generation) warnOfFiles(w *warnings) {
	cfg := s.cfg
	sqliteFile, _ := cfg.Database.SQLite()
	for _, file := range []struct{ key, path string }{
		{"public.tls.key_file", cfg.Public.TLS.KeyFile},
		{"internal.tls.key_file", cfg.Internal.TLS.KeyFile},
		{"ticket.seal_key_file", cfg.Ticket.SealKeyFile},
		{"identity.assertion_key_file", cfg.Identity.AssertionKeyFile},
		{"webhook.secret_file", cfg.Webhook.SecretFile},
		{"telemetry.headers_file", cfg.Telemetry.HeadersFile},
		{"store.url", cfg.Store.URL.PasswordFile()},
		{"store.url (key_file)", s.storeKeyFile()},
		{"database.url", cfg.Database.URL.PasswordFile()},
		{"database.url (the file)", sqliteFile},
	} {
		warnOfFile(w, file.key, file.path, othersReadOrChange)
	}
	for n, issuer := range cfg.Issuers {
		warnOfFile(w, fmt.Sprintf("issuers[%d].hmac_secret_file", n), issuer.HMACSecretFile, othersReadOrChange)
		warnOfFile(w, fmt.Sprintf("issuers[%d].public_key_file", n), issuer.PublicKeyFile, othersChange)
	}
	warnOfFile(w, "internal.tls.client_ca_file", cfg.Internal.TLS.ClientCAFile, othersChange)
	if s.configFile != cfg.Store.URL.PasswordFile() {
		warnOfFile(w, "--config", s.configFile, othersChange)
	}
}

func warnOfFile(w *warnings, key, path string, bits os.FileMode) {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || !info.Mode().IsRegular() {
		return // what cannot be read is a fault
	}
	mode := info.Mode().Perm()
	w.add(mode&bits != 0 && bits == othersReadOrChange, key, "other users of this machine can read or change it (mode %04o): chmod 600 %s", mode, path)
	w.add(mode&bits != 0 && bits == othersChange, key, "other users of this machine can change it (mode %04o): chmod o-w %s", mode, path)
}

// storeKeyFile returns the key of the client certificate for Redis.
func (s *Service) storeKeyFile() string {
	if redis, ok := s.store.(*redisstore.Store); ok {
		return redis.Link().KeyFile
	}
	return ""
}
